"""Attributes: where the model sees them, and as what."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from interestflow.transforms.feature_config import AttributeConfig, FeaturesConfig, IdentityConfig


def attribute(name: str, source: str, **values: Any) -> dict[str, Any]:
    return {"name": name, "from": source, **values}


FEATURES = FeaturesConfig.model_validate(
    {
        "attributes": [
            attribute("category", "items", use=["target", "history"]),
            attribute("price", "items", kind="numeric"),
            attribute("rating", "events", use=["history"], column="stars"),
            attribute("age", "users", kind="numeric", boundaries=[20, 40]),
        ]
    }
)


def names(attributes: tuple[AttributeConfig, ...]) -> list[str]:
    return [config.name for config in attributes]


def test_attributes_by_where_the_model_sees_them() -> None:
    assert names(FEATURES.target_attributes()) == ["category", "price", "age"]
    assert names(FEATURES.history_attributes()) == ["category", "rating"]
    assert names(FEATURES.item_vector_attributes()) == ["category"]
    assert names(FEATURES.attributes_of("items")) == ["category", "price"]


def test_a_bucketed_number_is_a_category() -> None:
    category, price, rating, age = FEATURES.attributes
    assert [config.is_number for config in (category, price, rating, age)] == [False, True, False, False]
    assert [config.is_bucketed for config in (category, price, rating, age)] == [False, False, False, True]


def test_a_column_is_called_as_the_attribute_unless_named() -> None:
    assert [config.source_column for config in FEATURES.attributes] == ["category", "price", "stars", "age"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"quantiles": 4}, "bucket numbers, received kind 'categorical'"),
        ({"kind": "numeric", "quantiles": 4, "boundaries": [1]}, "should have `boundaries` or `quantiles`, not both"),
        ({"kind": "numeric", "boundaries": [2, 1]}, r"should be numbers that rise, received \[2.0, 1.0\]"),
        ({"kind": "numeric", "boundaries": []}, r"should be numbers that rise, received \[\]"),
        ({"kind": "numeric", "use": ["history"]}, "should have `boundaries` or `quantiles`, as every numeric"),
        ({"use": []}, "`use` should name `target`, `history` or both"),
    ],
)
def test_an_attribute_that_is_none(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AttributeConfig.model_validate(attribute("feature", "items", **values))


def test_hashing_or_a_vocabulary() -> None:
    assert IdentityConfig(hash_buckets=8).hash_buckets == 8
    for vocabulary in ({"min_count": 2}, {"vocabulary_size": 9}):
        with pytest.raises(ValidationError, match="not both"):
            IdentityConfig(hash_buckets=8, **vocabulary)
