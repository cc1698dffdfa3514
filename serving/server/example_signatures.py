"""Checks that a signature can classify or regress `tf.Example`s, by the names of its tensors."""

from __future__ import annotations

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from interestflow.serving.server.errors import invalid

CLASSIFY = tf.saved_model.CLASSIFY_METHOD_NAME
REGRESS = tf.saved_model.REGRESS_METHOD_NAME
INPUTS = tf.saved_model.CLASSIFY_INPUTS
CLASSES = tf.saved_model.CLASSIFY_OUTPUT_CLASSES
SCORES = tf.saved_model.CLASSIFY_OUTPUT_SCORES
VALUES = tf.saved_model.REGRESS_OUTPUTS
_KINDS = {CLASSIFY: "classification", REGRESS: "regression"}


def classify_outputs(signature: meta_graph_pb2.SignatureDef, check_method: bool) -> list[str]:
    """Return the outputs of a signature that can classify: classes, scores or both.

    Args:
        signature: SignatureDef.
        check_method: whether it has to be of the method classify as well.

    Raises:
        ServingError: INVALID_ARGUMENT where it cannot classify.
    """
    _check_method(signature, CLASSIFY, check_method)
    if len(signature.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    _check_input(signature, CLASSIFY)
    names = [name for name in (CLASSES, SCORES) if name in signature.outputs]
    if not names:
        raise invalid(
            f'Expected classification signature outputs to contain at least one of "{CLASSES}" or "{SCORES}". '
            f"The signature has {', '.join(sorted(signature.outputs))}"
        )
    return names


def regress_outputs(signature: meta_graph_pb2.SignatureDef, check_method: bool) -> list[str]:
    """Return the output of a signature that can regress.

    Args:
        signature: SignatureDef.
        check_method: whether it has to be of the method regress as well.

    Raises:
        ServingError: INVALID_ARGUMENT where it cannot regress.
    """
    _check_method(signature, REGRESS, check_method)
    if len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    _check_input(signature, REGRESS)
    if VALUES not in signature.outputs:
        (name,) = signature.outputs
        raise invalid(f"No regression outputs found in SignatureDef: expected `{VALUES}`, found `{name}`")
    return [VALUES]


def _check_method(signature: meta_graph_pb2.SignatureDef, method: str, check_method: bool) -> None:
    if check_method and signature.method_name != method:
        raise invalid(f"Expected {_KINDS[method]} signature method_name to be {method}. Was: {signature.method_name}")
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")


def _check_input(signature: meta_graph_pb2.SignatureDef, method: str) -> None:
    if INPUTS not in signature.inputs:
        (name,) = signature.inputs
        raise invalid(f"No {_KINDS[method]} inputs found in SignatureDef: expected `{INPUTS}`, found `{name}`")
