"""The exporter refuses models that a session cannot restore or run, or whose answers differ from those in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from interestflow.serving.export.saved_model_writer import ExportError, write_saved_model
from interestflow.serving.export.session_check import check_export, expected_outputs
from interestflow.serving.warm_up import write_warm_up

X = np.array([1.0, -2.0], np.float32)


def request(signature: str, x: np.ndarray = X) -> predict_pb2.PredictRequest:
    message = predict_pb2.PredictRequest()
    message.model_spec.signature_name = signature
    message.inputs["x"].CopyFrom(tf.make_tensor_proto(x))
    return message


def scaled(factor: tf.Variable) -> Any:
    """Return a concrete function, which does not keep its variable alive."""
    function = tf.function(lambda x: {"y": factor * x}, autograph=False)
    return function.get_concrete_function(x=tf.TensorSpec([None], tf.float32, name="x"))


def test_a_model_that_answers_as_in_memory_passes(tmp_path: Path) -> None:
    factor = tf.Variable(3.0)
    signatures = {"scale": scaled(factor)}
    write_saved_model(signatures, None, str(tmp_path))
    write_warm_up(tmp_path, [request("scale")])
    check_export(str(tmp_path), expected_outputs(str(tmp_path), signatures))


def test_a_signature_that_no_warm_up_request_asks_is_named(tmp_path: Path) -> None:
    factor = tf.Variable(3.0)
    signatures = {"scale": scaled(factor), "other": scaled(factor)}
    write_saved_model(signatures, None, str(tmp_path))
    write_warm_up(tmp_path, [request("scale")])
    with pytest.raises(ExportError, match="should ask every signature, it lacks other"):
        check_export(str(tmp_path), expected_outputs(str(tmp_path), signatures))


def test_variables_that_the_signatures_read_but_that_are_not_restored(tmp_path: Path) -> None:
    """A module that tracks a Keras layer, saved as it stands: each variable is there twice."""
    module = tf.Module()
    module.dense = keras.layers.Dense(1)
    module.dense.build([None, 1])
    function = tf.function(lambda x: {"y": module.dense(x[:, tf.newaxis])[:, 0]}, autograph=False)
    signature = function.get_concrete_function(x=tf.TensorSpec([None], tf.float32, name="x"))
    tf.saved_model.save(module, str(tmp_path), signatures={"dense": signature})
    write_warm_up(tmp_path, [request("dense")])
    with pytest.raises(ExportError, match="signature dense of the exported model fails in a session"):
        check_export(str(tmp_path), expected_outputs(str(tmp_path), {"dense": signature}))


def test_other_weights_than_in_memory(tmp_path: Path) -> None:
    factor = tf.Variable(3.0)
    signatures = {"scale": scaled(factor)}
    write_saved_model(signatures, None, str(tmp_path))
    write_warm_up(tmp_path, [request("scale")])
    factor.assign(3.001)
    with pytest.raises(ExportError, match="output `y` of scale should be the same in a session as in memory"):
        check_export(str(tmp_path), expected_outputs(str(tmp_path), signatures))


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be restored by a session"):
        check_export(str(tmp_path), [])
