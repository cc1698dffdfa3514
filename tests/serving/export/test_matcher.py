"""An exported matcher retrieves what an exact search finds, without seen items and each item once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tensorflow_transform.output_wrapper import TFTransformOutput
from tensorflow_transform.saved import saved_transform_io_v2

from interestflow.models.inputs import ModelInputs
from interestflow.models.registry import build_matcher
from interestflow.serving.client.rows import pack_encode_items, pack_encode_user
from interestflow.serving.export.item_embeddings import FINGERPRINT, NUMPY, PARQUET
from interestflow.serving.export.matcher import IndexedItems, export_matcher
from interestflow.serving.export.saved_model_writer import operation_names, read_saved_model
from interestflow.serving.provenance import PROVENANCE
from interestflow.serving.raw_inputs import describe_raw_inputs, missing_features
from interestflow.serving.scorer import Scorer
from tests.serving import transformed
from tests.serving.exported_cases import IDS, catalogue_of

ITEMS: list[dict[str, Any]] = [
    {"item": item, "category": f"c{index % 3}", "price": float(index), "tags": ["t0"][: index % 2]}
    for index, item in enumerate(IDS)
]
ROWS: list[dict[str, Any]] = [
    *transformed.rows(),
    {"item": "i0"},  # no history
    transformed.rows()[5] | {"history_item": ["i1"] * 9, "history_category": ["c1"] * 9, "history_age": [5] * 9},
    {
        "item": "?",
        "history_item": ["neu", "東京", "é7"],
        "history_category": ["", "c1", "c0"],
        "history_age": [9, 4, 1],
    },
]


class Exported:
    """The exported model in `folder`, whose signatures take rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scorer = Scorer(folder)
        self.signatures = self.scorer.metadata.signatures
        # Without the description nothing is padded or cut off: histories are sent as they are.
        self.metadata = replace(self.scorer.metadata, description=None)

    def encode_user(self, rows: list[dict[str, Any]]) -> np.ndarray:
        return self.scorer.model.run("encode_user", pack_encode_user(self.metadata, rows))["user"]

    def encode_items(self, rows: list[dict[str, Any]]) -> np.ndarray:
        return self.scorer.model.run("encode_items", pack_encode_items(self.metadata, rows))["item"]

    def retrieve(self, rows: list[dict[str, Any]], counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
        arrays = pack_encode_user(self.metadata, rows) | {"k": np.array(counts, np.int32)}
        outputs = self.scorer.model.run("retrieve", arrays)
        return outputs["items"], outputs["scores"]


def encoded(output: TFTransformOutput, inputs: ModelInputs) -> dict[str, np.ndarray]:
    """Return the items as the transform encodes them, with all else that it wants missing."""
    raw = {name: tf.constant([item[name] for item in ITEMS]) for name in ("item", "category", "price")}
    raw["tags"] = tf.ragged.constant([item["tags"] for item in ITEMS], tf.string, ragged_rank=1).to_sparse()
    other_items = tuple(
        raw for raw in describe_raw_inputs(transformed.RAW_SPEC, inputs.candidate_tensors) if raw.side == "user"
    )
    loader = saved_transform_io_v2.SavedModelLoader(output.transform_savedmodel_dir)
    features = loader.apply_transform_model(raw | missing_features(other_items, len(ITEMS)))
    return {name: features[name].numpy() for name in inputs.candidate_tensors}


@pytest.fixture(scope="module")
def exported(transform_output: TFTransformOutput, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    inputs = transformed.inputs(transform_output)
    keras.utils.set_random_seed(3)
    random = np.random.default_rng(3)
    settings = {"embedding_dimension": 4, "interests": 3}
    matcher = build_matcher("comirec", inputs, settings, catalogue_of(inputs))
    for weight in matcher.trainable_weights:
        weight.assign(random.normal(size=weight.shape, scale=0.7))
    folder = tmp_path_factory.mktemp("model")
    ids = np.array([item.encode() for item in IDS], object)
    items = IndexedItems.encode(matcher, ids, encoded(transform_output, inputs))
    about = {"fingerprint": "abc", "model": {"name": "comirec"}}
    export_matcher(matcher, transform_output, transformed.RAW_SPEC, inputs, items, str(folder), about)
    return Exported(folder)


def test_signatures_are_as_described(exported: Exported) -> None:
    def shapes(tensors: Any) -> dict[str, tuple[list[int | None], str]]:
        return {name: (list(tensor.shape or ()), tensor.dtype) for name, tensor in tensors.items()}

    signatures = exported.signatures
    assert set(signatures) == {"serving_default", "encode_user", "encode_items", "retrieve", "describe"}
    of_users = {"user": ([None], "string"), "history_item": ([None, None], "string"),
                "history_category": ([None, None], "string"), "history_age": ([None, None], "int64")}  # fmt: skip
    assert shapes(signatures["encode_user"].inputs) == of_users
    assert shapes(signatures["retrieve"].inputs) == of_users | {"k": ([None], "int32")}
    assert shapes(signatures["encode_items"].inputs) == {
        "item": ([None], "string"), "category": ([None], "string"), "price": ([None], "float32"),
        "tags": ([None, None], "string"),
    }  # fmt: skip
    outputs = shapes(signatures["retrieve"].outputs)
    assert {name: dtype for name, (_, dtype) in outputs.items()} == {"items": "string", "scores": "float32"}


def test_the_signatures_agree(exported: Exported) -> None:
    """A row's vectors and score by serving_default are those that each side gives alone."""
    scores = exported.scorer.score(ROWS)
    users = exported.encode_user([user(row) for row in ROWS])
    items = exported.encode_items([{k: row[k] for k in ITEMS[0] if k in row} for row in ROWS])
    np.testing.assert_allclose(scores["user"], users, atol=1e-6)
    np.testing.assert_allclose(scores["item"], items, atol=1e-6)
    expected = np.einsum("bkd,bd->bk", users, items).max(axis=1)
    assert np.std(expected) > 0.05  # scores that do not vary would prove nothing
    np.testing.assert_allclose(scores["score"], expected, rtol=1e-5, atol=1e-6)


def test_retrieved_is_what_an_exact_search_finds_without_what_was_seen(exported: Exported) -> None:
    vectors = exported.encode_items(ITEMS)
    users = exported.encode_user([user(row) for row in ROWS])
    items, scores = exported.retrieve([user(row) for row in ROWS], [4] * len(ROWS))
    assert items.shape == scores.shape == (len(ROWS), 4)
    for row, interests, retrieved, row_scores in zip(ROWS, users, items, scores, strict=True):
        by_item = dict(zip(IDS, (interests @ vectors.T).max(axis=0), strict=True))
        left = {item: score for item, score in by_item.items() if item not in row.get("history_item", [])}
        expected = sorted(left, key=lambda item: -left[item])[:4]
        shown = [item.decode() for item in retrieved if item]
        assert shown == expected
        np.testing.assert_allclose(row_scores[: len(shown)], [left[item] for item in shown], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(row_scores[len(shown) :], 0.0)


def user(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ITEMS[0]}


def test_each_user_gets_as_many_as_it_asks_for(exported: Exported) -> None:
    items, scores = exported.retrieve([user(row) for row in ROWS[:4]], [3, 1, 0, 2])
    assert items.shape == (4, 3)
    assert (items != b"").sum(axis=1).tolist() == [3, 1, 0, 2]
    assert (scores[items == b""] == 0.0).all()
    alone, _ = exported.retrieve([user(ROWS[1])], [1])
    assert alone[0, 0] == items[1, 0]


def test_more_than_there_are_gives_all_that_were_not_seen(exported: Exported) -> None:
    row = user(ROWS[-1])  # two of its three behaviours are in the catalogue
    items, _ = exported.retrieve([row], [100])
    shown = [item.decode() for item in items[0] if item]
    assert sorted(shown) == sorted(set(IDS) - {"東京", "é7"})
    everything, _ = exported.retrieve([{}], [100])
    assert sorted(item.decode() for item in everything[0]) == sorted(IDS)


def test_users_of_a_request_do_not_depend_on_one_another(exported: Exported) -> None:
    rows = [user(row) for row in ROWS]
    together, _ = exported.retrieve(rows, [3] * len(rows))
    for row, expected in zip(rows, together, strict=True):
        np.testing.assert_array_equal(exported.retrieve([row], [3])[0][0], expected)


def test_no_user_is_no_error(exported: Exported) -> None:
    items, _ = exported.retrieve([], [])
    assert items.shape[0] == 0


def test_the_vectors_are_also_files(exported: Exported) -> None:
    vectors = exported.encode_items(ITEMS)
    table = pq.read_table(exported.folder / PARQUET)
    assert table["item"].to_pylist() == IDS
    assert table.schema.metadata[FINGERPRINT] == b"abc"
    np.testing.assert_allclose(np.stack(table["vector"].to_numpy()), vectors, atol=1e-6)
    np.testing.assert_array_equal(np.load(exported.folder / NUMPY), np.stack(table["vector"].to_numpy()))


def test_it_says_what_it_is(exported: Exported) -> None:
    about = json.loads((exported.folder / PROVENANCE).read_text())
    assert (about["kind"], about["items"], about["tasks"]) == ("matcher", len(IDS), ["click"])
    assert about["fingerprint"] == "abc"
    assert not [name for name in operation_names(read_saved_model(str(exported.folder))) if "PyFunc" in name]
