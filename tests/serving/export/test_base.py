"""Behaviour that exported rankers and matchers share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_transform.output_wrapper import TFTransformOutput

from interestflow.models.registry import build_ranker
from interestflow.serving.description import Description
from interestflow.serving.export.base import ServingModule, trace_signature
from interestflow.serving.export.ranker import RankerModule
from tests.serving import transformed


def test_ids_that_a_model_has_no_rows_for_are_unknown(transform_output: TFTransformOutput) -> None:
    """A transform of more items than the model was made for: ids 3, the unknown, to 7 all are as 3."""
    inputs = replace(transformed.inputs(transform_output), item_rows=4)
    ranker = build_ranker("pooled", inputs, {"embedding_dimension": 2, "tower_units": (3,)})
    module = RankerModule(ranker, transform_output, transformed.RAW_SPEC, inputs)
    names = transform_output.vocabulary_by_name("item")
    shown = [{"item": name.decode(), "history_item": [name.decode()]} for name in (*names, b"never seen")]
    rows = [{"history_category": ["c0"], "history_age": [1]} | row for row in shown]
    scores = module.probabilities(transformed.parsed(rows))["click"].numpy()
    assert len(set(scores.tolist())) == 3
    np.testing.assert_array_equal(scores[2:], np.full(5, scores[2]))


def test_the_description_has_the_lengths_that_the_model_reads(transform_output: TFTransformOutput) -> None:
    inputs = transformed.inputs(transform_output)
    module = ServingModule(transform_output, transformed.RAW_SPEC, inputs, Description({"other": 1}, (2,)), "module")
    histories = dict.fromkeys(("history_item", "history_category", "history_age"), transformed.LENGTH)
    assert module.description == Description({**histories, "tags": transformed.TAGS}, (2,))
    with pytest.raises(NotImplementedError):
        module.signatures()


def test_a_signature_takes_its_inputs_by_name() -> None:
    def add(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": tensors["a"] + 10.0 * tensors["b"]}

    specs = [tf.TensorSpec([None], tf.float32, name="b"), tf.TensorSpec([None], tf.float32, name="a")]
    function = trace_signature(add, specs)
    outputs = function(a=tf.constant([1.0, 2.0]), b=tf.constant([3.0, 4.0]))
    np.testing.assert_array_equal(outputs["sum"], [31.0, 42.0])
    assert {spec.name for spec in function.structured_input_signature[1].values()} == {"a", "b"}
