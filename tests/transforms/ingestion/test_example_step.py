"""Steps that count items and write examples, called without Beam."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from interestflow.transforms.ingestion.example_step import CountItems, MergeCounts, WriteExamples
from interestflow.transforms.ingestion.shuffle_files import FrameFile
from interestflow.transforms.ingestion.sort_step import ITEM_COLUMNS, SortedSlice
from interestflow.transforms.splits import SPLITS, Boundaries
from tests.transforms.small_log import SECOND, configuration, events, read_split


def store(folder: Path, *frames: pl.DataFrame) -> list[SortedSlice]:
    """Store frames as the slices of a shard."""
    with FrameFile(str(folder / "shard.arrow")) as file:
        return [
            SortedSlice(file.write(frame.select(ITEM_COLUMNS)), file.write(frame.drop(ITEM_COLUMNS)))
            for frame in frames
        ]


def test_items_of_the_training_window_are_counted_and_merged(tmp_path: Path) -> None:
    log = events([("u", "b", 1, 1), ("u", "a", 2, 1), ("v", "b", 3, 1), ("v", "z", 9, 1)])
    shard = (0, store(tmp_path, log[:2], log[2:]))
    counts = list(CountItems().process(shard, Boundaries(9 * SECOND, 10 * SECOND)))
    assert [sorted(frame.rows()) for frame in counts] == [[("a", 1), ("b", 1)], [("b", 1), ("z", 0)]]
    merge = MergeCounts()
    accumulator = merge.create_accumulator()
    for _ in range(40):
        for frame in counts:
            accumulator = merge.add_input(accumulator, frame)
    catalogue = merge.extract_output(merge.merge_accumulators([accumulator, merge.create_accumulator()]))
    assert catalogue.items.to_list() == ["a", "b"]
    assert catalogue.counts.tolist() == [40, 80]
    assert catalogue.all_items == 3
    assert len(merge.extract_output(merge.create_accumulator()).items) == 0


def test_waiting_counts_are_merged_once_they_outnumber_the_merged_ones() -> None:
    frame = pl.DataFrame({"item": [str(index) for index in range(60_000)], "count": [1] * 60_000})
    merge = MergeCounts()
    accumulator = merge.create_accumulator()
    heights = []
    for _ in range(4):
        accumulator = merge.add_input(accumulator, frame)
        heights.append(sum(part.height for part in accumulator))
    assert heights == [60_000, 60_000, 120_000, 60_000]


def test_a_shard_in_slices_has_the_examples_and_counts_of_one_in_one_piece(tmp_path: Path) -> None:
    """One user with 40 events, then another with 4: cut into slices of five events, within the first user."""
    rows: list[tuple[Any, ...]] = [("u", f"i{n * 7 % 11}", n, n % 3 == 0) for n in range(40)]
    log = events([*rows, *(("v", f"i{n}", 10 * n, 1) for n in range(4))])
    catalogue = MergeCounts().extract_output([log.group_by("item").len("count").cast({"count": pl.Int64})])
    boundaries = Boundaries(30 * SECOND, 36 * SECOND)
    outputs = []
    for name, size in (("whole", 44), ("slices", 5)):
        folder = tmp_path / name
        for split in SPLITS:
            (folder / f"Split-{split}").mkdir(parents=True)
        config = configuration(
            folder, sequence={"max_length": 4, "availability_delay": 2, "history_negatives": True},
            negatives={"source": "sampled", "per_positive": 3},
        )  # fmt: skip
        step = WriteExamples(config, 1, str(folder))
        step.setup()
        shard = (0, store(folder, *log.iter_slices(size)))
        counts = list(step.process(shard, boundaries, catalogue))
        totals = {key: sum(part[key] for part in counts) for key in ("users", "negatives_not_found", "behaviours_only")}
        outputs.append((totals, {split: read_split(folder, split) for split in SPLITS}))
    assert outputs[0] == outputs[1]
    assert outputs[0][0]["users"] == 2
    assert len(outputs[0][1]["train"]) > 20
