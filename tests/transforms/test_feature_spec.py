"""The features of raw examples that a configuration defines."""

from __future__ import annotations

import tensorflow as tf

from interestflow.transforms.feature_spec import raw_feature_spec
from tests.transforms.transform_graph import configuration

TEXT, NUMBER, INTEGER = (tf.io.FixedLenFeature([], dtype) for dtype in (tf.string, tf.float32, tf.int64))
TEXTS, NUMBERS, INTEGERS = (tf.io.VarLenFeature(dtype) for dtype in (tf.string, tf.float32, tf.int64))
ATTRIBUTES = [
    {"name": "genre", "from": "items", "use": ["target", "history"]},
    {"name": "tags", "from": "items", "kind": "categorical_list", "use": ["target", "history"]},
    {"name": "year", "from": "items", "kind": "numeric", "quantiles": 3, "use": ["target", "history"]},
    {"name": "stars", "from": "events", "use": ["history"]},
]
REQUEST = {
    "item": TEXT, "history_item": TEXTS, "history_age": INTEGERS, "genre": TEXT, "tags": TEXTS, "year": NUMBER,
    "history_genre": TEXTS, "history_tags": TEXTS, "history_year": NUMBERS, "history_stars": TEXTS,
}  # fmt: skip
LOGGED = {
    "user": TEXT, "timestamp": INTEGER, "history_count": INTEGER, "sampling_probability": NUMBER,
    "slice_history_length": TEXT, "slice_user": TEXT, "slice_item": TEXT, "label_click": NUMBER,
}  # fmt: skip


def test_a_request_has_the_target_the_history_and_attributes() -> None:
    assert raw_feature_spec(configuration(attributes=ATTRIBUTES), with_labels=False) == REQUEST


def test_a_written_example_has_labels_and_what_is_known_of_its_event_besides() -> None:
    assert raw_feature_spec(configuration(attributes=ATTRIBUTES), with_labels=True) == REQUEST | LOGGED


def test_a_request_has_the_user_if_the_model_has_an_embedding_of_it() -> None:
    spec = raw_feature_spec(configuration(features={"user": {"in_model": True}}), with_labels=False)
    assert spec["user"] == TEXT


def test_a_mask_and_negatives_of_behaviours_are_there_only_if_configured() -> None:
    config = configuration(
        sequence={"history_negatives": True},
        tasks=[{"name": "like", "label": {"column": "like"}, "mask": {"column": "click"}}],
        attributes=ATTRIBUTES,
    )
    more = {
        name: feature for name, feature in raw_feature_spec(config, with_labels=True).items() if name not in REQUEST
    }
    assert more == {name: feature for name, feature in LOGGED.items() if name != "label_click"} | {
        "label_like": NUMBER, "mask_like": NUMBER, "history_negative_item": TEXTS,
        "history_negative_genre": TEXTS, "history_negative_tags": TEXTS, "history_negative_year": NUMBERS,
    }  # fmt: skip
