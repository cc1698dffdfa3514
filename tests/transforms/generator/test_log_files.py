"""Generated logs are written to files and read back."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from interestflow.transforms.generator.config import LogGeneratorConfig
from interestflow.transforms.generator.generate import generate_log
from interestflow.transforms.generator.log_files import LogFormat, write_log

READERS = {"parquet": pl.read_parquet, "csv": pl.read_csv, "jsonl": pl.read_ndjson}


@pytest.mark.parametrize("format", READERS)
def test_what_is_written_is_read_back_the_same(tmp_path: Path, format: LogFormat) -> None:
    log = generate_log(LogGeneratorConfig(events=500, users=20, items=50, categories=5))
    paths = write_log(log, tmp_path / "new" / "logs", format)
    assert {name: path.name for name, path in paths.items()} == {
        name: f"{name}.{format}" for name in ("events", "items", "users")
    }
    for name, path in paths.items():
        assert_frame_equal(READERS[format](path), getattr(log, name), check_exact=True)
    assert sorted(path.name for path in (tmp_path / "new" / "logs").iterdir()) == sorted(p.name for p in paths.values())


def test_writing_again_replaces(tmp_path: Path) -> None:
    config = LogGeneratorConfig(events=500, users=20, items=50, categories=5)
    write_log(generate_log(config), tmp_path)
    other = generate_log(config.model_copy(update={"seed": 2}))
    paths = write_log(other, tmp_path)
    assert_frame_equal(pl.read_parquet(paths["events"]), other.events)


def test_an_unknown_format_is_rejected(tmp_path: Path) -> None:
    log = generate_log(LogGeneratorConfig(events=100, users=2, items=10, categories=2))
    with pytest.raises(ValueError, match="`format` should be one of parquet, csv, jsonl, received 'xls'"):
        write_log(log, tmp_path / "logs", "xls")  # type: ignore[arg-type]
    assert not (tmp_path / "logs").exists()
