"""Ingestion of files to examples through Beam, across files and days, with dead letters set aside."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import apache_beam as beam
import polars as pl
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

import interestflow.transforms.ingestion.job
import interestflow.transforms.ingestion.plan
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.ingestion.counts import IngestionCounts
from interestflow.transforms.ingestion.job import ingest, remove_scratch
from interestflow.transforms.reading.pieces import cut_files
from interestflow.transforms.splits import SPLITS
from tests.beam_arguments import BEAM_ARGUMENTS
from tests.transforms.small_log import SECOND, configuration, read_split


def run(config: IngestionConfig, folder: Path) -> IngestionCounts:
    with beam.Pipeline(options=PipelineOptions(BEAM_ARGUMENTS)) as pipeline:
        scratch = ingest(config, pipeline, str(folder / "examples"), str(folder / "report"))
    remove_scratch(scratch)
    return IngestionCounts.model_validate_json((folder / "report" / "counts.json").read_text())


def examples(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {split: read_split(folder / "examples", split) for split in SPLITS}


def log_file(path: Path, rows: list[tuple[Any, ...]]) -> None:
    path.write_text("user,item,time,click\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))


def test_events_out_of_order_over_several_files(tmp_path: Path) -> None:
    """Ten instants: the first eight train, then one each; user v is only in the later file, u in both."""
    log_file(tmp_path / "events-monday.csv", [("u", f"i{time}", time, time % 2) for time in (7, 1, 9, 3, 5)])
    log_file(
        tmp_path / "events-sunday.csv", [("u", "i8", 8, 0), ("v", "i1", 2, 1), ("v", "i6", 6, 0), ("u", "i4", 4, 0)]
    )
    log_file(tmp_path / "events-tuesday.csv", [("v", "i1", 10, 1)])
    counts = run(configuration(tmp_path), tmp_path)
    by_split = examples(tmp_path)
    values = {
        split: [(e["user"], e["item"], e["timestamp"] // SECOND, e["label_click"], e["history_item"]) for e in rows]
        for split, rows in by_split.items()
    }
    assert values == {
        "train": [
            ("u", "i1", 1, 1.0, []),
            ("u", "i3", 3, 1.0, ["i1"]),
            ("u", "i4", 4, 0.0, ["i1", "i3"]),
            ("u", "i5", 5, 1.0, ["i1", "i3", "i4"]),
            ("u", "i7", 7, 1.0, ["i1", "i3", "i4", "i5"]),
            ("u", "i8", 8, 0.0, ["i1", "i3", "i4", "i5", "i7"]),
            ("v", "i1", 2, 1.0, []),
            ("v", "i6", 6, 0.0, ["i1"]),
        ],
        "validation": [("u", "i9", 9, 1.0, ["i1", "i3", "i4", "i5", "i7", "i8"])],
        "test": [("v", "i1", 10, 1.0, ["i1", "i6"])],
    }
    assert (counts.validation_from, counts.test_from) == (9 * SECOND, 10 * SECOND)
    assert counts.examples == {"train": 8, "validation": 1, "test": 1}
    assert counts.positives == {"train": {"click": 5}, "validation": {"click": 1}, "test": {"click": 1}}
    assert (counts.users, counts.items, counts.items_in_training) == (2, 8, 7)
    assert [e["slice_item"] for e in (by_split["validation"][0], by_split["test"][0])] == ["cold", "known"]


@pytest.fixture(scope="module")
def folder_with_dead_letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an ingestion of 40 usable rows and three dead letters."""
    folder = tmp_path_factory.mktemp("dead_letters")
    rows = [("u", f"i{time}", time, 1) for time in range(1, 41)]
    log_file(folder / "events.csv", [*rows[:20], ("", "i1", 3, 1), ("u", "i2", "noon", 1), *rows[20:], rows[4]])
    run(configuration(folder, data__max_bad_row_share=0.1), folder)
    return folder


def test_dead_letters_are_written_with_their_reason(folder_with_dead_letters: Path) -> None:
    report = folder_with_dead_letters / "report"
    counts = IngestionCounts.model_validate_json((report / "counts.json").read_text())
    assert counts.tables["events"].model_dump() == {"rows": 43, "usable": 40, "dead_letters": 3}
    assert counts.dead_letter_reasons == {
        "events: no user id": 1, "events: repeats an earlier row": 1, "events: timestamp cannot be read": 1,
    }  # fmt: skip
    letters = pl.read_parquet(report / "dead_letters.parquet")
    assert letters.select("row", "reason").rows() == [
        (21, "no user id in `user`"),
        (22, "timestamp noon in `time` cannot be read as s"),
        (43, "repeats an earlier row"),
    ]
    assert letters.get_column("file").unique().to_list() == [str(folder_with_dead_letters / "events.csv")]
    assert json.loads(letters.get_column("content")[1])["time"] == "noon"
    assert sum(counts.examples.values()) == 40


