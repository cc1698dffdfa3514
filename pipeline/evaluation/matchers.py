"""Evaluation of exported matchers: each positive of the test window is a query that ranks the whole catalogue."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.evaluation.common import FamilyResult, check_inputs, read_model_provenance
from interestflow.pipeline.evaluation.query_metrics import POPULARITY, QueryMetrics
from interestflow.pipeline.evaluation.query_ranker import CountShards, QueryRanker, RankShards
from interestflow.pipeline.evaluation.ranked_queries import RankedQueries
from interestflow.pipeline.evaluation.result import EvaluationError, ModelEvaluation, TaskEvaluation
from interestflow.pipeline.evaluation.slices import Slice, slices_of
from interestflow.serving.export.matcher import MATCHER

MODEL_FILE, POPULARITY_FILE = "retrieval.json", f"{POPULARITY}.json"
"""Files in the output folder with the metrics of the model and of the most popular items."""


def evaluate_matcher(
    config: PipelineConfig, folder: str, examples: str, output: str, options: PipelineOptions
) -> FamilyResult:
    """Evaluate the matcher in `folder`, and the most popular items, on the test window of `examples`.

    The evaluation is exact: each positive of the test window is a query of its own, as of its moment, and every item of
    the catalogue is ranked, none is sampled. Items that the user interacted with earlier are excluded. Metrics are
    means over users of the means over a user's positives, so that the most active users do not dominate.

    Args:
        config: The first task, features and slices.
        folder: Folder of the exported model.
        examples: Folder of raw examples with the splits train, validation, test and items.
        output: Folder to write the metrics to.
        options: Beam's options.

    Raises:
        EvaluationError: If the model or the examples cannot be used, naming them and what is wrong.
    """
    provenance = read_model_provenance(folder)
    if provenance.get("kind") != MATCHER:
        raise EvaluationError(
            f"the model in {folder} should be a matcher, it is {provenance['model']['name']}, a ranker"
        )
    check_inputs(config, folder, provenance)
    slices = slices_of(config)
    ranker = query_ranker(config, folder, examples, slices)
    shards = shards_of(examples)
    if not any(test for _, test in shards):
        raise EvaluationError(f"no file of test examples is in {examples}")
    kinds = ranker.candidates().kinds  # also checks that the model can be queried, before Beam would wrap the error
    _rank_and_measure(ranker, shards, QueryMetrics(slices, _target_slices(config), kinds), output, options)

    def read(file_name: str, name: str, fingerprint: str) -> ModelEvaluation:
        with tf.io.gfile.GFile(f"{output}/{file_name}") as file:
            task = TaskEvaluation.model_validate_json(file.read())
        return ModelEvaluation(name=name, fingerprint=fingerprint, folder=folder, tasks={ranker.task: task})

    model = read(MODEL_FILE, provenance["model"]["name"], provenance["fingerprint"])
    popularity = read(POPULARITY_FILE, POPULARITY, "")
    return FamilyResult(model, model.tasks[ranker.task].overall.examples, popularity)


def query_ranker(config: PipelineConfig, folder: str, examples: str, slices: Sequence[Slice]) -> QueryRanker:
    """Return the ranker of queries for the model in `folder`.

    Lists should be diverse in the first categorical attribute of items; where there is none, diversity is undefined.
    """
    item_attributes = [attribute for attribute in config.features.target_attributes() if attribute.source == "items"]
    kinds = [attribute.name for attribute in item_attributes if attribute.kind != "numeric"]
    return QueryRanker(
        folder=folder,
        candidate_files=tuple(sorted(tf.io.gfile.glob(f"{examples}/Split-items/*"))),
        task=config.tasks[0].name,
        has_mask=config.tasks[0].mask is not None,
        slices=tuple(slices),
        kind=kinds[0] if kinds else None,
    )


def shards_of(examples: str) -> list[tuple[tuple[str, ...], str | None]]:
    """Return for each shard of users its files of training and validation examples, and its file of test examples."""
    files_by_shard: dict[str, dict[str, str]] = {}
    for split in ("train", "validation", "test"):
        for file in tf.io.gfile.glob(f"{examples}/Split-{split}/*"):
            files_by_shard.setdefault(posixpath.basename(file), {})[split] = file
    return [
        (tuple(files[split] for split in ("train", "validation") if split in files), files.get("test"))
        for _, files in sorted(files_by_shard.items())
    ]


def _target_slices(config: PipelineConfig) -> frozenset[str]:
    """Return the names of the slices that partition queries by their target rather than by their user."""
    item_attributes = (a.name for a in config.features.target_attributes() if a.source == "items")
    return frozenset({"item", POPULARITY, *item_attributes})


def _rank_and_measure(
    ranker: QueryRanker,
    shards: Sequence[tuple[tuple[str, ...], str | None]],
    metrics: QueryMetrics,
    output: str,
    options: PipelineOptions,
) -> None:
    """Rank the queries of all shards and write the metrics of the model and of popularity into `output`."""

    def write(parts: list[tuple[RankedQueries, RankedQueries]], counts: np.ndarray) -> None:
        if not parts:
            raise EvaluationError("the test split has no examples")
        for position, name in enumerate((MODEL_FILE, POPULARITY_FILE)):
            queries = RankedQueries.concatenate([part[position] for part in parts])
            with tf.io.gfile.GFile(f"{output}/{name}", "w") as file:
                file.write(metrics.evaluate(queries, counts).model_dump_json(indent=2) + "\n")

    tf.io.gfile.makedirs(output)
    with beam.Pipeline(options=options) as pipeline:
        spread = pipeline | "Shards" >> beam.Create(shards) | "Spread" >> beam.Reshuffle()
        counts = spread | "Count" >> beam.ParDo(CountShards(ranker)) | "Sum" >> beam.CombineGlobally(_sum)
        counts = beam.pvalue.AsSingleton(counts)
        _ = (
            spread
            | "Rank" >> beam.ParDo(RankShards(ranker), counts)
            | "Gather" >> beam.combiners.ToList()
            | "Measure" >> beam.Map(write, counts)
        )


def _sum(parts: Sequence[np.ndarray]) -> np.ndarray | int:
    return sum(parts)
