"""Bodies of REST `classify` and `regress` requests, which hold examples, and the bodies of their answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorflow.core.example import example_pb2, feature_pb2
from tensorflow_serving.apis import classification_pb2, input_pb2, regression_pb2

from interestflow.serving.server.errors import invalid
from interestflow.serving.server.rest_json import (
    MismatchError,
    decode_base64,
    encode_text,
    format_error,
    is_base64,
    to_doubles,
    type_name,
    write_array,
    write_list,
    write_object,
    write_rows,
)

MAX_FEATURES = 2**18
"""Most features in all examples of a request together. Each takes half a kilobyte once it is a message."""
_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def read_input(body: dict[str, Any], max_examples: int = 10_000) -> input_pb2.Input:
    """Return the examples of a body, and the `context` that they share if it has one.

    Raises:
        ServingError: INVALID_ARGUMENT, naming the feature that is wrong or the limit that is exceeded.
    """
    if "examples" not in body:
        raise format_error(body, "When method is classify, key 'examples' is expected and was not found")
    rows = body["examples"]
    if not isinstance(rows, list):
        raise format_error(body, "Expecting 'examples' value to be an list/array")
    if not rows:
        raise format_error(body, "'examples' value is an empty array")
    if len(rows) > max_examples:
        raise invalid(f"'examples' should be at most {max_examples:,} (`max_candidates`), received {len(rows):,}")
    count = sum(len(row) for row in [*rows, body.get("context")] if isinstance(row, dict))
    if count > MAX_FEATURES:
        raise invalid(f"'examples' should have at most {MAX_FEATURES:,} features together, received {count:,}")
    if "context" not in body:
        examples = [_read_example(row) for row in rows]
        return input_pb2.Input(example_list=input_pb2.ExampleList(examples=examples))
    context = _read_example(body["context"])
    examples = [_read_example(row) for row in rows]
    return input_pb2.Input(
        example_list_with_context=input_pb2.ExampleListWithContext(examples=examples, context=context)
    )


def write_classifications(result: classification_pb2.ClassificationResult) -> bytes:
    """Return the body of an answer, which has `[label, score]` for each class of each example.

    Raises:
        ServingError: INVALID_ARGUMENT for an empty result.
    """
    if not result.classifications:
        raise invalid("Cannot convert empty ClassificationResults to JSON")
    rows = []
    for classification in result.classifications:
        labels = np.array([member.label.encode() for member in classification.classes], object)
        scores = np.array([member.score for member in classification.classes], np.float32)
        pairs = zip(write_rows(labels, is_bytes=False), write_rows(scores, is_bytes=False), strict=True)
        rows.append(write_list(map(write_list, pairs)))
    return write_object({"results": write_list(rows)})


def write_regressions(result: regression_pb2.RegressionResult) -> bytes:
    """Return the body of an answer, which has a number for each example.

    Raises:
        ServingError: INVALID_ARGUMENT for an empty result.
    """
    if not result.regressions:
        raise invalid("Cannot convert empty RegressionResults to JSON")
    values = np.array([regression.value for regression in result.regressions], np.float32)
    return write_object({"results": write_array(values, is_bytes=False)})


def _read_example(row: Any) -> example_pb2.Example:
    if not isinstance(row, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_name(row)}")
    example = example_pb2.Example()
    for name, value in row.items():
        try:
            name_text = encode_text(name).decode()
        except UnicodeDecodeError:
            raise invalid("Feature names should be UTF-8, received one that is not") from None
        example.features.feature[name_text].CopyFrom(_feature(name_text, value if isinstance(value, list) else [value]))
    return example


def _feature(name: str, values: list[Any]) -> feature_pb2.Feature:
    """Return the feature of these values, which should all be of the kind of the first."""
    kinds = list(map(_kind, values))
    if None in kinds:
        value = values[kinds.index(None)]
        raise invalid(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")
    if len(set(kinds)) > 1:
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {_KINDS[str(kinds[0])]}")
    feature = feature_pb2.Feature()
    if not values:
        return feature
    if kinds[0] == "bytes_list":
        feature.bytes_list.value.extend(map(_bytes, values))
    elif kinds[0] == "int64_list":
        if not all(-(2**63) <= value < 2**63 for value in values):
            raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
        feature.int64_list.value.extend(map(int, values))
    else:
        with np.errstate(over="ignore"):  # a double that no float can hold becomes infinite
            feature.float_list.value.extend(to_doubles(values).astype(np.float32).tolist())
    return feature


def _kind(value: Any) -> str | None:
    if isinstance(value, str) or is_base64(value):
        return "bytes_list"
    if isinstance(value, int):  # a bool is one too; integers beyond 64 bits are doubles to TensorFlow Serving's parser
        return "int64_list" if -(2**63) <= value < 2**64 else "float_list"
    return "float_list" if isinstance(value, float) else None


def _bytes(value: Any) -> bytes:
    try:
        return encode_text(value) if isinstance(value, str) else decode_base64(value)
    except MismatchError as error:
        raise invalid(str(error)) from None
