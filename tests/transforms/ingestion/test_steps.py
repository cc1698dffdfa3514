"""Steps of the ingestion job, called without Beam."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from apache_beam.pvalue import TaggedOutput

from interestflow.transforms.ingestion.dead_letters import TableReport
from interestflow.transforms.ingestion.shuffle_files import decode_frame, read_bytes, read_frame, write_frames
from interestflow.transforms.ingestion.steps import CountItems, MergeCounts, ReadEntityTable, ReadEvents, SortShard
from interestflow.transforms.splits import Boundaries
from tests.transforms.small_log import SECOND, configuration, events


def by_tag(outputs: list[Any]) -> dict[str, list[Any]]:
    """Return the outputs of a step by tag; the main ones under "main"."""
    tagged: dict[str, list[Any]] = {}
    for output in outputs:
        is_tagged = isinstance(output, TaggedOutput)
        tagged.setdefault(output.tag if is_tagged else "main", []).append(output.value if is_tagged else output)
    return tagged


def test_events_are_spread_over_shards_by_user(tmp_path: Path) -> None:
    rows = [f"u{index % 7},i{index},{index},1" for index in range(50)]
    (tmp_path / "events.csv").write_text("\n".join(["user,item,time,click", *rows, ",i,1,1", ""]))
    outputs = by_tag(
        list(ReadEvents(configuration(tmp_path), 3, str(tmp_path)).process((2, str(tmp_path / "events.csv"))))
    )
    users = [set(read_frame(location).get_column("user")) for _, location in outputs["main"]]
    assert sum(map(len, users)) == len(set().union(*users)) == 7
    assert all(0 <= shard < 3 for shard, _ in outputs["main"])
    assert outputs["counts"] == [TableReport("events", 51, {"no user id": 1})]
    assert [decode_frame(letters).height for letters in outputs["letters"]] == [1]


def test_a_shard_is_sorted_and_its_repeats_name_file_and_row(tmp_path: Path) -> None:
    log = events([("u", "a", 7200, 1), ("u", "b", 1, 1), ("u", "a", 7200, 1)])
    log = log.with_columns(pl.Series("order", [0, 1, 2**40 + 4]))
    locations = write_frames(str(tmp_path / "pieces.arrow"), {0: log[:1], 1: log[1:]})
    outputs = by_tag(list(SortShard(["one.csv", "two.csv"], str(tmp_path)).process((5, locations.values()))))
    ((shard, path),) = outputs["main"]
    assert shard == 5
    assert decode_frame(read_bytes(path)).get_column("item").to_list() == ["b", "a"]
    ((first, count),) = outputs["hours"]
    assert (first.tolist(), count.tolist()) == ([SECOND, 7200 * SECOND], [1, 1])
    assert outputs["counts"] == [TableReport("events", 0, {"repeats an earlier row": 1})]
    letters = decode_frame(outputs["letters"][0])
    assert letters.select("file", "row", "reason").rows() == [("two.csv", 5, "repeats an earlier row")]


def test_items_of_the_training_window_are_counted_and_merged(tmp_path: Path) -> None:
    log = events([("u", "b", 1, 1), ("u", "a", 2, 1), ("v", "b", 3, 1), ("v", "z", 9, 1)])
    path = str(tmp_path / "shard.arrow")
    write_frames(path, {0: log})
    (counts,) = CountItems().process((0, path), Boundaries(9 * SECOND, 10 * SECOND))
    assert sorted(counts.rows()) == [("a", 1), ("b", 2)]
    merge = MergeCounts()
    accumulator = merge.create_accumulator()
    for _ in range(40):
        accumulator = merge.add_input(accumulator, counts)
    catalogue = merge.extract_output(merge.merge_accumulators([accumulator, [counts], []]))
    assert catalogue.items.to_list() == ["a", "b"]
    assert catalogue.counts.tolist() == [41, 82]
    assert len(merge.extract_output([]).items) == 0


def test_a_table_is_counted_only_if_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("id\na\na\n")
    step = ReadEntityTable(configuration(tmp_path, data__items={"path": "items.csv", "format": "csv", "id": "id"}))
    outputs = by_tag(list(step.process("items")))
    assert outputs["counts"] == [TableReport("items", 2, {"an id is given twice": 1})]
    assert list(step.process("users")) == []
