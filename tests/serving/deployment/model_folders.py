"""Small models in the form in which the project exports its own, with warm-up requests and a description."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from interestflow.serving.deployment.config import DeploymentConfig
from interestflow.serving.description import Description, sized_rank_signature
from interestflow.serving.provenance import PROVENANCE
from interestflow.serving.warm_up import write_warm_up

LENGTHS = {"history_item": 3, "tags": 2}
DESCRIPTION = Description(lengths=LENGTHS, candidate_sizes=(2, 4), max_rows=8)


class SmallRanker(tf.Module):
    """Scores items by the length of their name and of the history, times `factor`."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def score_examples(self, examples: Any) -> dict[str, Any]:
        item = tf.io.parse_example(examples, {"item": tf.io.FixedLenFeature([], tf.string, "")})["item"]
        return {"click": self.factor * tf.cast(tf.strings.length(item), tf.float32)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="item"),
            tf.TensorSpec([None, None], tf.string, name="history_item"),
            tf.TensorSpec([None, None], tf.string, name="tags"),
        ]
    )
    def predict(self, item: Any, history_item: Any, tags: Any) -> dict[str, Any]:
        lengths = tf.reduce_sum(tf.strings.length(history_item), 1) + tf.reduce_sum(tf.strings.length(tags), 1)
        return {"click": self.factor * tf.cast(tf.strings.length(item) + lengths, tf.float32)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string, name="item"),
            tf.TensorSpec([None, None], tf.string, name="history_item"),
            tf.TensorSpec([None, None, None], tf.string, name="tags"),
        ]
    )
    def rank(self, item: Any, history_item: Any, tags: Any) -> dict[str, Any]:
        lengths = tf.reduce_sum(tf.strings.length(history_item), 1, keepdims=True)
        lengths += tf.reduce_sum(tf.strings.length(tags), 2)
        return {"click": self.factor * tf.cast(tf.strings.length(item) + lengths, tf.float32)}

    def signatures(self) -> dict[str, Any]:
        sized = {sized_rank_signature(count): self._sized(count) for count in DESCRIPTION.candidate_sizes}
        return {"serving_default": self.score_examples, "predict": self.predict, "rank": self.rank, **sized}

    def _sized(self, count: int) -> Any:
        return tf.function(lambda item, history_item, tags: self.rank(item, history_item, tags)).get_concrete_function(
            item=tf.TensorSpec([None, count], tf.string, name="item"),
            history_item=tf.TensorSpec([None, LENGTHS["history_item"]], tf.string, name="history_item"),
            tags=tf.TensorSpec([None, count, LENGTHS["tags"]], tf.string, name="tags"),
        )


def write_ranker(base: Path, version: int, *, description: Description | None = DESCRIPTION) -> Path:
    """Write a complete version that multiplies by its own number, and return its folder."""
    module = SmallRanker(float(version))
    folder = base / str(version)
    tf.saved_model.save(module, str(folder), signatures=module.signatures())
    write_warm_up(folder, ranker_requests())
    write_description(folder, description)
    return folder


def write_description(folder: Path, description: Description | None) -> None:
    content = {} if description is None else {"description": description.as_json()}
    (folder / PROVENANCE).parent.mkdir(exist_ok=True)
    (folder / PROVENANCE).write_text(json.dumps(content))


def ranker_requests(rows: int = 1) -> list[predict_pb2.PredictRequest]:
    """Return one request to each signature, the one to `predict` of so many rows."""
    history, tags = np.full([rows, 3], "i1", object), np.full([rows, 2], "t", object)
    ranked = {"rank": DESCRIPTION.candidate_sizes[0]}
    ranked |= {sized_rank_signature(count): count for count in DESCRIPTION.candidate_sizes}
    return [
        request("", examples=np.array([b""], object)),
        request("predict", item=np.full([rows], "i2", object), history_item=history, tags=tags),
        *(
            request(
                signature,
                item=np.full([1, count], "i2", object),
                history_item=history[:1],
                tags=np.full([1, count, 2], "t", object),
            )
            for signature, count in ranked.items()
        ),
    ]


def request(signature: str, **inputs: np.ndarray) -> predict_pb2.PredictRequest:
    message = predict_pb2.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = "shop", signature
    for name, value in inputs.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(value, shape=value.shape))
    return message


def write_module(base: Path, signatures: Mapping[str, Any], module: tf.Module, requests: Iterable[Any] = ()) -> Path:
    """Write `module` as version 1, with a description and the warm-up requests `requests`."""
    folder = base / "1"
    tf.saved_model.save(module, str(folder), signatures=dict(signatures))
    write_warm_up(folder, requests)
    write_description(folder, DESCRIPTION)
    return folder


BATCHING = DeploymentConfig.model_validate({"batching": {"max_batch_size": 8}})
"""The smallest batches that `DESCRIPTION` allows."""
