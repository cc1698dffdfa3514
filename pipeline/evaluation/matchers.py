"""How well an exported matcher does: what users took in the test window, found among all items, by slice."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterator, Sequence

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.evaluation.ranked_queries import CountShards, QueryRanker, RankedQueries, RankShards
from interestflow.pipeline.evaluation.rankers import CHAMPION, MODEL, check_inputs, of_champion
from interestflow.pipeline.evaluation.result import (
    Evaluation,
    EvaluationError,
    ModelEvaluation,
    RetrievalMetrics,
    SliceMetrics,
    TaskEvaluation,
)
from interestflow.pipeline.evaluation.slices import Slice, slices_of
from interestflow.pipeline.metrics.retrieval import (
    CUTOFFS,
    UNREACHABLE,
    coverage,
    diversity,
    hit_rate,
    ndcg,
    novelty,
    recall,
)
from interestflow.serving.export.matcher import MATCHER
from interestflow.serving.provenance import ScoringError, read_provenance

FOUND, POPULARITY = "retrieval.json", "popularity"
"""In an evaluation's output: the figures of the model, and in `popularity.json` those of the most frequent items."""


def evaluate_matchers(
    config: PipelineConfig, model: str, champion: str | None, examples: str, output: str, options: PipelineOptions
) -> Evaluation:
    """Evaluates a matcher, and the champion beside it, and writes what was found into `output`.

    Args:
        config: the first task, features and slices; `PipelineConfig.for_evaluation` has all that matters.
        model: folder of the exported model.
        champion: folder of the model to compare with, or None.
        examples: folder of raw examples, with the splits train, validation, test and items.
        output: an empty folder.
        options: of Beam.

    Raises:
        EvaluationError: where the model cannot be evaluated. That the champion cannot is no error but found.
    """
    evaluated, popularity = evaluate_matcher(config, model, examples, f"{output}/{MODEL}", options)
    against, problem = of_champion(
        champion, lambda folder: evaluate_matcher(config, folder, examples, f"{output}/{CHAMPION}", options)[0]
    )
    result = Evaluation(
        model=evaluated,
        champion=against,
        champion_problem=problem,
        examples=next(iter(evaluated.tasks.values())).overall.examples,
        popularity=popularity,
    )
    result.write(output)
    return result


def evaluate_matcher(
    config: PipelineConfig, folder: str, examples: str, output: str, options: PipelineOptions
) -> tuple[ModelEvaluation, ModelEvaluation]:
    """Evaluates the matcher in `folder` on the test window of `examples`; gives the most frequent items' figures too.

    Exact: each positive of the test window is asked for on its own, as of its moment, and every item of the catalogue
    is ranked, none is sampled. What its user had taken before is left out. Figures are means over users of the means
    over a user's positives, so that the users who took most do not decide.

    Raises:
        EvaluationError: naming the model or the examples and what is wrong with them.
    """
    try:
        provenance = read_provenance(folder)
    except ScoringError as error:
        raise EvaluationError(str(error)) from None
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
    kinds = ranker.candidates().kinds  # also finds out whether the model can be asked, before Beam would wrap the error
    of_target = frozenset({"item", POPULARITY, *(a.name for a in config.features.with_target() if a.source == "items")})

    def write(parts: list[tuple[RankedQueries, RankedQueries]], counts: np.ndarray) -> None:
        if not parts:
            raise EvaluationError("the test split has no examples")
        for number, name in enumerate((FOUND, f"{POPULARITY}.json")):
            ranked = RankedQueries.joined([part[number] for part in parts])
            task = measured(ranked, slices, of_target, counts, kinds)
            with tf.io.gfile.GFile(f"{output}/{name}", "w") as file:
                file.write(task.model_dump_json(indent=2) + "\n")

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

    def found(name: str, of: str, fingerprint: str) -> ModelEvaluation:
        with tf.io.gfile.GFile(f"{output}/{name}") as file:
            task = TaskEvaluation.model_validate_json(file.read())
        return ModelEvaluation(name=of, fingerprint=fingerprint, folder=folder, tasks={ranker.task: task})

    model = found(FOUND, provenance["model"]["name"], provenance["fingerprint"])
    return model, found(f"{POPULARITY}.json", POPULARITY, "")


