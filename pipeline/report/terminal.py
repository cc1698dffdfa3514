"""The closing report of a run on the terminal: data, metrics, trainings, verdict and where the model is."""

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
from interestflow.pipeline.evaluation.result import ModelEvaluation
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.report.findings import BASELINE, Findings, json_report, read_findings
from interestflow.pipeline.report.metrics_table import metrics_table, slices_table
from interestflow.transforms.ingestion.counts import IngestionCounts
from interestflow.transforms.knowledge_graph.job import GraphCounts
from interestflow.transforms.reading.timestamps import show_time

if TYPE_CHECKING:  # it imports TFX, which only a run needs
    from interestflow.pipeline.dag.local_runner import StepResult

SHOWN_REASONS = 10
"""Dead-letter reasons that are listed, the most frequent first; the others are counted."""


@dataclass(frozen=True)
class Report:
    """Closing report of a run.

    Attributes:
        table: report to print.
        is_blessed: whether both gates let the model pass.
    """

    table: RenderableType
    is_blessed: bool


def closing_report(config: PipelineConfig, folders: Folders, results: Mapping[str, StepResult]) -> Report:
    """Build the report of a run whose steps all finished or came from the cache, and write it as JSON.

    Args:
        config: configuration of the run.
        folders: folders of the run; the JSON is written to `folders.report`.
        results: result of each step by its name.
    """
    findings = read_findings(folders, results)
    content = json_report(config, findings, results["LogExampleGen"].outputs["examples"])
    with tf.io.gfile.GFile(folders.report, "w") as file:
        file.write(json.dumps(content, indent=2) + "\n")
    parts = _parts(findings, folders, [task.name for task in config.tasks])
    return Report(Padding(Group(*parts), (1, 0)), findings.is_blessed)


def _parts(findings: Findings, folders: Folders, tasks: Sequence[str]) -> Iterator[RenderableType]:
    evaluation, graph = findings.evaluation, findings.graph
    yield _data_table(findings.counts, graph)
    reasons = findings.counts.dead_letter_reasons | (graph.dead_letter_reasons if graph else {})
    if reasons:
        yield _dead_letters(reasons)
    yield metrics_table(_compared_models(findings))
    yield from _notes(evaluation.model)
    if len(tasks) > len(evaluation.model.tasks):
        used = next(iter(evaluation.model.tasks))
        yield Text(f"{evaluation.model.name} finds items for the first task, {used}, alone")
    other_models = {BASELINE: findings.baseline} if findings.baseline else {}
    slices = slices_table(evaluation.model, f"test split by slice, {evaluation.model.name}", other_models)
    if slices is not None:
        yield slices
    yield from _trainings(findings.trainings)
    yield from _verdict(findings, folders)


def _compared_models(findings: Findings) -> dict[str, ModelEvaluation]:
    """Return the evaluations of the metrics table by their label: model, baseline, champion, popularity."""
    evaluation = findings.evaluation
    models = {evaluation.model.name: evaluation.model}
    if findings.baseline is not None:
        models[f"{findings.baseline.name} ({BASELINE})"] = findings.baseline
    if evaluation.champion is not None:
        version = Path(evaluation.champion.folder).name
        models[f"{evaluation.champion.name} (champion, version {version})"] = evaluation.champion
    if evaluation.popularity is not None:
        models[f"{evaluation.popularity.name} (nothing learned)"] = evaluation.popularity
    return models


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
        sampled = f", {negatives:,} sampled negatives" if negatives else ""
        since = f", from {show_time(starts[split])}" if split in starts else ""
        table.add_row(f"{split} examples", f"{examples:,}", f"{positives}{sampled}{since}")
    table.add_row("users seen", f"{counts.users:,}", _missing_attributes(counts, "users"))
    table.add_row("items seen", f"{counts.items:,}", _missing_attributes(counts, "items"))
    for name, cells in counts.unreadable_numbers.items():
        if cells:
            table.add_row(escape(name), f"{cells:,}", "cells that are no number; they count as missing")
    if counts.negatives_not_found:
        table.add_row(
            "negatives", f"{counts.negatives_not_found:,}", "could not be drawn: their users had seen nearly all items"
        )
    if graph is not None:
        kinds = f"of {graph.entities:,} entities by {graph.relations:,} relations"
        table.add_row("triples", f"{graph.triples:,}", f"{kinds}; {graph.linked_items:,} entities are items")
    if counts.behaviours_only:
        table.add_row(
            "behaviours only", f"{counts.behaviours_only:,}", "events without a label, used in histories only"
        )
    return table


def _missing_attributes(counts: IngestionCounts, table: str) -> str:
    missing = counts.without_attributes.get(table, 0)
    return f"{missing:,} events of {table} that are not in their table" if missing else ""


def _dead_letters(by_reason: Mapping[str, int]) -> Table:
    table = Table(title="dead letters", title_justify="left", title_style="bold", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    reasons = sorted(by_reason.items(), key=lambda reason: -reason[1])
    for reason, rows in reasons[:SHOWN_REASONS]:
        table.add_row(escape(reason), f"{rows:,}")
    remaining = reasons[SHOWN_REASONS:]
    if remaining:
        table.add_row(f"{len(remaining)} more reasons", f"{sum(rows for _, rows in remaining):,}")
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
    for name, counts in next(iter(trainings.values()))["out_of_vocabulary"].items():
        share = counts["unknown"] / max(counts["values"], 1)
        yield Text(
            f"{name}: {counts['unknown']:,} of {counts['values']:,} values of training examples ({share:.1%}) are out "
            "of the vocabulary"
        )


def _table_bytes(table: Mapping[str, int]) -> int:
    return table["weight_bytes"] + table["slot_bytes"]


def _verdict(findings: Findings, folders: Folders) -> Iterator[RenderableType]:
    verdict, serving = findings.verdict, findings.serving
    if serving.p50_milliseconds is not None:
        yield Text(
            f"served: {serving.examples:,} test examples over gRPC, largest difference from offline "
            f"{serving.largest_difference or 0.0:.1e}; {serving.candidates} {serving.timed_results} in "
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
    if not findings.is_blessed:
        yield Text("the model was not pushed")
    elif findings.pushed is None:
        yield Text(f"the model was pushed before and is no longer in {folders.serving}", style="yellow")
    else:
        yield Text("the model is in")
        # Alone on its line, so that it can be copied where it does not fit.
        yield Text(str(findings.pushed.folder), overflow="fold", style="bold")
