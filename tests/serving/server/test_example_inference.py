"""Classify and regress: decoding of examples, and outputs that are neither classes nor values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, input_pb2, regression_pb2

from interestflow.serving.server.errors import ServingError
from interestflow.serving.server.example_inference import ExampleTask, serialize_examples
from tests.serving.server.checks import invalid_message

TWO = [b"", b""]


class Outputs:
    """A servable and runner whose answer is given."""

    def __init__(self, **outputs: Any) -> None:
        self._outputs = outputs

    def inputs(self, *_: Any) -> dict[str, np.ndarray]:
        return {}

    def run(self, *_: Any) -> Any:
        return self._outputs


def task(**outputs: Any) -> ExampleTask:
    source: Any = Outputs(**outputs)
    return ExampleTask(source, source, "", list(outputs))


def test_a_context_comes_before_each_example() -> None:
    context, item = tf.train.Example(), tf.train.Example()
    for example, value in ((context, 1), (item, 2)):
        example.features.feature["x"].int64_list.value.append(value)
    context.features.feature["y"].int64_list.value.append(3)
    listed = input_pb2.ExampleListWithContext(context=context, examples=[item, tf.train.Example()])
    first, second = map(
        tf.train.Example.FromString, serialize_examples(input_pb2.Input(example_list_with_context=listed))
    )
    assert [dict(e.features.feature)["x"].int64_list.value[:] for e in (first, second)] == [[2], [1]]
    assert first.features.feature["y"].int64_list.value[:] == [3]
    assert invalid_message(lambda: serialize_examples(input_pb2.Input())) == "Input is empty."


def test_a_context_that_is_repeated_too_often_is_refused_before_it_is() -> None:
    context = tf.train.Example()
    context.features.feature["x"].bytes_list.value.append(b"x" * 2**20)
    listed = input_pb2.ExampleListWithContext(context=context, examples=[tf.train.Example()] * 1000)  # for 1 GB
    with pytest.raises(ServingError, match=r"should take at most 67,108,864 bytes \(`max_expanded_bytes`\)"):
        serialize_examples(input_pb2.Input(example_list_with_context=listed))


def test_classes_scores_or_both() -> None:
    classes = np.array([[b"yes", b"no"], [b"\xff", b"no"]], object)
    scores = np.float32([[0.75, 0.25], [0.5, 0.5]])
    result = classification_pb2.ClassificationResult()
    task(classes=classes, scores=scores).classify(TWO, result)
    assert [[(c.label, c.score) for c in row.classes] for row in result.classifications] == [
        [("yes", 0.75), ("no", 0.25)], [("\ufffd", 0.5), ("no", 0.5)],
    ]  # fmt: skip
    for name, output in (("classes", classes), ("scores", scores)):
        result = classification_pb2.ClassificationResult()
        task(**{name: output}).classify(TWO, result)
        assert [len(row.classes) for row in result.classifications] == [2, 2]


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ({"scores": np.zeros(2, np.float32)}, "Expected Tensor shape: [batch_size num_classes] but got [2]"),
        ({"scores": np.zeros((3, 1), np.float32)}, "Expected scores output batch size of 2. Got: 3"),
        ({"scores": np.zeros((2, 1), np.int32)}, "Expected scores Tensor of DT_FLOAT. Got: int32"),
        ({"classes": np.zeros((2, 1), np.int64)}, "Expected classes Tensor of DT_STRING. Got: int64"),
        (
            {"classes": np.full((2, 3), b"a", object), "scores": np.zeros((2, 2), np.float32)},
            "Tensors class and score should match in dim_size(1). Got [2, 3]",
        ),
    ],
)
def test_outputs_that_are_no_classes(outputs: dict[str, Any], says: str) -> None:
    assert says in invalid_message(lambda: task(**outputs).classify(TWO, classification_pb2.ClassificationResult()))


def test_values() -> None:
    for values in (np.float32([1, 2]), np.float32([[1], [2]])):
        result = regression_pb2.RegressionResult()
        task(outputs=values).regress(TWO, result)
        assert [row.value for row in result.regressions] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros((2, 2), np.float32), "either [batch_size] or [batch_size, 1] but got [2, 2]"),
        (np.float32(1), "either [batch_size] or [batch_size, 1] but got []"),
        (np.zeros(3, np.float32), "Input batch size did not match output batch size: 2 vs. 3"),
        (np.zeros(2, np.float64), "Expected output Tensor of DT_FLOAT. Got: float64"),
    ],
)
def test_outputs_that_are_no_values(values: Any, says: str) -> None:
    assert says in invalid_message(lambda: task(outputs=values).regress(TWO, regression_pb2.RegressionResult()))
