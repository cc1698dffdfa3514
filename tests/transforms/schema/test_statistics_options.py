"""Statistics by sketches are exact for features of few values."""

from __future__ import annotations

import pyarrow as pa
from tensorflow_data_validation.statistics import stats_impl

from interestflow.transforms.schema.statistics_options import statistics_options


def test_distinct_and_most_frequent_values_of_a_feature_of_few_values_are_exact() -> None:
    """500 values, of which the first occurs 100 times and all others once."""
    values = [[f"v{max(index, 0)}"] for index in range(-99, 500)]
    batch = pa.RecordBatch.from_pydict({"device": pa.array(values)})
    (dataset,) = stats_impl.generate_statistics_in_memory(batch, statistics_options()).datasets
    (feature,) = dataset.features
    assert feature.string_stats.unique == 500
    assert (feature.string_stats.top_values[0].value, feature.string_stats.top_values[0].frequency) == ("v0", 100)
