"""Variables come back from their files as they were, whole or in parts, and what does not fit changes none."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from interestflow.pipeline.training import variable_files
from interestflow.pipeline.training.variable_files import (
    PART_BYTES,
    VariableFileError,
    read_text,
    read_variables,
    remove_variables,
    write_variables,
)


def build_variables(factor: float = 1.0) -> dict[str, tf.Variable]:
    """Return a table of five rows, their accumulators, and variables of other types and shapes."""
    return {
        "table": tf.Variable(factor * np.arange(10, dtype=np.float32).reshape(5, 2)),
        "accumulator": tf.Variable(factor * np.arange(5, dtype=np.float32)),
        "seed": tf.Variable(np.array([7, 9], np.uint32) * np.uint32(factor)),
        "steps": tf.Variable(int(3 * factor), dtype=tf.int64),
    }


def values(variables: dict[str, tf.Variable]) -> dict[str, list[float]]:
    return {name: variable.numpy().tolist() for name, variable in variables.items()}


@pytest.mark.parametrize(("part_bytes", "files"), [(PART_BYTES, 1), (16, 6), (1, 11)])
def test_variables_come_back_from_parts_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_bytes: int, files: int
) -> None:
    """Parts of 16 bytes hold two rows of the table or four accumulators; the small variables share a file."""
    monkeypatch.setattr(variable_files, "PART_BYTES", part_bytes)
    prefix, written = str(tmp_path / "folder" / "ckpt-1"), build_variables()
    write_variables(prefix, written, note="größe")
    names = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert names == [*(f"ckpt-1.data-{i:05}-of-{files:05}" for i in range(files)), "ckpt-1.index"]
    assert read_text(prefix, "note") == "größe"
    variables = build_variables(0.0)
    read_variables(prefix, variables)
    assert values(variables) == values(written)
    # TensorFlow's own reader finds the whole table, as the restore operation of a SavedModel does.
    np.testing.assert_array_equal(tf.train.load_variable(prefix, "table"), written["table"].numpy())


def test_parts_are_read_also_where_they_have_another_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix, variables = str(tmp_path / "ckpt"), build_variables(0.0)
    monkeypatch.setattr(variable_files, "PART_BYTES", 24)
    write_variables(prefix, build_variables())
    monkeypatch.setattr(variable_files, "PART_BYTES", 16)
    read_variables(prefix, variables)
    assert values(variables) == values(build_variables())


def test_a_checkpoint_is_replaced_and_removed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = str(tmp_path / "ckpt")
    (tmp_path / "ckpt.unfinished").mkdir()  # of an attempt that was killed
    monkeypatch.setattr(variable_files, "PART_BYTES", 8)
    write_variables(prefix, build_variables())
    monkeypatch.setattr(variable_files, "PART_BYTES", PART_BYTES)
    write_variables(prefix, build_variables(2.0))
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "ckpt-2.index").touch()  # another checkpoint
    remove_variables(prefix)
    assert [path.name for path in tmp_path.iterdir()] == ["ckpt-2.index"]


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ("missing", r"`other` should have the shape and type \(\[\], tf.float32\), received \(None, None\)"),
        (
            "shape",
            r"`table` should have the shape and type \(\[4, 2\], tf.float32\), received \(\[5, 2\], tf.float32\)",
        ),
        ("type", r"`steps` should have the shape and type \(\[\], tf.int32\), received \(\[\], tf.int64\)"),
        ("cut off", "out of range|truncated|Read less bytes|file"),
        ("changed", "Checksum does not match"),
        ("no file", "Unsuccessful TensorSliceReader|ckpt"),
    ],
)
def test_what_does_not_fit_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str, reason: str
) -> None:
    monkeypatch.setattr(variable_files, "PART_BYTES", 16)
    prefix, variables = str(tmp_path / "ckpt"), build_variables(0.0)
    write_variables(prefix, build_variables())
    last = max(tmp_path.glob("ckpt.data-*"))
    if harm == "missing":
        variables["other"] = tf.Variable(0.0)
    elif harm == "shape":
        variables["table"] = tf.Variable(np.zeros((4, 2), np.float32))
    elif harm == "type":
        variables["steps"] = tf.Variable(0, dtype=tf.int32)
    elif harm == "cut off":
        last.write_bytes(last.read_bytes()[:-2])
    elif harm == "changed":
        last.write_bytes(b"?" + last.read_bytes()[1:])
    else:
        prefix += "-2"
    before = values(variables)
    with pytest.raises(VariableFileError, match=reason):
        read_variables(prefix, variables)
    assert values(variables) == before


def test_a_text_that_is_not_there_is_named(tmp_path: Path) -> None:
    prefix = str(tmp_path / "ckpt")
    write_variables(prefix, build_variables())
    with pytest.raises(VariableFileError, match="note"):
        read_text(prefix, "note")


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is reset by Linux")
def test_a_large_variable_is_never_in_memory_twice(tmp_path: Path) -> None:
    """Of four parts, one is in memory beside the variable, and one more while TensorFlow copies it."""
    table = tf.Variable(tf.ones((4 * PART_BYTES // 64, 16)))
    tf.raw_ops.ResourceScatterUpdate(resource=table.handle, indices=[1], updates=tf.zeros((1, 16)))  # as a step does
    before = _megabytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    write_variables(str(tmp_path / "ckpt"), {"table": table})
    read_variables(str(tmp_path / "ckpt"), {"table": table})
    assert _megabytes("VmHWM") - before < 2.5 * PART_BYTES / 2**20
    assert table[:3, 0].numpy().tolist() == [1.0, 0.0, 1.0]


def _megabytes(name: str) -> float:
    match = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match is not None
    return int(match[1]) / 1024
