"""Which signatures can classify or regress."""

from __future__ import annotations

from typing import Any

import pytest
from tensorflow.core.protobuf import meta_graph_pb2

from interestflow.serving.server.example_signatures import CLASSIFY, REGRESS, classify_outputs, regress_outputs
from tests.serving.server.checks import invalid_message


def signature(inputs: str, outputs: str, method: str = "tensorflow/serving/predict") -> Any:
    definition = meta_graph_pb2.SignatureDef(method_name=method)
    for name in inputs.split():
        definition.inputs[name].SetInParent()
    for name in outputs.split():
        definition.outputs[name].SetInParent()
    return definition


def test_signatures_that_classify() -> None:
    assert classify_outputs(signature("inputs", "scores classes"), False) == ["classes", "scores"]
    assert classify_outputs(signature("inputs", "scores"), False) == ["scores"]
    assert classify_outputs(signature("inputs", "scores more", CLASSIFY), True) == ["scores"]


def test_signatures_that_regress() -> None:
    assert regress_outputs(signature("inputs", "outputs"), False) == ["outputs"]
    assert regress_outputs(signature("inputs", "outputs", REGRESS), True) == ["outputs"]


@pytest.mark.parametrize(
    ("inputs", "outputs", "says"),
    [
        ("inputs more", "scores", "Expected one input Tensor."),
        ("inputs", "a b c", "Expected one or two output Tensors, found 3"),
        ("x", "scores", "No classification inputs found in SignatureDef: expected `inputs`, found `x`"),
        ("inputs", "y", 'at least one of "classes" or "scores". The signature has y'),
    ],
)
def test_signatures_that_cannot_classify(inputs: str, outputs: str, says: str) -> None:
    assert says in invalid_message(lambda: classify_outputs(signature(inputs, outputs), False))


@pytest.mark.parametrize(
    ("inputs", "outputs", "says"),
    [
        ("inputs more", "outputs", "Expected one input Tensor."),
        ("inputs", "a b", "Expected one output Tensor."),
        ("x", "outputs", "No regression inputs found in SignatureDef: expected `inputs`, found `x`"),
        ("inputs", "y", "No regression outputs found in SignatureDef: expected `outputs`, found `y`"),
    ],
)
def test_signatures_that_cannot_regress(inputs: str, outputs: str, says: str) -> None:
    assert says in invalid_message(lambda: regress_outputs(signature(inputs, outputs), False))


def test_the_method_is_checked_where_that_is_asked_for() -> None:
    assert invalid_message(lambda: classify_outputs(signature("inputs", "scores"), True)) == (
        "Expected classification signature method_name to be tensorflow/serving/classify. "
        "Was: tensorflow/serving/predict"
    )
    message = invalid_message(lambda: regress_outputs(signature("inputs", "outputs"), True))
    assert "regression signature method_name" in message
