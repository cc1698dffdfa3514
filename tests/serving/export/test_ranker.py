"""An exported model: the same scores in a fresh process, by both signatures, with stock operations only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_transform.output_wrapper import TFTransformOutput

from interestflow.models.inputs import ModelInputs
from interestflow.models.registry import build_ranker
from interestflow.serving.client.metadata import TensorInfo
from interestflow.serving.client.rows import pack_predict, pack_rank
from interestflow.serving.examples import build_example
from interestflow.serving.export.ranker import RankerModule, export_ranker
from interestflow.serving.export.saved_model_writer import ExportError
from interestflow.serving.provenance import PROVENANCE, ScoringError
from interestflow.serving.raw_inputs import RawInput, describe_raw_inputs, features_from_tensors
from interestflow.serving.scorer import Scorer
from tests.paths import PYTHON_PATH
from tests.serving import transformed
from tests.serving.every_input import EveryInput

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
def output(tmp_path_factory: pytest.TempPathFactory) -> TFTransformOutput:
    return transformed.make(tmp_path_factory.mktemp("transform"))


@pytest.fixture(scope="module")
def served(output: TFTransformOutput, tmp_path_factory: pytest.TempPathFactory) -> tuple[RankerModule, Path]:
    inputs = transformed.inputs(output)
    keras.utils.set_random_seed(1)
    ranker = EveryInput(inputs)
    folder = tmp_path_factory.mktemp("model")
    module = RankerModule(ranker, output, transformed.RAW_SPEC, inputs)
    module.signatures()  # builds the ranker
    export_ranker(ranker, output, transformed.RAW_SPEC, inputs, str(folder), {"fingerprint": "abc", "name": "größe"})
    return module, folder


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
    """Scores with the transform and the ranker as they are in memory, asked with tensors rather than examples."""
    return module.probabilities(transformed.parsed(rows))["click"].numpy()


def test_a_fresh_process_gives_the_scores_of_the_pipeline(
    served: tuple[RankerModule, Path], fresh: dict[str, Any]
) -> None:
    expected = in_pipeline(served[0], ROWS)
    assert np.std(expected) > 0.05  # scores that do not vary would prove nothing
    np.testing.assert_allclose(fresh["serving_default"]["click"], expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(fresh["predict"]["click"], expected, rtol=0, atol=1e-6)


def test_scores_of_a_row_do_not_depend_on_its_neighbours(served: tuple[RankerModule, Path]) -> None:
    scorer = Scorer(served[1])
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


def test_ids_that_a_model_has_no_rows_for_are_unknown(output: TFTransformOutput) -> None:
    """A transform of more items than the model was made for: ids 3, the unknown, to 7 all are as 3."""
    inputs = replace(transformed.inputs(output), item_rows=4)
    ranker = build_ranker("pooled", inputs, {"embedding_dimension": 2, "tower_units": (3,)})
    module = RankerModule(ranker, output, transformed.RAW_SPEC, inputs)
    names = output.vocabulary_by_name("item")
    shown = [{"item": name.decode(), "history_item": [name.decode()]} for name in (*names, b"never seen")]
    rows = [{"history_category": ["c0"], "history_age": [1]} | row for row in shown]
    scores = in_pipeline(module, rows)
    assert len(set(scores.tolist())) == 3
    np.testing.assert_array_equal(scores[2:], np.full(5, scores[2]))


def test_signatures_are_as_described(served: tuple[RankerModule, Path]) -> None:
    signatures = Scorer(served[1]).metadata.signatures
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


def test_labels_in_the_examples_are_ignored(served: tuple[RankerModule, Path]) -> None:
    scorer = Scorer(served[1])
    examples = []
    for label in (0.0, 1.0):
        example = build_example(ROWS[3], scorer.inputs)
        example.features.feature["label_click"].float_list.value.append(label)
        example.features.feature["slice_user"].bytes_list.value.append(b"new")
        examples.append(example.SerializeToString())
    scores = scorer.model.run("serving_default", {"examples": np.array(examples, object)})
    np.testing.assert_allclose(scores["click"], scorer.score([ROWS[3]] * 2)["click"], rtol=0, atol=1e-6)


def test_no_rows_give_no_scores(served: tuple[RankerModule, Path]) -> None:
    scorer = Scorer(served[1])
    assert scorer.score([])["click"].shape == (0,)
    assert scorer.score([], "predict")["click"].shape == (0,)


CANDIDATE = ("item", "category", "price", "tags")


def parted(row: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a row says of the user, and of the candidate."""
    return (
        {name: value for name, value in row.items() if name not in CANDIDATE},
        {name: value for name, value in row.items() if name in CANDIDATE},
    )


def test_candidates_ranked_together_score_as_each_alone(served: tuple[RankerModule, Path]) -> None:
    scorer = Scorer(served[1])
    candidates = [candidate for _, candidate in map(parted, ROWS)]
    candidates = [row for row in candidates if row.get("item")]  # without an item it would be padding
    for row in ROWS:
        user, _ = parted(row)
        ranked = scorer.rank(user, candidates)["click"]
        alone = scorer.score([user | candidate for candidate in candidates])["click"]
        np.testing.assert_allclose(ranked, alone, rtol=0, atol=1e-6)


