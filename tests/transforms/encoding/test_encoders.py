"""Encodings that need no data to learn from."""

from __future__ import annotations

import pytest
import tensorflow as tf

from interestflow.transforms.config import AttributeConfig, IdentityConfig
from interestflow.transforms.encoding.encoders import HISTORY_AGE_BUCKETS, age_buckets, bucket_rows, identity_rows


def test_ages_are_bucketed_at_exact_powers_of_two() -> None:
    for power in range(1, 29):
        ages = tf.constant([2**power - 1, 2**power], tf.int64)
        assert age_buckets(ages).numpy().tolist() == [power + 1, power + 2]


def test_no_age_is_outside_its_table() -> None:
    ages = tf.constant([-5, 0, 1, 2**29 - 1, 2**29, 2**62], tf.int64)
    assert age_buckets(ages).numpy().tolist() == [1, 1, 2, 30, 31, 31]
    assert HISTORY_AGE_BUCKETS == 31 + 1


@pytest.mark.parametrize(
    ("config", "known_ids", "rows"),
    [
        # Padding, what is known, out-of-vocabulary buckets.
        (IdentityConfig(), 7, 1 + 7 + 1),
        (IdentityConfig(out_of_vocabulary_buckets=4), 7, 1 + 7 + 4),
        (IdentityConfig(hash_buckets=100), None, 1 + 100),
    ],
)
def test_rows_of_a_table_of_ids(config: IdentityConfig, known_ids: int | None, rows: int) -> None:
    assert identity_rows(config, known_ids) == rows


def test_rows_of_a_table_of_buckets() -> None:
    numeric = {"name": "year", "from": "items", "kind": "numeric"}
    assert bucket_rows(AttributeConfig.model_validate(numeric | {"boundaries": [1.0, 2.0]})) == 1 + 3
    assert bucket_rows(AttributeConfig.model_validate(numeric | {"quantiles": 5})) == 1 + 5