def query_ranker(config: PipelineConfig, folder: str, examples: str, slices: Sequence[Slice]) -> QueryRanker:
    """What ranks queries with the model in `folder` as `config` has it.

    Lists should be diverse in the first categorical attribute of items; where there is none, diversity is undefined.
    """
    of_items = [attribute for attribute in config.features.with_target() if attribute.source == "items"]
    kinds = [attribute.name for attribute in of_items if attribute.kind != "numeric"]
    return QueryRanker(
        folder=folder,
        candidate_files=tuple(sorted(tf.io.gfile.glob(f"{examples}/Split-items/*"))),
        task=config.tasks[0].name,
        has_mask=config.tasks[0].mask is not None,
        slices=tuple(slices),
        kind=kinds[0] if kinds else None,
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


def measured(
    ranked: RankedQueries,
    slices: Sequence[Slice],
    of_target: frozenset[str],
    counts: np.ndarray,
    kinds: np.ndarray | None,
) -> TaskEvaluation:
    """Figures of all queries and by slice, of the targets' popularity last.

    Args:
        ranked: all queries.
        slices: as configured.
        of_target: those that part queries by what is to be found; of their lists as such nothing can be said.
        counts: training positives of each candidate, `[N]`.
        kinds: see `Candidates`.
    """
    cutoffs = CUTOFFS if kinds is not None else ()
    apart = {cutoff: diversity(ranked.lists[:, :cutoff], kinds) for cutoff in cutoffs if kinds is not None}
    everything = np.arange(len(ranked.users))
    overall = _metrics(ranked, everything, True, counts, apart, ranked.repeated)
    parts: list[SliceMetrics] = []
    for each in (*slices, Slice(POPULARITY, "")):
        found = sorted(each.parts(*ranked.slices[each.name]), key=lambda part: each.order(part[0]))
        for value, members in found:
            metrics = _metrics(ranked, members, each.name not in of_target, counts, apart, 0)
            parts.append(SliceMetrics(name=each.name, value=value, metrics=metrics))
    return TaskEvaluation(overall=overall, slices=tuple(parts))


def _metrics(
    ranked: RankedQueries,
    members: np.ndarray,
    with_lists: bool,
    counts: np.ndarray,
    apart: dict[int, np.ndarray],
    repeated: int,
) -> RetrievalMetrics:
    ranks = ranked.ranks[members]
    figures = dict(_of_targets(ranked.users[members], ranks))
    if with_lists:
        figures |= dict(_of_lists(ranked.lists[members], counts, {c: rows[members] for c, rows in apart.items()}))
    return RetrievalMetrics(
        users=len(np.unique(ranked.users[members])),
        examples=len(members),
        unreachable=int(np.count_nonzero(ranks == UNREACHABLE)),
        repeated=repeated,
        figures=figures,
    )


def _of_targets(users: np.ndarray, ranks: np.ndarray) -> Iterator[tuple[str, float | None]]:
    for cutoff in CUTOFFS:
        yield f"recall_{cutoff}", _defined(recall(users, ranks, cutoff))
        yield f"ndcg_{cutoff}", _defined(ndcg(users, ranks, cutoff))
        yield f"hit_rate_{cutoff}", _defined(hit_rate(users, ranks, cutoff))


def _of_lists(
    lists: np.ndarray, counts: np.ndarray, apart: dict[int, np.ndarray]
) -> Iterator[tuple[str, float | None]]:
    for cutoff in CUTOFFS:
        yield f"coverage_{cutoff}", _defined(coverage(lists[:, :cutoff], len(counts)))
        yield f"novelty_{cutoff}", _defined(novelty(lists[:, :cutoff], counts))
        if cutoff in apart:
            known = apart[cutoff][~np.isnan(apart[cutoff])]
            yield f"diversity_{cutoff}", float(known.mean()) if len(known) else None


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def _sum(parts: Sequence[np.ndarray]) -> np.ndarray | int:
    return sum(parts)
