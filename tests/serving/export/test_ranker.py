"""An exported model: the same scores in a fresh process, by both signatures, with stock operations only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_transform.output_wrapper import TFTransformOutput

from interestflow.models.inputs import ModelInputs
from interestflow.serving.client.metadata import TensorInfo
from interestflow.serving.client.rows import pack_predict, pack_rank
from interestflow.serving.examples import build_example, split_row
from interestflow.serving.export.ranker import RankerModule, export_ranker
from interestflow.serving.export.saved_model_writer import ExportError
from interestflow.serving.provenance import PROVENANCE, ScoringError
from interestflow.serving.scorer import Scorer
from tests.paths import PYTHON_PATH
from tests.serving import transformed
from tests.serving.every_input import EveryInput, build_shop, shared_shop

ROWS: list[dict[str, Any]] = [
    *transformed.rows(),
    {"user": "u0", "item": "i0", "category": "c0", "price": 1.5, "tags": []},  # no history
    transformed.rows()[5]  # longer than the model's history, and than any row of the training
    | {"history_item": ["i1"] * 90, "history_category": ["c1"] * 90, "history_age": list(range(90, 0, -1))},
    {"user": "?", "item": "never seen", "category": "nor this", "price": 0.0, "tags": ["new"]},
    transformed.rows()[4] | {"item": "ünbekannt", "history_item": ["neu", "東京", "é7", "i0"]},
    {"user": "u1", "item": "i1"},  # all else is missing
    {},
]


@pytest.fixture(scope="module")
def served(transform_output: TFTransformOutput, tmp_path_factory: pytest.TempPathFactory) -> tuple[RankerModule, Path]:
    """Return the model `shop` in memory, and its folder."""
    return build_shop(transform_output), shared_shop(tmp_path_factory, transform_output) / "1"


@pytest.fixture(scope="module")
def scorer(served: tuple[RankerModule, Path]) -> Scorer:
    return Scorer(served[1])


@pytest.fixture(scope="module")
def fresh(served: tuple[RankerModule, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("rows")
    (folder / "rows.json").write_text(json.dumps(ROWS))
    program = [sys.executable, "-m", "tests.serving.scoring_program", str(served[1])]
    environment = {**os.environ, "PYTHONPATH": PYTHON_PATH, "TF_CPP_MIN_LOG_LEVEL": "2"}
    subprocess.run(
        [*program, str(folder / "rows.json"), str(folder / "scores.json")], env=environment, check=True, timeout=300
    )
    return json.loads((folder / "scores.json").read_text())


def in_pipeline(module: RankerModule, rows: list[dict[str, Any]]) -> np.ndarray:
    """Return the scores of the transform and the ranker in memory, from tensors rather than examples."""
    return module.probabilities(transformed.parsed(rows))["click"].numpy()


def test_a_fresh_process_gives_the_scores_of_the_pipeline(
    served: tuple[RankerModule, Path], fresh: dict[str, Any]
) -> None:
    expected = in_pipeline(served[0], ROWS)
    assert np.std(expected) > 0.05  # scores that do not vary would prove nothing
    np.testing.assert_allclose(fresh["serving_default"]["click"], expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(fresh["predict"]["click"], expected, rtol=0, atol=1e-6)


def test_scores_of_a_row_do_not_depend_on_its_neighbours(scorer: Scorer) -> None:
    together = scorer.score(ROWS)["click"]
    for signature in ("serving_default", "predict"):
        alone = [scorer.score([row], signature)["click"][0] for row in ROWS]
        np.testing.assert_allclose(alone, together, rtol=0, atol=1e-6)


def test_only_operations_of_tensorflow_itself(fresh: dict[str, Any]) -> None:
    """The fresh process has loaded no library but TensorFlow, so what it knows a stock server knows."""
    assert fresh["modules"] == []
    assert fresh["unknown_operations"] == []
    assert not [name for name in fresh["operations"] if "PyFunc" in name]
    assert "LookupTableFindV2" in fresh["operations"]  # the vocabularies are really inside
    assert any(name.startswith("ParseExample") for name in fresh["operations"])


def test_vocabularies_are_taken_along(served: tuple[RankerModule, Path]) -> None:
    assert {"item", "category", "tags"} <= {path.name for path in (served[1] / "assets").iterdir()}


def test_signatures_are_as_described(scorer: Scorer) -> None:
    signatures = scorer.metadata.signatures
    assert signatures["serving_default"].inputs == {"examples": TensorInfo("string", (None,))}
    named = signatures["predict"].inputs
    assert {name: (list(tensor.shape or ()), tensor.dtype) for name, tensor in named.items()} == {
        "user": ([None], "string"),
        "item": ([None], "string"),
        "category": ([None], "string"),
        "price": ([None], "float32"),
        "tags": ([None, None], "string"),
        "history_item": ([None, None], "string"),
        "history_category": ([None, None], "string"),
        "history_age": ([None, None], "int64"),
    }
    ranked = signatures["rank"].inputs
    assert {name: list(tensor.shape or ()) for name, tensor in ranked.items()} == {
        "user": [None],
        "item": [None, None],
        "category": [None, None],
        "price": [None, None],
        "tags": [None, None, None],
        "history_item": [None, None],
        "history_category": [None, None],
        "history_age": [None, None],
    }
    for signature in (signatures["serving_default"], signatures["predict"]):
        assert signature.outputs == {"click": TensorInfo("float32", (None,))}


def test_labels_in_the_examples_are_ignored(scorer: Scorer) -> None:
    examples = []
    for label in (0.0, 1.0):
        example = build_example(ROWS[3], scorer.inputs)
        example.features.feature["label_click"].float_list.value.append(label)
        example.features.feature["slice_user"].bytes_list.value.append(b"new")
        examples.append(example.SerializeToString())
    scores = scorer.model.run("serving_default", {"examples": np.array(examples, object)})
    np.testing.assert_allclose(scores["click"], scorer.score([ROWS[3]] * 2)["click"], rtol=0, atol=1e-6)


def test_candidates_ranked_together_score_as_each_alone(scorer: Scorer) -> None:
    parts = [split_row(row, scorer.inputs) for row in ROWS]
    candidates = [row for _, row in parts if row.get("item")]  # without an item it would be padding
    for user, _ in parts:
        ranked = scorer.rank(user, candidates)["click"]
        alone = scorer.score([user | candidate for candidate in candidates])["click"]
        np.testing.assert_allclose(ranked, alone, rtol=0, atol=1e-6)


def test_several_users_are_ranked_at_once_and_padding_scores_nothing(scorer: Scorer) -> None:
    users = [split_row(row, scorer.inputs)[0] for row in (ROWS[3], ROWS[12], ROWS[5])]
    rows = [split_row(row, scorer.inputs)[1] for row in (ROWS[1], ROWS[2])]
    packed = [pack_rank(scorer.metadata, user, rows) for user in users]
    together = {name: np.concatenate([arrays[name] for arrays in packed]) for name in packed[0]}
    scores = scorer.model.run("rank", together)["click"]
    assert scores.shape == (3, 4)  # the smallest of the sizes
    np.testing.assert_array_equal(scores[:, 2:], 0.0)
    for user, ranked in zip(users, scores, strict=True):
        np.testing.assert_allclose(ranked[:2], scorer.rank(user, rows)["click"], rtol=0, atol=1e-6)


def test_histories_that_do_not_line_up_are_named(scorer: Scorer) -> None:
    row = {"item": "i1", "history_item": ["i1", "i2"], "history_age": [5]}
    with pytest.raises(ScoringError, match="`history_age` should have as many values as `history_item`, 2, received 1"):
        scorer.score([row], "predict")
    arrays = pack_predict(scorer.metadata, [{"history_item": ["i1"]}]) | {"history_age": np.array([[1, 2]], np.int64)}
    with pytest.raises(tf.errors.InvalidArgumentError, match="`history_age` should have as many rows and steps"):
        scorer.model.run("predict", arrays)


def test_provenance_says_where_the_model_comes_from(served: tuple[RankerModule, Path]) -> None:
    content = json.loads((served[1] / PROVENANCE).read_text(encoding="utf-8"))
    assert (content["fingerprint"], content["name"], content["tasks"]) == ("abc", "größe", ["click"])
    assert ModelInputs.from_json(json.dumps(content["inputs"])).history_length == transformed.LENGTH
    assert {raw["name"]: raw["kind"] for raw in content["raw_inputs"]} == {
        "user": "value", "item": "value", "category": "value", "price": "value", "tags": "list",
        "history_item": "history", "history_category": "history", "history_age": "history",
    }  # fmt: skip


def test_a_graph_with_python_in_it_is_refused(transform_output: TFTransformOutput, tmp_path: Path) -> None:
    class WithPython(EveryInput):
        def score_candidates(self, user: Any, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
            logits = tf.numpy_function(lambda price: price, [features["price"]], tf.float32)
            return {"click": tf.ensure_shape(logits, [None])}

    inputs = transformed.inputs(transform_output)
    with pytest.raises(ExportError, match="its graph has PyFunc"):
        export_ranker(WithPython(inputs), transform_output, transformed.RAW_SPEC, inputs, str(tmp_path), {})
    assert not list(tmp_path.iterdir())
