"""Batches of several windows: their order, their sizes, and what is loaded for them."""

from __future__ import annotations

import numpy as np
import pytest

from interestflow.pipeline.training.batch_stream import BatchPlan, Window, available_cores, stream_batches
from interestflow.pipeline.training.example_block import ExampleBlock
from interestflow.pipeline.training.example_layout import ExampleLayout
from interestflow.transforms.transformed.reader import open_columns
from tests.pipeline.support import training_examples

SIZES = (12, 7, 16)
LAYOUT = ExampleLayout.build(training_examples.INPUTS)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> list[ExampleBlock]:
    rows = training_examples.make_rows(sum(SIZES))
    rows["price"] = np.arange(sum(SIZES), dtype=np.float32)
    pattern = training_examples.write(rows, tmp_path_factory.mktemp("rows"), files=1)
    with open_columns(pattern.replace("*", "0")) as file:
        parts = [ExampleBlock.from_batch(LAYOUT, batch, "") for batch in file.read_all(list(LAYOUT.columns))]
    whole = ExampleBlock.concatenate(parts)
    return [whole.take(rows) for rows in np.split(np.arange(sum(SIZES)), np.cumsum(SIZES)[:-1])]


def stream(blocks: list[ExampleBlock], plan: BatchPlan) -> tuple[list[list[float]], list[int]]:
    """Return the prices of each batch, and the windows that were loaded."""
    loaded = []

    def window(position: int) -> Window:
        def load() -> ExampleBlock:
            loaded.append(position)
            return blocks[position]

        return Window(len(blocks[position]), (load,))

    windows = [window(position) for position in range(len(blocks))]
    batches = [future.result()["price"].tolist() for future in stream_batches(windows, plan)]
    return batches, sorted(loaded)


def test_batches_go_on_across_windows(blocks: list[ExampleBlock]) -> None:
    batches, loaded = stream(blocks, BatchPlan(5))
    assert batches == [list(range(begin, begin + 5)) for begin in range(0, 35, 5)]
    assert loaded == [0, 1, 2]
    assert [len(batch) for batch in stream(blocks, BatchPlan(6))[0]] == [6] * 5 + [5]
    assert [len(batch) for batch in stream(blocks, BatchPlan(6, drop_remainder=True))[0]] == [6] * 5


@pytest.mark.parametrize("by_length", [False, True])
def test_an_order_by_seed_stays_within_windows_but_for_what_is_carried(
    blocks: list[ExampleBlock], by_length: bool
) -> None:
    batches, _ = stream(blocks, BatchPlan(5, seed=(1, 2), by_length=by_length))
    first = [price for batch in batches[:2] for price in batch]
    assert set(first) <= set(range(12))
    assert first != sorted(first)
    assert sorted(price for batch in batches for price in batch) == list(range(35))


@pytest.mark.parametrize("by_length", [False, True])
def test_windows_that_are_skipped_are_not_loaded(blocks: list[ExampleBlock], by_length: bool) -> None:
    plan = BatchPlan(5, seed=(1, 2), by_length=by_length)
    whole, _ = stream(blocks, plan)
    # Batches 0 and 1 are of the first window, 2 of its rest and the second, 3 to 6 of the second's rest and the third.
    for first_batch, windows in ((0, [0, 1, 2]), (1, [0, 1, 2]), (2, [0, 1, 2]), (3, [1, 2]), (6, [1, 2]), (7, [1, 2])):
        rest = BatchPlan(5, seed=(1, 2), by_length=by_length, first_batch=first_batch)
        assert stream(blocks, rest) == (whole[first_batch:], windows)


def test_an_error_of_a_window_is_raised() -> None:
    def load() -> ExampleBlock:
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        next(iter(stream_batches([Window(3, (load,))], BatchPlan(2))))


def test_there_are_cores() -> None:
    assert available_cores() >= 1
