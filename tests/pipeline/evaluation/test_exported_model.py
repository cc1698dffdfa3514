"""Exported models, run on serialized examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from interestflow.pipeline.evaluation.exported_model import examples_in, run_examples
from interestflow.pipeline.evaluation.result import EvaluationError
from tests.pipeline.support import exported_rankers

ROWS = exported_rankers.make_rows(20)


def test_outputs_are_those_of_the_signature(tmp_path: Path) -> None:
    exported_rankers.write_file(ROWS, tmp_path / "data.gz")
    examples = np.array(list(examples_in([str(tmp_path / "data.gz")]).as_numpy_iterator()), object)
    assert len(examples) == 20
    outputs = run_examples(str(exported_rankers.export_model(tmp_path / "model")), examples)
    expected = exported_rankers.probabilities(ROWS)
    assert outputs.keys() == expected.keys()
    for task, values in expected.items():
        np.testing.assert_allclose(outputs[task], values, rtol=1e-6)


def test_files_need_not_be_compressed(tmp_path: Path) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / "plain")) as writer:
        writer.write(b"one")
    assert list(examples_in([str(tmp_path / "plain")]).as_numpy_iterator()) == [b"one"]


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=f"{tmp_path} holds no model that can be loaded"):
        run_examples(str(tmp_path), np.array([b""], object))


def test_a_model_without_the_signature_is_named(tmp_path: Path) -> None:
    class Doubling(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def double(self, values: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"values": 2.0 * values}

    module = Doubling()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"double": module.double})
    with pytest.raises(EvaluationError, match="should have the signature serving_default"):
        run_examples(str(tmp_path / "model"), np.array([b""], object))
