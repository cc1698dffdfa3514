"""Items of a matcher as the transform encoded them, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from interestflow.pipeline.training.item_catalogue import CatalogueItems
from interestflow.pipeline.training.records import TrainingDataError
from tests.pipeline.support import training_examples

INPUTS = training_examples.INPUTS
ITEMS = [("pear", 2), ("unknown b", 20), ("apple", 1), ("unknown a", 20)]


def write_items(folder: Path, items: list[tuple[str, int]]) -> None:
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "items.gz"), "GZIP") as writer:
        for text, item_id in items:
            example = tf.train.Example()
            features = example.features.feature
            features["item_text"].bytes_list.value.append(text.encode())
            features["item"].int64_list.value.append(item_id)
            features["category"].int64_list.value.append(len(text))
            features["tags"].int64_list.value.extend([item_id, 0])
            features["price"].float_list.value.append(item_id / 2)
            writer.write(example.SerializeToString())


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> CatalogueItems:
    folder = tmp_path_factory.mktemp("transformed")
    write_items(folder / "Split-items", ITEMS)
    return CatalogueItems.read([str(folder / "Split-train" / "*")], INPUTS)


def test_items_are_ordered_by_id_and_those_that_share_one_by_text(items: CatalogueItems) -> None:
    assert items.ids.tolist() == [b"apple", b"pear", b"unknown a", b"unknown b"]
    assert items.tensors["item"].tolist() == [1, 2, 20, 20]
    assert items.tensors.keys() == set(INPUTS.candidate_tensors)
    assert items.tensors["category"].tolist() == [5, 4, 9, 9]


def test_row_i_of_the_catalogue_describes_the_item_of_id_i(items: CatalogueItems) -> None:
    counts = np.arange(INPUTS.item_rows)
    catalogue = items.catalogue(INPUTS, counts)
    catalogue.check(INPUTS)
    assert catalogue.tensors["category"][[0, 1, 2, 3, 20]].tolist() == [0, 5, 4, 0, 9]
    assert catalogue.tensors["tags"][20].tolist() == [20, 0]
    np.testing.assert_array_equal(catalogue.counts, counts.astype(np.float32))


def test_items_that_share_an_id_are_counted(items: CatalogueItems) -> None:
    counts = items.counts_by_id(INPUTS)
    assert counts.shape == (INPUTS.item_rows,)
    assert counts[[0, 1, 2, 20]].tolist() == [0, 1, 1, 2]
    assert counts.sum() == 4


def test_a_split_of_items_should_exist_and_hold_items(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"no file of examples matches .*Split-items"):
        CatalogueItems.read([str(tmp_path / "Split-train" / "*")], INPUTS)
    write_items(tmp_path / "Split-items", [])
    with pytest.raises(TrainingDataError, match="hold no items"):
        CatalogueItems.read([str(tmp_path / "Split-train" / "*")], INPUTS)
