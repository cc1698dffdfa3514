"""Files of examples are readable by TensorFlow, and appear only once they are complete."""

from pathlib import Path

import pytest
import tensorflow as tf

from interestflow.transforms.examples.tfrecord_writer import ExampleFile


def read(path: Path) -> list[bytes]:
    return list(tf.data.TFRecordDataset(str(path), compression_type="GZIP").as_numpy_iterator())


def test_tensorflow_reads_what_was_written(tmp_path: Path) -> None:
    batches = [[b"one", b"", b"three" * 10_000], [], [b"one"]]
    with ExampleFile(str(tmp_path / "part.gz")) as file:
        for batch in batches:
            file.write(batch)
    assert read(tmp_path / "part.gz") == [b"one", b"", b"three" * 10_000, b"one"]
    assert file.examples == 4


def test_an_empty_file_is_readable(tmp_path: Path) -> None:
    with ExampleFile(str(tmp_path / "part.gz")):
        pass
    assert read(tmp_path / "part.gz") == []


def test_an_unfinished_file_does_not_exist(tmp_path: Path) -> None:
    def stopped_half_way() -> None:
        with ExampleFile(str(tmp_path / "part.gz")) as file:
            file.write([b"one"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stopped_half_way()
    assert list(tmp_path.iterdir()) == []
