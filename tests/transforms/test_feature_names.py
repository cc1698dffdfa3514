"""Names of features: no two are equal, and those along the history have its prefix."""

from __future__ import annotations

from interestflow.transforms import feature_names


def test_names_are_distinct() -> None:
    names = [value for name, value in vars(feature_names).items() if name.isupper()]
    assert len(names) > 10
    assert len(set(names)) == len(names)


def test_features_of_attributes_and_tasks_have_a_prefix() -> None:
    assert feature_names.history("genre") == "history_genre"
    assert feature_names.history_negative("genre") == "history_negative_genre"
    assert feature_names.label("click") == "label_click"
    assert feature_names.mask("click") == "mask_click"


def test_features_of_items_along_the_history_are_named_like_those_of_attributes() -> None:
    assert feature_names.history(feature_names.ITEM) == feature_names.HISTORY_ITEM
    assert feature_names.history_negative(feature_names.ITEM) == feature_names.HISTORY_NEGATIVE_ITEM
