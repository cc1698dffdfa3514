"""Mistakes in a configuration: the text to replace, its replacement, and the expected message."""

from __future__ import annotations

from interestflow.models import registry
from tests.pipeline.config_conflicts import CONFLICTS

NAMES = ", ".join(registry.names())

ONE_MISTAKE = {
    **CONFLICTS,
    # Unknown keys
    "unknown at the top": (
        "sequence:\n",
        "sequense:\n",
        "`sequense` is not a key that is known here; did you mean `sequence`? (small.yaml, line 19)",
    ),
    "unknown in a section": (
        "  max_length: 20",
        "  maximum_length: 20",
        "`sequence.maximum_length` is not a key that is known here; did you mean `max_length`? (small.yaml, line 20)",
    ),
    "unknown like none": (
        "  max_length: 20",
        "  zzz: 20",
        "`sequence.zzz` is not a key that is known here; known are `behaviours`, `max_length`, `availability_delay`, "
        "`history_negatives` (small.yaml, line 20)",
    ),
    "unknown in a list": (
        "{name: device, from: events}",
        "{name: device, from: events, colum: x}",
        "`features.attributes.1.colum` is not a key that is known here; did you mean `column`? (small.yaml, line 24)",
    ),
    "unknown hyper-parameter": (
        "  name: din",
        "  name: din\n  embedding_dimensions: 8",
        "`model.embedding_dimensions` is not a key that is known here; did you mean `embedding_dimension`? "
        "(small.yaml, line 28)",
    ),
    "unknown in an entry": (
        "training:",
        "kubeflow: {steps: {Trainer: {memry: 8Gi}}}\ntraining:",
        "`kubeflow.steps.Trainer.memry` is not a key that is known here; did you mean `memory`? (small.yaml, line 28)",
    ),
    # Types
    "text for a whole number": (
        "max_length: 20",
        "max_length: twenty",
        "`sequence.max_length` should be a whole number, received 'twenty' (small.yaml, line 20)",
    ),
    "a size without a unit": (
        "sequence:\n",
        "memory: plenty\nsequence:\n",
        "`memory` should be a size with its unit, such as 4GB or 4GiB, received 'plenty' (small.yaml, line 19)",
    ),
    "a fraction for a whole number": (
        "max_length: 20",
        "max_length: 20.5",
        "`sequence.max_length` should be a whole number, received 20.5 (small.yaml, line 20)",
    ),
    "text for a number": (
        "train: 0.8",
        "train: most",
        "`split.train` should be a number, received 'most' (small.yaml, line 25)",
    ),
    "a number for text": (
        "    user: user",
        "    user: 3",
        "`data.events.user` should be text, in quotes, received 3 (small.yaml, line 6)",
    ),
    "nothing for text": (
        "    user: user",
        "    user:",
        "`data.events.user` should be text, received nothing (small.yaml, line 6)",
    ),
    "text for a section": (
        "model:\n  name: din",
        "model: din",
        "`model` should be a section of keys, received 'din' (small.yaml, line 26)",
    ),
    "text for an entry": (
        "{name: device, from: events}",
        "device",
        "`features.attributes.1` should be a section of keys, received 'device' (small.yaml, line 24)",
    ),
    "a list for number or text": (
        "test: 0.1}",
        "test: 0.1, validation_from: [1], test_from: 3}",
        "`split.validation_from` should be a number or text, received [1] (small.yaml, line 25)",
    ),
    # Ranges
    "too small": (
        "max_length: 20",
        "max_length: 0",
        "`sequence.max_length` should be at least 1, received 0 (small.yaml, line 20)",
    ),
    "too large": (
        "train: 0.8",
        "train: 1.9",
        "`split.train` should be at most 1, received 1.9 (small.yaml, line 25)",
    ),
    "hyper-parameter too small": (
        "  name: din",
        "  name: din\n  tower_units: [20, 0]",
        "`model.tower_units.1` should be at least 1, received 0 (small.yaml, line 28)",
    ),
    "one of a few": (
        "format: csv",
        "format: xls",
        "`data.events.format` should be one of csv, tsv, jsonl or parquet, received 'xls' (small.yaml, line 5)",
    ),
    "a metric that is none": (
        "  epochs: 2",
        "  epochs: 2\nevaluation: {gate: {at_least: {aucc: 0.7}}}",
        "`evaluation.gate.at_least.aucc` should be one of auc, gauc, log_loss, ece, recall_10, recall_20, recall_50, "
        "ndcg_10, ndcg_20, ndcg_50, hit_rate_10, hit_rate_20, hit_rate_50, coverage_10, coverage_20, coverage_50, "
        "diversity_10, diversity_20, diversity_50, novelty_10, novelty_20 or novelty_50, received 'aucc' "
        "(small.yaml, line 30)",
    ),
    "name of a task": (
        "- name: click",
        "- name: Click it",
        "`tasks.0.name` should be lower-case letters, digits and _, from a letter on, received 'Click it' "
        "(small.yaml, line 15)",
    ),
    "name of the whole": (
        "name: small",
        "name: Small_1",
        "`name` should be lower-case letters, digits and -, from a letter on, received 'Small_1' (small.yaml, line 1)",
    ),
    "no way to select": (
        "    label: {column: clicked}\n  - name: buy\n    label: {event_types: [buy]}\n",
        "    label: {}\n",
        "`tasks.0.label` should name exactly one of `every_event`, `event_types` and `column` (small.yaml, line 16)",
    ),
    "shares that do not sum to 1": (
        "train: 0.8",
        "train: 0.9",
        "`split`: `train`, `validation` and `test` should sum to 1, received 1.1 (small.yaml, line 25)",
    ),
    "instants in the wrong order": (
        "test: 0.1}",
        "test: 0.1, validation_from: 9, test_from: 4}",
        "`split.test_from` should be later than `validation_from`, 9.0, received 4.0 (small.yaml, line 25)",
    ),
    "one instant": (
        "test: 0.1}",
        "test: 0.1, test_from: 4}",
        "`split` should have both `validation_from` and `test_from`, or neither (small.yaml, line 25)",
    ),
    # Missing
    "missing section": ("model:\n  name: din\n", "", "`model` is missing (small.yaml, line 1)"),
    "missing key": ("    user: user\n", "", "`data.events.user` is missing (small.yaml, line 3)"),
    "missing model name": ("  name: din", "  dropout: 0.1", "`model.name` is missing (small.yaml, line 26)"),
    # Models
    "unknown model": (
        "name: din",
        "name: dinn",
        f"`model.name` should be one of {NAMES}, received 'dinn' (small.yaml, line 27)",
    ),
    "a ranker's metric for a matcher": (
        "name: din\n",
        "name: two_tower\nevaluation: {gate: {at_least: {auc: 0.7}}}\n",
        "`evaluation.gate.at_least.auc` is a metric of rankers, but two_tower is a matcher, whose metrics are "
        "recall_10, recall_20, recall_50, ndcg_10, ndcg_20, ndcg_50, hit_rate_10, hit_rate_20, hit_rate_50, "
        "coverage_10, coverage_20, coverage_50, diversity_10, diversity_20, diversity_50, novelty_10, novelty_20, "
        "novelty_50 (small.yaml, line 28)",
    ),
    "a matcher's metric for a ranker": (
        "training:",
        "evaluation: {gate: {champion_margin: {ndcg_10: 0.01}}}\ntraining:",
        "`evaluation.gate.champion_margin.ndcg_10` is a metric of matchers, but din is a ranker, whose metrics are "
        "auc, gauc, log_loss, ece (small.yaml, line 28)",
    ),
    "early stopping of another kind": (
        "  epochs: 2",
        "  epochs: 2\n  early_stopping: {metric: recall_50}",
        "`training.early_stopping.metric` should be auc or log_loss for a ranker, received 'recall_50' "
        "(small.yaml, line 30)",
    ),
    "a baseline of another kind": (
        "training:",
        "baseline: {name: two_tower}\ntraining:",
        "`baseline.name` should be a ranker, as din is, received 'two_tower' (small.yaml, line 28)",
    ),
    "a matcher that needs users": (
        "name: din\n",
        "name: bpr_mf\n",
        "`features.user.in_model` should be true, since `model.name` bpr_mf has a vector of each user, received false "
        "(small.yaml, line 21)",
    ),
    "unknown baseline": (
        "training:",
        "baseline: {name: poled}\ntraining:",
        f"`baseline.name` should be one of {NAMES}, received 'poled' (small.yaml, line 28)",
    ),
    # YAML itself
    "given twice": (
        "  epochs: 2",
        "  epochs: 2\n  epochs: 3",
        "`training.epochs` is given twice (small.yaml, line 30)",
    ),
    "given twice in a list": (
        "{name: device, from: events}",
        "{name: device, from: events, name: other}",
        "`features.attributes.1.name` is given twice (small.yaml, line 24)",
    ),
    "not YAML": (
        "name: small",
        "name: small\n  data: - 3",
        "small.yaml, line 2 is not valid YAML: mapping values are not allowed here",
    ),
    "an unfinished quote": (
        "  epochs: 2",
        "  epochs: '2",
        "small.yaml, line 30 is not valid YAML: found unexpected end of stream",
    ),
}
