"""Examples of a `classify` or `regress` body, and the answers to both."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow.core.example import example_pb2
from tensorflow_serving.apis import classification_pb2, regression_pb2

from interestflow.serving.server.errors import ServingError
from interestflow.serving.server.rest_examples import MAX_FEATURES, read_input, write_classifications, write_regressions


def example(text: str) -> example_pb2.Example:
    return text_format.Parse(text, example_pb2.Example())


def refusal(body: dict[str, Any]) -> str:
    with pytest.raises(ServingError) as raised:
        read_input(body)
    return raised.value.message


def test_kinds_of_features() -> None:
    row = {"f": [0.5, 1.5], "i": 3, "b": True, "s": ["a", {"b64": "/w=="}], "é": [], "big": 2**70}
    (read,) = read_input({"examples": [row]}).example_list.examples
    assert read == example(
        'features { feature { key: "f" value { float_list { value: [0.5, 1.5] } } }'
        ' feature { key: "i" value { int64_list { value: 3 } } }'
        ' feature { key: "b" value { int64_list { value: 1 } } }'
        ' feature { key: "s" value { bytes_list { value: ["a", "\\377"] } } }'
        ' feature { key: "é" value {} }'
        f' feature {{ key: "big" value {{ float_list {{ value: {2.0**70} }} }} }} }}'
    )


def test_a_context_is_kept_apart() -> None:
    read = read_input({"context": {"x": 1}, "examples": [{}, {"y": 2}]}).example_list_with_context
    assert read.context == example('features { feature { key: "x" value { int64_list { value: 1 } } } }')
    assert len(read.examples) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
        ({"examples": {}}, "JSON Value: {\n    \"examples\": {}\n} Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{}], "context": "a"}, "Example must be JSON object but got JSON String"),
        ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": {"y": 1}}]}, "Feature: x has element with unexpected JSON type: Object"),
        ({"examples": [{"x": [[1]]}]}, "Feature: x has element with unexpected JSON type: Array"),
        ({"examples": [{"x": [1, 0.5]}]}, "Unexpected element type in feature: x expecting type: int64"),
        ({"examples": [{"x": ["a", 0.5]}]}, "Unexpected element type in feature: x expecting type: bytes"),
        ({"examples": [{"x": 2**63}]}, "Feature: x has uint64 element. Only int64 is supported."),
        ({"examples": [{"x": {"b64": "!"}}]}, "Unable to base64 decode"),
        ({"examples": [{"x": float("1e400")}]}, "JSON Parse error: Number too big to be stored in double."),
        ({"examples": [{"x": 10**400}]}, "JSON Parse error: Number too big to be stored in double."),
        ({"examples": [{"\udcff": 1}]}, "Feature names should be UTF-8, received one that is not"),
    ],
)
def test_what_is_no_example(body: dict[str, Any], message: str) -> None:
    assert refusal(body) == message


def test_the_number_of_examples_and_features_is_bounded() -> None:
    assert len(read_input({"examples": [{}] * 10_000}).example_list.examples) == 10_000
    with pytest.raises(ServingError) as raised:
        read_input({"examples": [{}] * 4}, max_examples=3)
    assert raised.value.message == "'examples' should be at most 3 (`max_candidates`), received 4"
    row = dict.fromkeys(map(str, range(MAX_FEATURES // 2 + 1)), 1)
    assert len(read_input({"examples": [row], "context": {}}).example_list_with_context.examples) == 1
    assert refusal({"examples": [{}], "context": row | {f"{key}+": 1 for key in row}}).endswith("received 262,146")
    assert refusal({"examples": [row, row]}) == (
        f"'examples' should have at most {MAX_FEATURES:,} features together, received {MAX_FEATURES + 2:,}"
    )


def test_answers() -> None:
    classes = [classification_pb2.Class(label="yes", score=0.1), classification_pb2.Class(label='"no"', score=1.0)]
    result = classification_pb2.ClassificationResult(
        classifications=[classification_pb2.Classifications(classes=classes), classification_pb2.Classifications()]
    )
    assert write_classifications(result) == b'{"results": [[["yes", 0.1], ["\\"no\\"", 1.0]], []]}'
    values = [regression_pb2.Regression(value=value) for value in (0.1, float("nan"))]
    assert write_regressions(regression_pb2.RegressionResult(regressions=values)) == b'{"results": [0.1, NaN]}'


def test_answers_to_nothing() -> None:
    with pytest.raises(ServingError, match="Cannot convert empty ClassificationResults to JSON"):
        write_classifications(classification_pb2.ClassificationResult())
    with pytest.raises(ServingError, match="Cannot convert empty RegressionResults to JSON"):
        write_regressions(regression_pb2.RegressionResult())
