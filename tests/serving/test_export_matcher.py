"""An exported matcher: what is retrieved is what an exact search finds, without what was seen, each item once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import transformed
from tensorflow_transform.output_wrapper import TFTransformOutput
from tensorflow_transform.saved import saved_transform_io_v2

from models.catalogue import Catalogue
from models.inputs import ModelInputs
from models.registry import build_matcher
from serving.export_matcher import IndexedItems, export_matcher
from serving.item_embeddings import FINGERPRINT, NUMPY, PARQUET
from serving.load import PROVENANCE, Scorer
from serving.raw_inputs import missing, raw_inputs
from serving.served_model import operations

IDS = ["i0", "i1", "i2", "é7", "東京", "i5", "never seen"]
"""All but the last are in the training split; that one is encoded as unknown, by its attributes."""
ITEMS: list[dict[str, Any]] = [
    {"item": item, "category": f"c{number % 3}", "price": float(number), "tags": ["t0"][: number % 2]}
    for number, item in enumerate(IDS)
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
    """The model in `folder` and its signatures, asked with rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scorer = Scorer(folder)
        self.signatures = self.scorer._model.signatures

    def ask(self, signature: str, side: str, rows: list[dict[str, Any]], **further: Any) -> dict[str, np.ndarray]:
        tensors = {raw.name: self.scorer._tensor(raw, rows) for raw in self.scorer.inputs if raw.side == side}
        return {name: value.numpy() for name, value in self.signatures[signature](**tensors, **further).items()}

    def retrieve(self, rows: list[dict[str, Any]], counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
        found = self.ask("retrieve", "user", rows, k=tf.constant(counts, tf.int32))
        return found["items"], found["scores"]


def encoded(output: TFTransformOutput, inputs: ModelInputs) -> dict[str, np.ndarray]:
    """The items as the transform encodes them, with all else that it wants missing."""
    raw = {name: tf.constant([item[name] for item in ITEMS]) for name in ("item", "category", "price")}
    raw["tags"] = tf.ragged.constant([item["tags"] for item in ITEMS], tf.string, ragged_rank=1).to_sparse()
    others = tuple(raw for raw in raw_inputs(transformed.RAW_SPEC, inputs.candidate_tensors) if raw.side == "user")
    loader = saved_transform_io_v2.SavedModelLoader(output.transform_savedmodel_dir)
    found = loader.apply_transform_model(raw | missing(others, len(ITEMS)))
    return {name: found[name].numpy() for name in inputs.candidate_tensors}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    output = transformed.make(tmp_path_factory.mktemp("transform"))
    inputs = transformed.inputs(output)
    keras.utils.set_random_seed(3)
    random = np.random.default_rng(3)
    tensors = {"item": np.arange(inputs.item_rows)}
    for name in sorted(inputs.candidate_tensors - {"item"}):
        shape, dtype = inputs.tensors()[name]
        tensors[name] = np.zeros((inputs.item_rows, *shape), dtype)
    catalogue = Catalogue(tensors, np.ones(inputs.item_rows, np.float32))
    matcher = build_matcher("comirec", inputs, {"embedding_dimension": 4, "interests": 3}, catalogue)
    for weight in matcher.trainable_weights:
        weight.assign(random.normal(size=weight.shape, scale=0.7))
    folder = tmp_path_factory.mktemp("model")
    ids = np.array([item.encode() for item in IDS], object)
    items = IndexedItems.of(matcher, ids, encoded(output, inputs))
    about = {"fingerprint": "abc", "model": {"name": "comirec"}}
    export_matcher(matcher, output, transformed.RAW_SPEC, inputs, items, str(folder), about)
    return Exported(folder)


def test_signatures_are_as_described(exported: Exported) -> None:
    def shapes(specs: Any) -> dict[str, tuple[list[int | None], str]]:
        return {name: (spec.shape.as_list(), spec.dtype.name) for name, spec in specs.items()}

    signatures = exported.signatures
    assert set(signatures) == {"serving_default", "encode_user", "encode_items", "retrieve"}
    of_users = {"user": ([None], "string"), "history_item": ([None, None], "string"),
                "history_category": ([None, None], "string"), "history_age": ([None, None], "int64")}  # fmt: skip
    assert shapes(signatures["encode_user"].structured_input_signature[1]) == of_users
    assert shapes(signatures["retrieve"].structured_input_signature[1]) == of_users | {"k": ([None], "int32")}
    assert shapes(signatures["encode_items"].structured_input_signature[1]) == {
        "item": ([None], "string"), "category": ([None], "string"), "price": ([None], "float32"),
        "tags": ([None, None], "string"),
    }  # fmt: skip
    outputs = shapes(signatures["retrieve"].structured_outputs)
    assert {name: dtype for name, (_, dtype) in outputs.items()} == {"items": "string", "scores": "float32"}


def test_the_signatures_agree(exported: Exported) -> None:
    """A row's vectors and score by serving_default are those that each side gives alone."""
    whole = exported.scorer.score(ROWS)
    users = exported.ask("encode_user", "user", [{k: v for k, v in row.items() if k not in ITEMS[0]} for row in ROWS])
    items = exported.ask("encode_items", "candidate", [{k: row[k] for k in ITEMS[0] if k in row} for row in ROWS])
    np.testing.assert_allclose(whole["user"], users["user"], atol=1e-6)
    np.testing.assert_allclose(whole["item"], items["item"], atol=1e-6)
    expected = np.einsum("bkd,bd->bk", users["user"], items["item"]).max(axis=1)
    assert np.std(expected) > 0.05  # scores that do not vary would prove nothing
    np.testing.assert_allclose(whole["score"], expected, rtol=1e-5, atol=1e-6)


def test_retrieved_is_what_an_exact_search_finds_without_what_was_seen(exported: Exported) -> None:
    vectors = exported.ask("encode_items", "candidate", ITEMS)["item"]
    users = exported.ask("encode_user", "user", [user(row) for row in ROWS])["user"]
    items, scores = exported.retrieve([user(row) for row in ROWS], [4] * len(ROWS))
    assert items.shape == scores.shape == (len(ROWS), 4)
    for row, own, found, given in zip(ROWS, users, items, scores, strict=True):
        by_item = dict(zip(IDS, (own @ vectors.T).max(axis=0), strict=True))
        left = {item: score for item, score in by_item.items() if item not in row.get("history_item", [])}
        expected = sorted(left, key=lambda item: -left[item])[:4]
        shown = [item.decode() for item in found if item]
        assert shown == expected
        np.testing.assert_allclose(given[: len(shown)], [left[item] for item in shown], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(given[len(shown) :], 0.0)


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
    found = exported.ask("retrieve", "user", [], k=tf.zeros([0], tf.int32))
    assert found["items"].shape[0] == 0


def test_the_vectors_are_also_files(exported: Exported) -> None:
    vectors = exported.ask("encode_items", "candidate", ITEMS)["item"]
    table = pq.read_table(exported.folder / PARQUET)
    assert table["item"].to_pylist() == IDS
    assert table.schema.metadata[FINGERPRINT] == b"abc"
    np.testing.assert_allclose(np.stack(table["vector"].to_numpy()), vectors, atol=1e-6)
    np.testing.assert_array_equal(np.load(exported.folder / NUMPY), np.stack(table["vector"].to_numpy()))


def test_it_says_what_it_is(exported: Exported) -> None:
    about = json.loads((exported.folder / PROVENANCE).read_text())
    assert (about["kind"], about["items"], about["tasks"]) == ("matcher", len(IDS), ["click"])
    assert about["fingerprint"] == "abc"
    assert not [name for name in operations(str(exported.folder)) if "PyFunc" in name]