def test_too_many_dead_letters_end_the_run_with_the_reasons(tmp_path: Path) -> None:
    rows: list[tuple[Any, ...]] = [("u", f"i{time}", time, 1) for time in range(90)]
    log_file(tmp_path / "events.csv", rows + [("", "i", 1, 1)] * 10)
    with pytest.raises(Exception, match=r"at most 5\.00% of the rows of `data.events`") as raised:
        run(configuration(tmp_path, data__max_bad_row_share=0.05), tmp_path)
    assert "received 10 of 100, 10.00%: 10 x no user id" in str(raised.value)
    assert not list(tmp_path.glob("examples/Split-*/*"))


def test_a_split_without_a_label_ends_the_run(tmp_path: Path) -> None:
    log_file(tmp_path / "events.csv", [("u", f"i{time}", time, time) for time in range(2)] + [("u", "x", 3, 0)] * 1)
    tasks = [{"name": "click", "label": {"column": "click"}, "mask": {"column": "click"}}]
    with pytest.raises(Exception, match="every split should have examples, received"):
        run(configuration(tmp_path, tasks=tasks, split={"train": 0.4, "validation": 0.3, "test": 0.3}), tmp_path)


def test_how_the_log_is_cut_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows in one file or in five, in pieces, in slices, in 3 shards or in 16.

    There are the same examples, drawn negatives included, and the same dead letters.
    """
    rows: list[tuple[Any, ...]] = [(f"u{max(0, n % 20 - 8)}", f"i{n * 7 % 29}", n // 3, n // 7 % 2) for n in range(300)]
    rows[50], rows[123], rows[222] = ("", "i1", 3, 1), rows[40], ("u", "i", "noon", 1)
    outputs, letters = [], []
    for name, files, shards in (("one", 1, 3), ("five", 5, 16), ("pieces", 1, 4)):
        folder = tmp_path / name
        folder.mkdir()
        for index in range(files):
            size = len(rows) // files
            log_file(folder / f"events-{index}.csv", rows[index * size : (index + 1) * size])
        monkeypatch.setattr(interestflow.transforms.ingestion.plan, "MIN_SHARDS", shards)
        if name == "pieces":
            monkeypatch.setattr(interestflow.transforms.ingestion.plan, "SLICE_SHARE", 5e-7)
            monkeypatch.setattr(interestflow.transforms.ingestion.plan, "BUFFER_SHARE", 1e-6)
            monkeypatch.setattr(interestflow.transforms.ingestion.plan, "MIN_CHUNK_BYTES", 500)
            cut = functools.partial(cut_files, piece_bytes=700)
            monkeypatch.setattr(interestflow.transforms.ingestion.job, "cut_files", cut)
        config = configuration(
            folder, negatives={"source": "sampled", "per_positive": 2}, sequence={"max_length": 5},
            data__max_bad_row_share=0.1,
        )  # fmt: skip
        run(config, folder)
        outputs.append(examples(folder))
        letters.append(pl.read_parquet(folder / "report" / "dead_letters.parquet"))
        users = [{e["user"] for e in read_split_file(file)} for file in folder.glob("examples/Split-train/*")]
        assert sum(map(len, users)) == 12  # each user's examples are in one shard
    assert outputs[0] == outputs[1] == outputs[2]
    assert letters[0].get_column("row").to_list() == [51, 124, 223]
    assert letters[2].drop("file").equals(letters[0].drop("file"))


def read_split_file(file: Path) -> list[dict[str, Any]]:
    link = file.parent.parent / f"only-{file.stem}" / "Split-train"
    link.mkdir(parents=True)
    (link / file.name).hardlink_to(file)
    return read_split(link.parent, "train")


def test_nothing_is_left_in_the_scratch_folder(folder_with_dead_letters: Path) -> None:
    folders = (folder_with_dead_letters / "examples").iterdir()
    assert sorted(path.name for path in folders) == [f"Split-{s}" for s in sorted(SPLITS)]
