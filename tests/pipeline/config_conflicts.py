"""Configurations with conflicting parts: the text to replace, its replacement, and the expected message."""

from __future__ import annotations

CONFLICTS = {
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
}
