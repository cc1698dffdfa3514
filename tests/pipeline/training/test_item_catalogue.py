"""Items of a matcher as the transform encoded them, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from interestflow.pipeline.training.example_files import TrainingDataError
from interestflow.pipeline.training.item_catalogue import CatalogueItems
from interestflow.transforms.transformed.format import Column, file_name
from interestflow.transforms.transformed.writer import ColumnFile
from tests.pipeline.support import training_examples

INPUTS = training_examples.INPUTS
ITEMS = [("pear", 2), ("unknown b", 20), ("apple", 1), ("unknown a", 20)]


def write_items(folder: Path, items: list[tuple[str, int]]) -> None:
    folder.mkdir(parents=True)
    columns = {
        "item_text": Column("binary"),
        "item": Column("int32"),
        "category": Column("int32"),
        "tags": Column("int32", (2,)),
        "price": Column("float32"),
    }
    ids = np.array([item_id for _, item_id in items], int)
    with ColumnFile(str(folder / file_name(0, 1)), columns) as file:
        file.write(
            {
                "item_text": np.array([text.encode() for text, _ in items], object),
                "item": ids,
                "category": np.array([len(text) for text, _ in items], int),
                "tags": np.stack([ids, np.zeros_like(ids)], axis=1),
                "price": ids / 2,
            }
        )


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
