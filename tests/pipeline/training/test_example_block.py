"""Examples in memory: what is gathered from them is what was written, however they came there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from interestflow.models.inputs import CategoricalInput
from interestflow.pipeline.training.example_block import ExampleBlock
from interestflow.pipeline.training.example_layout import ExampleLayout
from interestflow.transforms.transformed.format import TransformedFormatError
from interestflow.transforms.transformed.reader import open_columns
from tests.pipeline.support import training_examples

LENGTH = 20  # pages of three behaviours
INPUTS = replace(
    training_examples.INPUTS,
    history_length=LENGTH,
    categorical=(*training_examples.INPUTS.categorical, CategoricalInput("genres", 300, "item", 2, False, True)),
)
LAYOUT = ExampleLayout.build(INPUTS)


def make_rows(count: int) -> dict[str, np.ndarray]:
    """Return examples with histories of all lengths, in which some attributes end before the items do."""
    random = np.random.default_rng(2)
    valid = np.arange(LENGTH) < (np.arange(count) % (LENGTH + 1))[:, None]
    rows = training_examples.make_rows(count)
    rows["history_item"] = np.where(valid, random.integers(1, 21, valid.shape), 0)
    rows["history_age"] = np.where(valid, random.integers(1, 9, valid.shape), 0)
    rows["history_category"] = np.where(valid, random.integers(0, 6, valid.shape), 0)
    rows["history_genres"] = np.where(valid[..., None], random.integers(0, 300, (*valid.shape, 2)), 0)
    return rows


def read_blocks(rows: dict[str, np.ndarray], folder: Path) -> list[ExampleBlock]:
    pattern = training_examples.write(rows, folder, files=1)
    with open_columns(pattern.replace("*", "0")) as file:
        return [ExampleBlock.from_batch(LAYOUT, batch, "file") for batch in file.read_all(list(LAYOUT.columns))]


def assert_equal(batch: dict[str, np.ndarray], rows: dict[str, np.ndarray], at: np.ndarray, length: int) -> None:
    assert batch.keys() == LAYOUT.columns.keys()
    for name, tensor in batch.items():
        expected = rows[name][at][:, :length] if name.startswith("history_") else rows[name][at]
        np.testing.assert_array_equal(tensor, expected)
        assert tensor.dtype == (np.float32 if LAYOUT.columns[name].dtype == "float32" else np.int64)


def test_batches_hold_what_was_written(tmp_path: Path) -> None:
    rows = make_rows(70)
    blocks = read_blocks(rows, tmp_path)
    assert len(blocks) > 1
    joined = ExampleBlock.concatenate(blocks)
    appended = ExampleBlock.empty(LAYOUT)
    for block in blocks:
        appended.append(block)
    at = np.random.default_rng(0).permutation(70)
    for block in (joined, appended):
        assert_equal(block.gather(at), rows, at, LENGTH)
        assert_equal(block.take(at[:40]).gather(np.arange(40)), rows, at[:40], LENGTH)


def test_histories_are_cut_after_the_last_page_that_is_needed(tmp_path: Path) -> None:
    rows = make_rows(30)
    block = ExampleBlock.concatenate(read_blocks(rows, tmp_path))
    for at, length in (([0, 21], 3), ([1, 3], 3), ([4], 6), ([18, 2], 18), ([19], 20)):
        assert_equal(block.gather(np.array(at), cut_histories=True), rows, np.array(at), length)
    assert block.page_counts[:8].tolist() == [0, 1, 1, 1, 2, 2, 2, 3]


def test_padding_takes_no_memory(tmp_path: Path) -> None:
    rows = make_rows(21 * 40)
    block = ExampleBlock.concatenate(read_blocks(rows, tmp_path))
    padded = sum(values.size * 4 for values in rows.values())
    assert block.nbytes < padded / 2


@pytest.mark.parametrize(("name", "bad"), [("item", 21), ("history_category", 6), ("history_item", -1)])
def test_an_id_without_an_embedding_is_refused(tmp_path: Path, name: str, bad: int) -> None:
    rows = make_rows(30)
    rows[name].flat[-1] = bad
    with pytest.raises(TransformedFormatError, match=f"column `{name}` of file should hold ids from 0 to .*{bad}"):
        read_blocks(rows, tmp_path)


def test_gathered_batches_stay_as_they_are_while_they_are_used(tmp_path: Path) -> None:
    block = ExampleBlock.concatenate(read_blocks(make_rows(20), tmp_path))
    first = block.gather(np.array([1, 2]))
    kept = {name: tensor.copy() for name, tensor in first.items()}
    second = block.gather(np.array([3, 4]))
    for name, tensor in first.items():
        np.testing.assert_array_equal(tensor, kept[name])
        assert not np.shares_memory(tensor, second[name])
