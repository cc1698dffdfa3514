"""The closing report of a run: what was read, what was learned, whether it is good enough and where it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.evaluation.result import Evaluation, ModelEvaluation
from interestflow.pipeline.folders import TRAINING_SUMMARY, Folders
from interestflow.pipeline.gates.champion import Champion, pushed_models
from interestflow.pipeline.gates.quality import Verdict
from interestflow.pipeline.gates.serving import ServingVerdict
from interestflow.pipeline.report.metrics_table import metrics_table, slices_table
from interestflow.transforms.ingestion.counts import IngestionCounts
from interestflow.transforms.ingestion.report import COUNTS
from interestflow.transforms.knowledge_graph.job import GraphCounts
from interestflow.transforms.reading.timestamps import show_time

if TYPE_CHECKING:  # it imports TFX, which only a run needs
    from interestflow.pipeline.dag.local_runner import StepResult

BASELINE = "baseline"
SHOWN_REASONS = 10


@dataclass(frozen=True)
class Report:
    """`table` is for the terminal; `is_blessed` says whether the gate let the model pass."""

    table: RenderableType
    is_blessed: bool


@dataclass(frozen=True)
class _Findings:
    """What the steps of a run wrote down. Trainings are by role; `pushed` is where the model is served from."""

    counts: IngestionCounts
    evaluation: Evaluation
    baseline: ModelEvaluation | None
    verdict: Verdict
    serving: ServingVerdict
    trainings: dict[str, dict[str, Any]]
    pushed: Champion | None
    graph: GraphCounts | None = None

    @classmethod
    def of(cls, folders: Folders, results: Mapping[str, StepResult]) -> _Findings:
        evaluation = Evaluation.read(results["Evaluator"].outputs["evaluation"])
        verdict = Verdict.read(results["QualityGate"].outputs["blessing"])
        serving = ServingVerdict.read(results["ServingValidator"].outputs["blessing"])
        baseline, graph = results.get("BaselineEvaluator"), results.get("KnowledgeGraphGen")
        trainings = {"model": "Trainer", BASELINE: "BaselineTrainer"}
        # Pushed by this run, or by the earlier one whose result it used again.
        is_blessed = verdict.is_blessed and serving.is_blessed
        candidates = pushed_models(folders.serving) if is_blessed else []
        return cls(
            IngestionCounts.model_validate_json(_read(f"{results['LogExampleGen'].outputs['report']}/{COUNTS}")),
            evaluation,
            Evaluation.read(baseline.outputs["evaluation"]).model if baseline else None,
            verdict,
            serving,
            {
                role: json.loads(_read(f"{results[step].outputs['model_run']}/{TRAINING_SUMMARY}"))
                for role, step in trainings.items()
                if step in results
            },
            next((model for model in candidates if model.fingerprint == evaluation.model.fingerprint), None),
            None if graph is None else GraphCounts.model_validate_json(_read(f"{graph.outputs['report']}/{COUNTS}")),
        )

    @property
    def is_blessed(self) -> bool:
        """By both gates: good enough, and able to be served."""
        return self.verdict.is_blessed and self.serving.is_blessed

    def models(self) -> dict[str, ModelEvaluation]:
        """By the name that tells them apart; the champion is not among them."""
        model = self.evaluation.model
        if self.baseline is None:
            return {model.name: model}
        same = self.baseline.name == model.name
        return {model.name: model, f"{self.baseline.name} ({BASELINE})" if same else self.baseline.name: self.baseline}


def closing_report(config: PipelineConfig, folders: Folders, results: Mapping[str, StepResult]) -> Report:
    """Gathers the report of a run whose steps all finished, or came from the cache, and writes it as JSON.

    Args:
        config: of the run.
        folders: of the run; the report is written to `folders.report`.
        results: by step, as `run` gives them.
    """
    found = _Findings.of(folders, results)
    content = _content(config, found, results["LogExampleGen"].outputs["examples"])
    with tf.io.gfile.GFile(folders.report, "w") as file:
        file.write(json.dumps(content, indent=2) + "\n")
    return Report(
        Padding(Group(*_parts(found, folders, [task.name for task in config.tasks])), (1, 0)), found.is_blessed
    )


def _read(path: str) -> str:
    with tf.io.gfile.GFile(path) as file:
        return str(file.read())


def _content(config: PipelineConfig, found: _Findings, examples: str) -> dict[str, Any]:
    first = config.tasks[0].name
    overall = found.evaluation.model.tasks[first].overall
    by_model = {name: model.tasks[first].overall for name, model in found.models().items()}
    return {
        "name": config.name,
        "is_blessed": found.is_blessed,
        "reasons": [*found.verdict.reasons, *found.serving.reasons],
        "notes": found.verdict.notes,
        "pushed": found.pushed.folder if found.pushed else None,
        "popularity": found.evaluation.popularity.model_dump(mode="json") if found.evaluation.popularity else None,
        "metrics": {
            name: {each: metrics.value(each) for each in metrics.FAMILY.bounded} for name, metrics in by_model.items()
        },
        "best_possible": overall.best_possible(),
        "headroom_share": {name: metrics.headroom_share for name, metrics in by_model.items()},
        "evaluation": found.evaluation.model_dump(mode="json"),
        "baseline": found.baseline.model_dump(mode="json") if found.baseline else None,
        "serving": found.serving.model_dump(mode="json"),
        "counts": found.counts.model_dump(mode="json"),
        "graph": found.graph.model_dump(mode="json") if found.graph else None,
        "training": found.trainings,
        "examples": examples,
    }


def _parts(found: _Findings, folders: Folders, tasks: Sequence[str]) -> Iterator[RenderableType]:
    yield _data_table(found.counts, found.graph)
    reasons = found.counts.dead_letter_reasons | (found.graph.dead_letter_reasons if found.graph else {})
    if reasons:
        yield _dead_letters(reasons)
    shown = {found.evaluation.model.name: found.evaluation.model}
    if found.baseline is not None:
        shown[f"{found.baseline.name} ({BASELINE})"] = found.baseline
    if found.evaluation.champion is not None:
        version = Path(found.evaluation.champion.folder).name
        shown[f"{found.evaluation.champion.name} (champion, version {version})"] = found.evaluation.champion
    if found.evaluation.popularity is not None:
        shown[f"{found.evaluation.popularity.name} (nothing learned)"] = found.evaluation.popularity
    yield metrics_table(shown)
    yield from _notes(found.evaluation.model)
    if len(tasks) > len(found.evaluation.model.tasks):
        used = next(iter(found.evaluation.model.tasks))
        yield Text(f"{found.evaluation.model.name} finds items for the first task, {used}, alone")
    name = found.evaluation.model.name
    others = {BASELINE: found.baseline} if found.baseline else {}
    slices = slices_table(found.evaluation.model, f"test split by slice, {name}", others)
    if slices is not None:
        yield slices
    yield from _trainings(found.trainings)
    yield from _verdict(found, folders)


def _data_table(counts: IngestionCounts, graph: GraphCounts | None) -> Table:
    table = Table(title="data", title_justify="left", title_style="bold", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for name, rows in (counts.tables | (graph.tables if graph else {})).items():
        table.add_row(f"rows of {name}", f"{rows.rows:,}", f"{rows.dead_letters:,} dead letters")
    starts = {"validation": counts.validation_from, "test": counts.test_from}
    for split, examples in counts.examples.items():
        positives = ", ".join(f"{count:,} {task}" for task, count in counts.positives.get(split, {}).items())
        negatives = counts.sampled_negatives.get(split, 0)
        drawn = f", {negatives:,} sampled negatives" if negatives else ""
        since = f", from {show_time(starts[split])}" if split in starts else ""
        table.add_row(f"{split} examples", f"{examples:,}", f"{positives}{drawn}{since}")
    table.add_row("users seen", f"{counts.users:,}", _without(counts, "users"))
    table.add_row("items seen", f"{counts.items:,}", _without(counts, "items"))
    for name, cells in counts.unreadable_numbers.items():
        if cells:
            table.add_row(escape(name), f"{cells:,}", "cells that are no number, taken as missing")
    if counts.negatives_not_found:
        table.add_row(
            "negatives", f"{counts.negatives_not_found:,}", "could not be drawn: their users had taken nearly all"
        )
    if graph is not None:
        among = f"of {graph.entities:,} entities by {graph.relations:,} relations"
        known = f"{among}; {graph.linked_items:,} entities are items"
        table.add_row("triples", f"{graph.triples:,}", known)
    if counts.behaviours_only:
        table.add_row("behaviours only", f"{counts.behaviours_only:,}", "events without a label, in histories alone")
    return table


def _without(counts: IngestionCounts, table: str) -> str:
    missing = counts.without_attributes.get(table, 0)
    return f"{missing:,} events of {table} that are not in their table" if missing else ""


def _dead_letters(by_reason: Mapping[str, int]) -> Table:
    table = Table(title="dead letters", title_justify="left", title_style="bold", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    reasons = sorted(by_reason.items(), key=lambda reason: -reason[1])
    for reason, rows in reasons[:SHOWN_REASONS]:
        table.add_row(escape(reason), f"{rows:,}")
    rest = reasons[SHOWN_REASONS:]
    if rest:
        table.add_row(f"{len(rest)} more reasons", f"{sum(rows for _, rows in rest):,}")
    return table


def _notes(model: ModelEvaluation) -> Iterator[Text]:
    for task, evaluated in model.tasks.items():
        yield from (Text(note) for note in evaluated.overall.notes(task))


def _trainings(trainings: Mapping[str, Mapping[str, Any]]) -> Iterator[Text]:
    for role, training in trainings.items():
        speed = training["examples_per_second"]
        rate = f", {speed:,.0f} examples/s" if speed else ""
        yield Text(
            f"{role} {training['model']['name']} trained {training['epochs']} epochs (best {training['best_epoch']}) "
            f"in {training['seconds']:.1f} s{rate}, {training['parameters']:,} parameters, "
            f"embedding tables and their slots {sum(map(_table_bytes, training['tables'])) / 2**20:,.1f} MB"
        )
        if training.get("left_out"):
            yield Text(
                f"  on {training['examples']:,} positives of {training['task']}; "
                f"{training['left_out']:,} other examples were left out"
            )
    # The same for the model and the baseline, which are trained on the same examples.
    for name, found in next(iter(trainings.values()))["out_of_vocabulary"].items():
        share = found["unknown"] / max(found["values"], 1)
        yield Text(
            f"{name}: {found['unknown']:,} of {found['values']:,} values of training examples ({share:.1%}) are out of "
            "the vocabulary"
        )


def _table_bytes(table: Mapping[str, int]) -> int:
    return table["weight_bytes"] + table["slot_bytes"]


def _verdict(found: _Findings, folders: Folders) -> Iterator[RenderableType]:
    verdict, serving = found.verdict, found.serving
    if serving.p50_milliseconds is not None:
        yield Text(
            f"served: {serving.examples:,} test examples over gRPC, largest difference from offline "
            f"{serving.largest_difference or 0.0:.1e}; {serving.candidates} {serving.asked} in "
            f"{serving.p50_milliseconds:.1f} ms (p50), {serving.p99_milliseconds or 0.0:.1f} ms (p99); "
            f"{serving.megabytes:,.1f} MB"
        )
    if not serving.is_blessed:
        yield Text("refused: the model cannot be served as it should", style="bold red")
    for reason in serving.reasons:
        yield Text(f"  {reason}")
    if verdict.is_blessed:
        yield Text("blessed: the quality gate lets the model pass", style="bold green")
    else:
        yield Text("refused: the quality gate does not bless the model", style="bold red")
    for reason in verdict.reasons:
        yield Text(f"  {reason}")
    for note in verdict.notes:
        yield Text(f"  {note}", style="dim")
    if not found.is_blessed:
        yield Text("the model was not pushed")
    elif found.pushed is None:
        yield Text(f"the model was pushed before and is no longer in {folders.serving}", style="yellow")
    else:
        yield Text("the model is in")
        # Alone on its line, so that it can be copied where it does not fit.
        yield Text(str(found.pushed.folder), overflow="fold", style="bold")
