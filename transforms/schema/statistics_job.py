"""The Beam job from raw examples to their statistics, over a sample of bounded size of each split."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import apache_beam as beam
import tensorflow_data_validation as tfdv
from apache_beam.io.filesystems import FileSystems
from apache_beam.pvalue import AsSingleton
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from interestflow.transforms.examples.tfrecord_reader import read_records, record_bytes
from interestflow.transforms.ingestion.shuffle_files import create_file, make_folder
from interestflow.transforms.reading.files import total_bytes
from interestflow.transforms.schema.statistics_options import statistics_options

BLOCK = 256
"""Consecutive examples that are sampled together: all or none."""
STATISTICS_FILE = "FeatureStats.pb"
"""Name of the statistics of a split, as TFX's own steps expect it."""
SAMPLE_FILE = "sample.json"


@dataclass(frozen=True)
class SampleSize:
    """Number of examples of a split, and of those whose statistics were computed."""

    examples: int
    sampled: int


def compute_statistics(
    pipeline: beam.Pipeline, examples_folder: str, splits: Sequence[str], max_examples: int, folder: str
) -> None:
    """Add the job to a pipeline that has not run yet.

    Blocks of consecutive examples are sampled at even distances, so the same files always give the same sample.

    Args:
        pipeline: the pipeline.
        examples_folder: folder of the raw examples, with a folder `Split-NAME` for each split.
        splits: splits to describe.
        max_examples: about the largest number of examples of a split to describe; a smaller split is described whole.
        folder: folder to write `Split-NAME/FeatureStats.pb` to, and `sample.json` with a `SampleSize` for each split.
    """
    sizes = {}
    for split in splits:
        make_folder(f"{folder}/Split-{split}")
        (match,) = FileSystems.match([f"{examples_folder}/Split-{split}/*.gz"])
        files = sorted(file.path for file in match.metadata_list)
        read = (
            pipeline
            | f"Files[{split}]" >> beam.Create(files)
            | f"SpreadFiles[{split}]" >> beam.Reshuffle()
            | f"Read[{split}]"
            >> beam.ParDo(ReadSample(sampled_share(files, max_examples))).with_outputs("sizes", main="batches")
        )
        _ = (
            read.batches
            | f"Describe[{split}]" >> tfdv.GenerateStatistics(statistics_options())
            | f"Write[{split}]" >> tfdv.WriteStatisticsToBinaryFile(f"{folder}/Split-{split}/{STATISTICS_FILE}")
        )
        sizes[split] = read.sizes | f"Size[{split}]" >> beam.CombineGlobally(_sum_sizes)
    once = pipeline | "Once" >> beam.Create([None])
    _ = once | "WriteSizes" >> beam.Map(
        _write_sizes, f"{folder}/{SAMPLE_FILE}", **{split: AsSingleton(size) for split, size in sizes.items()}
    )


class ReadSample(beam.DoFn):
    """Decode a share of the blocks of one file."""

    def __init__(self, share: float) -> None:
        """Store the share of the blocks to decode."""
        self._share = share

    def setup(self) -> None:
        """Build the decoder, which infers types as TFX's own step does, and cannot be sent to workers."""
        self._decoder = ExamplesToRecordBatchDecoder(None)

    def process(self, path: str) -> Iterator[Any]:
        """Output the sampled examples of a file as record batches, and its `SampleSize`."""
        examples = sampled = 0
        for index, records in enumerate(read_records(path, BLOCK)):
            examples += len(records)
            if index == 0 or int((index + 1) * self._share) > int(index * self._share):
                sampled += len(records)
                yield self._decoder.DecodeBatch(records)
        yield beam.pvalue.TaggedOutput("sizes", SampleSize(examples, sampled))


def sampled_share(files: Sequence[str], max_examples: int) -> float:
    """Return the share of the blocks to sample, at most 1, from the sizes of all files and of an example."""
    sizes = (record_bytes(file) for file in files)
    first = next((size for size in sizes if size is not None), None)
    return 1.0 if first is None else min(1.0, max_examples * first / total_bytes(list(files)))


def _sum_sizes(sizes: Sequence[SampleSize]) -> SampleSize:
    """Return the size of several samples together."""
    sizes = list(sizes)
    return SampleSize(sum(size.examples for size in sizes), sum(size.sampled for size in sizes))


def _write_sizes(_: None, path: str, **sizes: SampleSize) -> None:
    """Write the sizes of all samples as JSON."""
    written: Mapping[str, Any] = {split: asdict(size) for split, size in sizes.items()}
    with create_file(path) as file:
        file.write(json.dumps(written, indent=2).encode())
