"""Sentences about what is wrong or surprising in the facts about a log, added to a validation's report."""

from __future__ import annotations

from interestflow.models import registry
from interestflow.pipeline.validate.log_facts import EventFacts
from interestflow.pipeline.validate.report import ValidationReport
from interestflow.transforms.reading.timestamps import show_time
from interestflow.transforms.splits import SPLITS

YEAR = 365 * 86_400_000_000
"""In microseconds, as all times of a log are."""
EARLIEST_TIME = 20 * YEAR
"""A log that begins before 1990 suggests a wrong unit of its timestamps."""
LONGEST_SPAN = 50 * YEAR
"""So does a log that covers more than fifty years."""


def judge_events(report: ValidationReport, facts: EventFacts) -> None:
    """Add what is wrong with the splits, labels, entities and times of the log."""
    for split in SPLITS:
        examples = facts.examples[split]
        if examples == 0:
            report.problems.append(f"{split} should have examples, received none: no event there has a label")
            continue
        for task, count in facts.positives[split].items():
            if count in (0, examples):
                which = "none" if count == 0 else f"all {count:,}"
                is_hopeless = count and split == "train"
                advice = "; a log without negatives needs `negatives: {source: sampled}`" if is_hopeless else ""
                sentence = f"task {task} should have both labels in {split}, received {which} positive{advice}"
                (report.problems if split == "train" else report.notes).append(sentence)
    for name, share in facts.without_attributes.items():
        if share == 1.0:
            report.problems.append(f"`data.{name}` should have the {name} of the log, received none of their ids")
        elif share > 0.0:
            report.notes.append(f"{share:.1%} of the events are of {name} that `data.{name}` does not have")
    if facts.first < EARLIEST_TIME or facts.last - facts.first > LONGEST_SPAN:
        report.notes.append(
            f"is `data.events.timestamp_unit` {report.config.data.events.timestamp_unit}? "
            f"The log would run from {show_time(facts.first)} to {show_time(facts.last)}"
        )
    if facts.history_percentiles[90] == 0:
        report.notes.append("fewer than one event in ten has a history; `sequence.behaviours` may select too little")


def judge_attributes(report: ValidationReport) -> None:
    """Add which attributes have no values, unreadable cells, or the same value everywhere."""
    for facts in report.attributes:
        attribute = facts.attribute
        named = f"`{attribute.name}` (`{attribute.source_column}` of {attribute.source})"
        if facts.distinct == 0:
            kind = "numbers" if attribute.kind == "numeric" else "values"
            report.problems.append(f"{named} should have {kind}, received none")
            continue
        if facts.unreadable:
            report.notes.append(f"{named} has {facts.unreadable:,} cells that are no number; they count as missing")
        if facts.distinct == 1:
            report.notes.append(f"{named} has the same value everywhere, {facts.shown[0]}")


def judge_history_negatives(report: ValidationReport) -> None:
    """Add whether the examples hold negatives for the behaviours, and whether the model uses them."""
    has_negatives, model = report.config.sequence.history_negatives, report.config.model
    if model.uses_history_negatives and not has_negatives:
        report.notes.append(
            f"{model.name} compares behaviours with other items: those of other examples of its batch, or, as its "
            "authors do, items drawn from the log, with `sequence.history_negatives: true`"
        )
    if has_negatives and not model.uses_history_negatives:
        report.notes.append(f"`sequence.history_negatives` makes examples larger, and {model.name} has no use for it")


def judge_matcher(report: ValidationReport) -> None:
    """Add which parts of the configuration a matcher does not use."""
    config = report.config
    if not config.is_matcher:
        return
    first, name = config.tasks[0].name, config.model.name
    if len(config.tasks) > 1:
        report.notes.append(f"{name} finds items for the first task, {first}, alone; it has no use for the others")
    if config.negatives.source == "sampled":
        report.notes.append(
            f"{name} learns from positives alone; the negatives that `negatives.source: sampled` draws make examples "
            "that are left out"
        )
    if config.data.knowledge_graph is not None and not config.uses_graph:
        readers = " and ".join(spec.name for spec in registry.specs() if spec.needs_graph)
        report.notes.append(f"{name} has no use for `data.knowledge_graph`, which {readers} alone reads")
    reason = config.model_spec.no_tables_reason
    if config.embeddings and reason is not None:
        report.notes.append(f"{name} has no use for `embeddings`, since {reason}")
