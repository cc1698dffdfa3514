"""Steps that read the tables, called without Beam."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from interestflow.transforms.ingestion.dead_letters import TableReport
from interestflow.transforms.ingestion.plan import ShufflePlan
from interestflow.transforms.ingestion.read_step import ReadEntityTable, ReadEvents
from interestflow.transforms.ingestion.shuffle_files import read_frame
from interestflow.transforms.reading.pieces import FilePiece
from tests.transforms.ingestion.step_outputs import by_tag
from tests.transforms.small_log import configuration

LARGE = 10**9


def read(folder: Path, groups: list[list[FilePiece]], **sizes: int) -> dict[str, list[Any]]:
    """Return the outputs of a bundle that reads groups of pieces."""
    plan = ShufflePlan(3, LARGE, LARGE, LARGE)._replace(**sizes)
    step = ReadEvents(configuration(folder), plan, str(folder))
    step.start_bundle()
    outputs = [output for group in groups for output in step.process(group)]
    return by_tag([*outputs, *step.finish_bundle()])


def write_log(folder: Path, rows: list[str], name: str = "events.csv") -> str:
    (folder / name).write_text("\n".join(["user,item,time,click", *rows, ""]))
    return str(folder / name)


def test_events_of_several_files_are_spread_over_shards_by_user_in_one_scratch_file(tmp_path: Path) -> None:
    rows = [f"u{index % 7},i{index},{index},1" for index in range(50)]
    paths = [write_log(tmp_path, rows, "a.csv"), write_log(tmp_path, [*rows, ",i,1,1"], "b.csv")]
    outputs = read(tmp_path, [[FilePiece(index, path)] for index, path in enumerate(paths)])
    users = [set(read_frame(chunk.location).get_column("user")) for _, chunk in outputs["main"]]
    assert sum(map(len, users)) == len(set().union(*users)) == 7
    shards = [shard for shard, _ in outputs["main"]]
    assert shards == sorted(set(shards))
    assert len(shards) > 1
    assert len({chunk.location.path for _, chunk in outputs["main"]}) == 1
    assert outputs["counts"] == [TableReport("events", 101, {"no user id": 1})]
    assert read_frame(outputs["letters"][0].location).select("file", "row").rows() == [(paths[1], 51)]
    assert "pieces" not in outputs


def test_a_full_buffer_is_written_before_the_bundle_ends(tmp_path: Path) -> None:
    path = write_log(tmp_path, [f"u,i{index},{index},1" for index in range(50)])
    outputs = read(tmp_path, [[FilePiece(0, path)]] * 3, buffer_bytes=1)
    assert len({chunk.location.path for _, chunk in outputs["main"]}) == 3
    assert len(outputs["counts"]) == 3


def test_pieces_of_one_file_count_their_rows(tmp_path: Path) -> None:
    path = write_log(tmp_path, [f"u,i{index},{index},1" for index in range(10, 60)])
    outputs = read(tmp_path, [[FilePiece(0, path, 0, 300)], [FilePiece(0, path, 300, 300)]])
    assert sum(rows for _, rows in outputs["pieces"]) == 50
    assert [piece.start for piece, _ in outputs["pieces"]] == [0, 300]


def test_the_events_of_a_hot_user_are_sorted_chunks(tmp_path: Path) -> None:
    path = write_log(tmp_path, [f"u,i{index},{100 - index},1" for index in range(100)])
    chunks = [chunk for _, chunk in read(tmp_path, [[FilePiece(0, path)]], chunk_bytes=700)["main"]]
    frames = [read_frame(chunk.location) for chunk in chunks]
    assert len(chunks) > 2
    assert pl.concat(frames).get_column("timestamp").is_sorted()
    assert [chunk.first for chunk in chunks] == [("u", frame.item(0, "timestamp")) for frame in frames]


def test_a_table_is_counted_only_if_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("id\na\na\n")
    config = configuration(tmp_path, data__items={"path": "items.csv", "format": "csv", "id": "id"})
    step = ReadEntityTable(config, str(tmp_path))
    outputs = by_tag(step.process("items"))
    assert outputs["counts"] == [TableReport("items", 2, {"an id is given twice": 1})]
    assert read_frame(outputs["letters"][0].location).get_column("row").to_list() == [2]
    assert list(step.process("users")) == []
