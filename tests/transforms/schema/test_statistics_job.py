"""Which blocks of a file are sampled, and how large a share."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pytest
import tensorflow as tf

from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.schema.statistics_job import BLOCK, ReadSample, SampleSize, sampled_share


def write(path: Path, count: int) -> str:
    with ExampleFile(str(path)) as file:
        for number in range(count):
            example = tf.train.Example()
            example.features.feature["number"].int64_list.value.append(number)
            file.write([example.SerializeToString()])
    return str(path)


@pytest.mark.parametrize(
    ("share", "blocks"), [(1.0, [0, 1, 2, 3, 4]), (0.5, [0, 1, 3]), (0.25, [0, 3]), (0.01, [0])], ids=str
)
def test_blocks_are_sampled_at_even_distances_and_the_first_always(
    tmp_path: Path, share: float, blocks: list[int]
) -> None:
    step = ReadSample(share)
    step.setup()
    *batches, size = step.process(write(tmp_path / "a.gz", 5 * BLOCK))
    numbers = [
        number for batch in batches if isinstance(batch, pa.RecordBatch) for (number,) in batch["number"].to_pylist()
    ]
    assert numbers == [block * BLOCK + index for block in blocks for index in range(BLOCK)]
    assert isinstance(size, beam.pvalue.TaggedOutput)
    assert size.value == SampleSize(5 * BLOCK, len(blocks) * BLOCK)


def test_the_share_is_that_of_the_wanted_examples_among_all(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.gz", count) for name, count in (("a", 0), ("b", 300), ("c", 300))]
    assert sampled_share(files, 300) == pytest.approx(0.5, rel=0.02)
    assert sampled_share(files, 10_000) == 1.0
    assert sampled_share([], 100) == 1.0
