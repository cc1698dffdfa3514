"""Mistakes in a configuration: what is written instead of what, and the one sentence that answers it."""

from __future__ import annotations

from interestflow.models import registry

NAMES = ", ".join(registry.names())

ONE_MISTAKE = {
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
    # Types
    "text for a whole number": (
        "max_length: 20",
        "max_length: twenty",
        "`sequence.max_length` should be a whole number, received 'twenty' (small.yaml, line 20)",
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
    # Leaks
    "label column beside the target": (
        "{name: device, from: events}",
        "{name: device, from: events, column: clicked}",
        "`features.attributes.1` would show the model column 'clicked', from which the label is made; `use` should be "
        "[history] (small.yaml, line 24)",
    ),
    "event type beside the target": (
        "{name: device, from: events}",
        "{name: kind, from: events}",
        "`features.attributes.1` would show the model column 'kind', from which the label is made; `use` should be "
        "[history] (small.yaml, line 24)",
    ),
    "mask column beside the target": (
        "label: {column: clicked}",
        "label: {column: clicked}\n    mask: {column: device}",
        "`features.attributes.1` would show the model column 'device', from which the label is made; `use` should be "
        "[history] (small.yaml, line 25)",
    ),
    "the truth": (
        "{name: device, from: events}",
        "{name: device, from: events, column: truth, use: [history]}",
        "`features.attributes.1` would show the model column 'truth', the true click probability (small.yaml, line 24)",
    ),
    # Clashes
    "name of a feature twice": (
        "{name: device, from: events}",
        "{name: category, from: events}",
        "`features.attributes.1.name` 'category' is taken; names of features should be unique (small.yaml, line 24)",
    ),
    "name of a feature made here": (
        "{name: device, from: events}",
        "{name: timestamp, from: events}",
        "`features.attributes.1.name` 'timestamp' is taken; names of features should be unique (small.yaml, line 24)",
    ),
    "start of a feature made here": (
        "{name: device, from: events}",
        "{name: history_device, from: events}",
        "`features.attributes.1.name` 'history_device' clashes with a feature that is made here; rename it "
        "(small.yaml, line 24)",
    ),
    "along the history like one made here": (
        "{name: device, from: events}",
        "{name: age, from: events, use: [history]}",
        "`features.attributes.1.name` 'age' clashes with a feature that is made here; rename it (small.yaml, line 24)",
    ),
    "name of a task twice": (
        "- name: buy",
        "- name: click",
        "`tasks.1.name` 'click' is taken; names of tasks should be unique (small.yaml, line 17)",
    ),
    # Sections that do not fit together
    "attribute of a table that is not there": (
        "  items: {path: items.csv, format: csv, id: item}\n",
        "",
        "`features.attributes.0.from` is 'items', but `data.items` is missing (small.yaml, line 22)",
    ),
    "event types without their column": (
        "    event_type: kind\n",
        "",
        "`tasks.1.label.event_types` needs `data.events.event_type`, the column that says an event's type "
        "(small.yaml, line 17)",
    ),
    "an event type that is none": (
        "{event_types: [buy]}",
        "{event_types: [buys]}",
        "`tasks.1.label.event_types` should be among `data.events.event_types`, received buys (small.yaml, line 18)",
    ),
    "two comparisons": (
        "{column: clicked}",
        "{column: clicked, at_least: 1, at_most: 2}",
        "`tasks.0.label` should have at most one of `at_least`, `at_most` and `one_of`, beside a `column` "
        "(small.yaml, line 16)",
    ),
    "hashing and a vocabulary": (
        "{name: device, from: events}",
        "{name: device, from: events, hash_buckets: 8, vocabulary_size: 9}",
        "`features.attributes.1` should have `hash_buckets` or a vocabulary (`vocabulary_size`, `min_count`), "
        "not both (small.yaml, line 24)",
    ),
    "buckets of a category": (
        "{name: device, from: events}",
        "{name: device, from: events, quantiles: 4}",
        "`features.attributes.1`: `boundaries` and `quantiles` bucket numbers, received kind 'categorical' "
        "(small.yaml, line 24)",
    ),
    "boundaries that fall": (
        "{name: device, from: events}",
        "{name: device, from: events, kind: numeric, boundaries: [3, 1]}",
        "`features.attributes.1.boundaries` should be numbers that rise, received [3.0, 1.0] (small.yaml, line 24)",
    ),
    "a user's attribute along the history": (
        "{name: device, from: events}",
        "{name: gender, from: users, use: [history]}",
        "`features.attributes.1.use` should be [target], since a user's attribute is the same along the whole history "
        "(small.yaml, line 24)",
    ),
    "a number along the history": (
        "{name: device, from: events}",
        "{name: price, from: items, kind: numeric, use: [history]}",
        "`features.attributes.1` should have `boundaries` or `quantiles`, as every numeric attribute along the history "
        "(small.yaml, line 24)",
    ),
    "a slice that is none": (
        "  epochs: 2",
        "  epochs: 2\nevaluation:\n  slices: [user, devise]",
        "`evaluation.slices.1` should be one of category, device, history_length, item, user, received 'devise' "
        "(small.yaml, line 31)",
    ),
    "a slice by a number without boundaries": (
        "    - {name: device, from: events}\n",
        "    - {name: price, from: items, kind: numeric, quantiles: 4}\nevaluation: {slices: [price]}\n",
        "`evaluation.slices.0` 'price' is a number, which can be sliced by its `boundaries` alone "
        "(small.yaml, line 25)",
    ),
    "fewer items than categories": (
        "  epochs: 2",
        "  epochs: 2\ngenerate: {items: 20, categories: 30}",
        "`generate.items` should be at least `categories`, 30, received 20 (small.yaml, line 30)",
    ),
    "batches that are too small for the requests": (
        "  epochs: 2",
        "  epochs: 2\nserving: {max_rows: 100}\ndeployment: {batching: {max_batch_size: 64}}",
        "`deployment.batching.max_batch_size` should be at least `serving.max_rows`, 100, the rows that clients send "
        "in one request, received 64 (small.yaml, line 31)",
    ),
    "numbers of candidates that fall": (
        "  epochs: 2",
        "  epochs: 2\nserving: {candidate_sizes: [50, 10]}",
        "`serving.candidate_sizes` should rise, received 50, 10 (small.yaml, line 30)",
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
