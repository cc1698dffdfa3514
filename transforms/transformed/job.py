"""The Beam job from raw examples to transformed ones.

    files of the learned splits ──> some features ──> TF Transform's analyzers ──> graph and vocabularies
                                                                                          │
    files of all splits ──────────────────────────> apply the graph <─────────────────────┘
                                                           │
                                                           └──> one file of columns for each

The graph that is applied is the one written, which is exported with the model and serves.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

import apache_beam as beam
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems
from apache_beam.pvalue import AsSingleton
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils

from interestflow.transforms.ingestion.shuffle_files import make_folder
from interestflow.transforms.preprocessing import Preprocessing
from interestflow.transforms.transformed.analysis import TEMPORARY_FOLDER, learn_transform
from interestflow.transforms.transformed.application import TransformFile, TransformTask
from interestflow.transforms.transformed.format import file_name


class TransformJobError(Exception):
    """Examples that cannot be transformed; the message says which and why."""


def transform_examples(
    pipeline: beam.Pipeline,
    preprocessing: Preprocessing,
    schema: schema_pb2.Schema,
    examples_folder: str,
    graph_folder: str,
    transformed_folder: str,
) -> None:
    """Add the job to a pipeline that has not run yet.

    Args:
        pipeline: the pipeline.
        preprocessing: the transform, and the splits to learn from and to transform.
        schema: schema of the raw examples.
        examples_folder: folder of the raw examples, with a folder `Split-NAME` for each split.
        graph_folder: folder to write TF Transform's graph and vocabularies to.
        transformed_folder: folder to write `Split-NAME/columns-SHARD-of-SHARDS.arrow` to.

    Raises:
        TransformJobError: if there are no examples to learn from.
    """
    learned_files = [file for split in preprocessing.learned_splits for file in _split_files(examples_folder, split)]
    if not learned_files:
        names = ", ".join(f"Split-{split}" for split in preprocessing.learned_splits)
        raise TransformJobError(f"{examples_folder} should hold examples to learn from in {names}, received none")
    tasks = []
    for split in preprocessing.transformed_splits:
        tasks += _split_tasks(split, _split_files(examples_folder, split), transformed_folder)
        make_folder(f"{transformed_folder}/Split-{split}")
    spec = {
        name: feature
        for name, feature in schema_utils.schema_as_feature_spec(schema).feature_spec.items()
        if name in preprocessing.features()
    }
    written = learn_transform(pipeline, learned_files, schema, preprocessing, graph_folder)
    _ = (
        pipeline
        | "Files" >> beam.Create(tasks)
        | "SpreadFiles" >> beam.Reshuffle()
        | "Transform" >> beam.ParDo(TransformFile(graph_folder, spec), AsSingleton(written))
    )


def remove_temporary(graph_folder: str) -> None:
    """Remove what TF Transform kept beside the graph while it was built."""
    temporary = f"{graph_folder}/{TEMPORARY_FOLDER}"
    if tf.io.gfile.exists(temporary):
        tf.io.gfile.rmtree(temporary)


def _split_files(folder: str, split: str) -> list[str]:
    """Return the files of a split, in order."""
    (match,) = FileSystems.match([f"{folder}/Split-{split}/*.gz"])
    return sorted(file.path for file in match.metadata_list)


def _split_tasks(split: str, files: Sequence[str], folder: str) -> list[TransformTask]:
    """Return one task for each file of a split; a split without files still has one without examples."""
    sources: Sequence[str | None] = files or [None]
    return [
        TransformTask(split, source, posixpath.join(folder, f"Split-{split}", file_name(index, len(sources))))
        for index, source in enumerate(sources)
    ]
