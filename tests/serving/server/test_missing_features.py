"""Which requests lack a feature that was present in every training example."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from interestflow.serving.server.missing_features import FeatureCheck

FEATURES = ("device", "hour", "temperature", "category", "nowhere")
DTYPES = {"device": tf.string, "hour": tf.int64, "temperature": tf.float32, "category": tf.string, "item": tf.string}


def check(*names: str) -> FeatureCheck:
    definition = meta_graph_pb2.SignatureDef()
    for name in names:
        definition.inputs[name].dtype = DTYPES.get(name, tf.string).as_datatype_enum
    return FeatureCheck(definition, FEATURES)


def inputs(**values: Any) -> dict[str, np.ndarray]:
    dtypes = {"temperature": np.float32, "hour": np.int64}
    return {name: np.array(value, dtypes.get(name, object)) for name, value in values.items()}


def example(**values: Any) -> bytes:
    message = tf.train.Example()
    for name, value in values.items():
        feature = message.features.feature[name]
        if isinstance(value, float):
            feature.float_list.value.append(value)
        elif value is None:
            feature.SetInParent()
        else:
            feature.bytes_list.value.extend(value)
    return message.SerializeToString()


def test_empty_text_and_nan_are_missing_and_0_is_a_value() -> None:
    all_features = check("device", "hour", "temperature")
    assert all_features.missing(inputs(device=[b"phone"], hour=[0], temperature=[0.0])) == []
    assert all_features.missing(inputs(device=[b""], hour=[0], temperature=[np.nan])) == ["device", "temperature"]
    assert all_features.missing(inputs(device=[b"phone", b""], hour=[1, 2], temperature=[1, 2])) == ["device"]
    assert all_features.missing(inputs(device=[], hour=[], temperature=[])) == []


def test_candidates_that_fill_up_a_request_lack_nothing() -> None:
    rank = check("item", "category", "device")
    device = [b"phone"]
    filled = inputs(item=[[b"i1", b""]], category=[[b"c1", b""]], device=device)
    assert rank.missing(filled) == []
    assert rank.missing(inputs(item=[[b"i1", b"i2"]], category=[[b"c1", b""]], device=device)) == ["category"]
    assert rank.missing(inputs(item=[[b"i1", b""]], category=[[b""]], device=device)) == ["category"]
    assert rank.missing(inputs(item=[b""], category=[b""], device=device)) == ["category"]


def test_examples_should_have_each_feature() -> None:
    examples = check("examples")
    complete = {"device": [b"phone"], "hour": [b"1"], "temperature": 20.0, "category": [b"c"], "nowhere": [b"x"]}
    assert examples.missing({"examples": np.array([example(**complete)], object)}) == []
    for name in FEATURES:
        incomplete = {key: value for key, value in complete.items() if key != name}
        batch = np.array([example(**complete), example(**incomplete)], object)
        assert examples.missing({"examples": batch}) == [name]
    for value in ([], [b""], None, float("nan")):
        batch = np.array([example(**complete | {"temperature": value})], object)
        assert examples.missing({"examples": batch}) == ["temperature"]
    assert examples.missing({"examples": np.array([b""], object)}) == sorted(FEATURES)
    assert examples.missing({"examples": np.array([b"\xff\xfe"], object)}) == []


def test_a_model_that_names_no_features_is_not_looked_at() -> None:
    definition = meta_graph_pb2.SignatureDef()
    definition.inputs["examples"].dtype = tf.string.as_datatype_enum
    assert FeatureCheck(definition, ()).missing({"examples": np.array([b""], object)}) == []
