"""How well an exported matcher does: what users took in the test window, found among all items, by slice."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterator, Sequence

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.config import PipelineConfig
from pipeline.evaluation_result import (
    EvaluationError,
    ModelEvaluation,
    RetrievalMetrics,
    SliceMetrics,
    TaskEvaluation,
)
from pipeline.metrics.retrieval_measures import (
    CUTOFFS,
    UNREACHABLE,
    coverage,
    diversity,
    hit_rate,
    ndcg,
    novelty,
    recall,
)
from pipeline.ranked_users import RankedUsers, RankShards, UserRanker, kinds_of
from pipeline.slices import Slice, slices_of
from serving.load import ScoringError, read_provenance

FOUND = "retrieval.json"
"""In the output of an evaluation: the task's figures."""


def evaluate_matcher(
    config: PipelineConfig, folder: str, examples: str, output: str, options: PipelineOptions
) -> ModelEvaluation:
    """Evaluates the matcher in `folder` on the test window of `examples`.

    Exact: every item of the catalogue is ranked for every user, none is sampled. A user is asked about once, as of its
    first example of the test window; its targets are what it took from then on. What it had taken before is left out
    where `evaluation.leave_out_seen` says so. Figures are means over users.

    Args:
        config: the first task, features and slices.
        folder: of the exported model.
        examples: folder of raw examples, with the splits train, validation, test and items.
        output: an empty folder.
        options: of Beam.

    Raises:
        EvaluationError: naming the model or the examples and what is wrong with them.
    """
    try:
        provenance = read_provenance(folder)
    except ScoringError as error:
        raise EvaluationError(str(error)) from None
    slices = slices_of(config)
    ranker = user_ranker(config, folder, examples, slices)
    shards = shards_of(examples)
    if not any(test for _, test in shards):
        raise EvaluationError(f"no file of test examples is in {examples}")
    kinds = kinds_of(ranker)  # also finds out whether the model can be asked, before Beam would say so in its own words
    tf.io.gfile.makedirs(output)
    with beam.Pipeline(options=options) as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(shards)
            | "Spread" >> beam.Reshuffle()
            | "Rank" >> beam.ParDo(RankShards(ranker))
            | "Gather" >> beam.combiners.ToList()
            | "Measure" >> beam.Map(lambda parts: measured(RankedUsers.joined(parts), slices, kinds))
            | "Write" >> beam.Map(_write, f"{output}/{FOUND}")
        )
    with tf.io.gfile.GFile(f"{output}/{FOUND}") as file:
        task = TaskEvaluation.model_validate_json(file.read())
    return ModelEvaluation(
        name=provenance["model"]["name"],
        fingerprint=provenance["fingerprint"],
        folder=folder,
        tasks={ranker.task: task},
    )


def user_ranker(config: PipelineConfig, folder: str, examples: str, slices: Sequence[Slice]) -> UserRanker:
    """What ranks users with the model in `folder` as `config` has it.

    Lists should be diverse in the first categorical attribute of items; where there is none, diversity is undefined.
    """
    of_items = [attribute for attribute in config.features.with_target() if attribute.source == "items"]
    kinds = [attribute.name for attribute in of_items if attribute.kind != "numeric"]
    return UserRanker(
        folder=folder,
        candidate_files=tuple(sorted(tf.io.gfile.glob(f"{examples}/Split-items/*"))),
        task=config.tasks[0].name,
        has_mask=config.tasks[0].mask is not None,
        slices=tuple(slices),
        item_slices=frozenset({"item", *(attribute.name for attribute in of_items)}),
        kind=kinds[0] if kinds else None,
        leave_out_seen=config.evaluation.leave_out_seen,
    )


def shards_of(examples: str) -> list[tuple[tuple[str, ...], str | None]]:
    """By shard of users: its files of training and validation examples, and its file of test examples."""
    found: dict[str, dict[str, str]] = {}
    for split in ("train", "validation", "test"):
        for file in tf.io.gfile.glob(f"{examples}/Split-{split}/*"):
            found.setdefault(posixpath.basename(file), {})[split] = file
    return [
        (tuple(files[split] for split in ("train", "validation") if split in files), files.get("test"))
        for _, files in sorted(found.items())
    ]


def measured(ranked: RankedUsers, slices: Sequence[Slice], kinds: np.ndarray | None) -> TaskEvaluation:
    """Figures of all users, and by slice: of the users, or of the targets, that belong to each value."""
    everyone = np.arange(len(ranked.lists))
    overall = _metrics(ranked, everyone, np.arange(len(ranked.users)), kinds)
    parts: list[SliceMetrics] = []
    for each in slices:
        by_user = each.name in ranked.user_slices
        rows, values = (ranked.user_slices if by_user else ranked.target_slices)[each.name]
        found = sorted(each.parts(rows, values), key=lambda part: each.order(part[0]))
        for value, members in found:
            if by_user:
                metrics = _metrics(ranked, members, np.flatnonzero(np.isin(ranked.users, members)), kinds)
            else:  # a list belongs to no target alone, so there is nothing to say of lists
                metrics = _metrics(ranked, None, members, kinds)
            parts.append(SliceMetrics(name=each.name, value=value, metrics=metrics))
    return TaskEvaluation(overall=overall, slices=tuple(parts))


def _metrics(
    ranked: RankedUsers, members: np.ndarray | None, targets: np.ndarray, kinds: np.ndarray | None
) -> RetrievalMetrics:
    users, ranks = ranked.users[targets], ranked.ranks[targets]
    return RetrievalMetrics(
        users=len(np.unique(users)),
        examples=len(users),
        unreachable=int(np.count_nonzero(ranks == UNREACHABLE)),
        repeated=0 if members is None else int(ranked.repeated[members].sum()),
        figures=dict(_figures(ranked, members, users, ranks, kinds)),
    )


def _figures(
    ranked: RankedUsers, members: np.ndarray | None, users: np.ndarray, ranks: np.ndarray, kinds: np.ndarray | None
) -> Iterator[tuple[str, float | None]]:
    for cutoff in CUTOFFS:
        yield f"recall_{cutoff}", _defined(recall(users, ranks, cutoff))
        yield f"ndcg_{cutoff}", _defined(ndcg(users, ranks, cutoff))
        yield f"hit_rate_{cutoff}", _defined(hit_rate(users, ranks, cutoff))
        lists = None if members is None else ranked.lists[members, :cutoff]
        yield f"coverage_{cutoff}", None if lists is None else _defined(coverage(lists, len(ranked.counts)))
        yield f"novelty_{cutoff}", None if lists is None else _defined(novelty(lists, ranked.counts))
        yield f"diversity_{cutoff}", None if lists is None or kinds is None else _defined(diversity(lists, kinds))


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def _write(task: TaskEvaluation, path: str) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(task.model_dump_json(indent=2) + "\n")