def test_several_users_are_ranked_at_once_and_padding_scores_nothing(served: tuple[RankerModule, Path]) -> None:
    scorer = Scorer(served[1])
    users = [parted(row)[0] for row in (ROWS[3], ROWS[12], ROWS[5])]
    chosen = [parted(row)[1] for row in (ROWS[1], ROWS[2])]
    packed = [pack_rank(scorer.metadata, user, chosen) for user in users]
    together = {name: np.concatenate([each[name] for each in packed]) for name in packed[0]}
    scores = scorer.model.run("rank", together)["click"]
    assert scores.shape == (3, 10)  # the least of the numbers of candidates
    np.testing.assert_array_equal(scores[:, 2:], 0.0)
    for user, found in zip(users, scores, strict=True):
        np.testing.assert_allclose(found[:2], scorer.rank(user, chosen)["click"], rtol=0, atol=1e-6)


def test_without_candidates_there_are_no_scores(served: tuple[RankerModule, Path]) -> None:
    assert Scorer(served[1]).rank({"user": "u1"}, [])["click"].shape == (0,)


def test_histories_that_do_not_line_up_are_named(served: tuple[RankerModule, Path]) -> None:
    scorer = Scorer(served[1])
    row = {"item": "i1", "history_item": ["i1", "i2"], "history_age": [5]}
    with pytest.raises(ScoringError, match="`history_age` should have as many values as `history_item`, 2, received 1"):
        scorer.score([row], "predict")
    arrays = pack_predict(scorer.metadata, [{"history_item": ["i1"]}]) | {"history_age": np.array([[1, 2]], np.int64)}
    with pytest.raises(tf.errors.InvalidArgumentError, match="`history_age` should have as many rows and steps"):
        scorer.model.run("predict", arrays)


def test_a_feature_on_the_wrong_side_is_named(served: tuple[RankerModule, Path]) -> None:
    scorer = Scorer(served[1])
    with pytest.raises(ScoringError, match="the user has price; the model knows history_age, history_category"):
        scorer.rank({"price": 1.0}, [])
    with pytest.raises(ScoringError, match="candidates have user; the model knows category, item, price, tags"):
        scorer.rank({}, [{"item": "i1", "user": "u1"}])


def test_provenance_says_where_the_model_comes_from(served: tuple[RankerModule, Path]) -> None:
    content = json.loads((served[1] / PROVENANCE).read_text(encoding="utf-8"))
    assert (content["fingerprint"], content["name"], content["tasks"]) == ("abc", "größe", ["click"])
    assert ModelInputs.from_json(json.dumps(content["inputs"])).history_length == transformed.LENGTH
    assert {raw["name"]: raw["kind"] for raw in content["raw_inputs"]} == {
        "user": "value", "item": "value", "category": "value", "price": "value", "tags": "list",
        "history_item": "history", "history_category": "history", "history_age": "history",
    }  # fmt: skip


def test_padding_is_told_from_values_by_the_item_of_the_step() -> None:
    """A step with an age of 0 and no category stays; one without an item goes, wherever it stands."""
    inputs = tuple(RawInput(f"history_{name}", dtype, "history") for name, dtype in
                   (("item", "string"), ("category", "string"), ("age", "int64")))  # fmt: skip
    found = features_from_tensors(
        inputs,
        {
            "history_item": tf.constant([["a", "b", ""], ["", "", ""], ["", "c", "d"]]),
            "history_category": tf.constant([["x", "", ""], ["", "", ""], ["", "y", "z"]]),
            "history_age": tf.constant([[5, 0, 0], [0, 0, 0], [0, 2, 1]], tf.int64),
        },
    )
    lists = {name: tf.RaggedTensor.from_sparse(value).to_list() for name, value in found.items()}
    assert lists == {
        "history_item": [[b"a", b"b"], [], [b"c", b"d"]],
        "history_category": [[b"x", b""], [], [b"y", b"z"]],
        "history_age": [[5, 0], [], [2, 1]],
    }


def test_what_cannot_be_scored_is_named(served: tuple[RankerModule, Path], tmp_path: Path) -> None:
    with pytest.raises(ScoringError, match=r"should hold saved_model\.pb"):
        Scorer(tmp_path)
    scorer = Scorer(served[1])
    with pytest.raises(ScoringError, match="rows have colour; the model knows category, history_age"):
        scorer.score([{"colour": "red"}])
    with pytest.raises(ScoringError, match="`item` should be one value"):
        scorer.score([{"item": ["a", "b"]}])
    with pytest.raises(ScoringError, match="`price` should be float32, received 'cheap'"):
        scorer.score([{"price": "cheap"}])
    with pytest.raises(ScoringError, match="`signature` should be serving_default or predict"):
        scorer.score([{}], "train")


def test_a_raw_feature_of_fixed_length_is_refused() -> None:
    with pytest.raises(ValueError, match="raw feature `vector` should be"):
        describe_raw_inputs({"vector": tf.io.FixedLenFeature([8], tf.float32)})


def test_a_graph_with_python_in_it_is_refused(output: TFTransformOutput, tmp_path: Path) -> None:
    class WithPython(EveryInput):
        def score_candidates(self, user: Any, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
            logits = tf.numpy_function(lambda price: price, [features["price"]], tf.float32)
            return {"click": tf.ensure_shape(logits, [None])}

    inputs = transformed.inputs(output)
    with pytest.raises(ExportError, match="its graph has PyFunc"):
        export_ranker(WithPython(inputs), output, transformed.RAW_SPEC, inputs, str(tmp_path), {})
    assert not list(tmp_path.iterdir())
