"""The step that sorts a shard, called without Beam."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from interestflow.transforms.ingestion.dead_letters import TableReport
from interestflow.transforms.ingestion.shuffle_files import FrameFile, read_frame
from interestflow.transforms.ingestion.sort_step import SortShard
from interestflow.transforms.ingestion.sorted_chunks import Chunk
from tests.transforms.ingestion.step_outputs import by_tag
from tests.transforms.small_log import SECOND, events


def store(folder: Path, *frames: pl.DataFrame) -> list[Chunk]:
    """Store frames as chunks in no order."""
    with FrameFile(str(folder / "pieces.arrow")) as file:
        return [Chunk(file.write(frame)) for frame in frames]


def test_a_shard_is_sorted_and_its_repeats_name_file_and_row(tmp_path: Path) -> None:
    log = events([("u", "a", 7200, 1), ("u", "b", 1, 1), ("u", "a", 7200, 1)])
    log = log.with_columns(pl.Series("order", [0, 1, 2**40 + 4]))
    chunks = store(tmp_path, log[:1], log[1:])
    outputs = by_tag(SortShard(["one.csv", "two.csv"], 10**6, str(tmp_path)).process((5, chunks)))
    ((shard, slices),) = outputs["main"]
    assert shard == 5
    (part,) = slices
    assert part.read().select("user", "item", "timestamp", "click").rows() == [
        ("u", "b", SECOND, 1), ("u", "a", 7200 * SECOND, 1)
    ]  # fmt: skip
    assert part.read_items().columns == ["item", "timestamp"]
    ((first, count),) = outputs["hours"]
    assert (first.tolist(), count.tolist()) == ([SECOND, 7200 * SECOND], [1, 1])
    assert outputs["counts"] == [TableReport("events", 0, {"repeats an earlier row": 1})]
    letters = read_frame(outputs["letters"][0].location)
    assert letters.select("file", "row", "reason").rows() == [("two.csv", 5, "repeats an earlier row")]


def test_a_large_shard_is_cut_between_events_of_different_times(tmp_path: Path) -> None:
    log = events([("u", f"i{index}", index // 3, 1) for index in range(60)])
    ((_, slices),) = by_tag(SortShard(["a.csv"], 400, str(tmp_path)).process((0, store(tmp_path, log))))["main"]
    parts = [part.read() for part in slices]
    assert len(parts) > 3
    assert all(part.height % 3 == 0 for part in parts)
    assert pl.concat(parts).select(log.columns).equals(log)
