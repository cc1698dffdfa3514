"""The expected schema parses examples as ingestion writes them, and rejects impossible values."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tensorflow_transform.tf_metadata import schema_utils

from interestflow.transforms.feature_spec import raw_feature_spec
from interestflow.transforms.schema.expected_schema import ExpectedSchemaError, curated_schema, expected_schema
from interestflow.transforms.schema.statistics_options import statistics_options
from tests.transforms.transform_graph import configuration

SHOP = configuration(
    tasks=[{"name": "click", "label": {"column": "click"}, "mask": {"column": "shown"}}],
    attributes=[
        {"name": "device", "from": "events"},
        {"name": "category", "from": "items", "use": ["target", "history"]},
        {"name": "tags", "from": "items", "kind": "categorical_list", "use": ["target", "history"]},
        {"name": "price", "from": "items", "kind": "numeric"},
        {"name": "rating", "from": "events", "use": ["history"]},
    ],
)
COUNT = 40


def statistics(**changes: list[Any]) -> Any:
    """Return the statistics of `COUNT` examples; a feature in `changes` has other values."""
    rows: dict[str, list[Any]] = {
        "user": [f"u{index % 7}" for index in range(COUNT)],
        "item": [f"i{index}" for index in range(COUNT)],
        "device": ["phone", "tablet"] * (COUNT // 2),
        "category": ["drama", ""] * (COUNT // 2),
        "tags": [["t1", "t2"], []] * (COUNT // 2),
        "price": [1.5, float("nan")] * (COUNT // 2),
        "timestamp": list(range(COUNT)),
        "history_item": [["i1"], ["i1", "i2"]] * (COUNT // 2),
        "history_age": [[3], [3, 1]] * (COUNT // 2),
        "history_category": [["drama"], ["drama", ""]] * (COUNT // 2),
        "history_tags": [["t1|t2"], ["", "t1"]] * (COUNT // 2),
        "history_rating": [["4"], ["4", "5"]] * (COUNT // 2),
        "history_count": [1, 2] * (COUNT // 2),
        "sampling_probability": [1.0] * COUNT,
        "slice_history_length": ["1-4"] * COUNT,
        "slice_user": ["known"] * COUNT,
        "slice_item": ["known"] * COUNT,
        "label_click": [0.0, 1.0] * (COUNT // 2),
        "mask_click": [1.0] * COUNT,
    }
    columns = {name: _column(name, values) for name, values in (rows | changes).items()}
    return stats_impl.generate_statistics_in_memory(pa.RecordBatch.from_pydict(columns), statistics_options())


def _column(name: str, values: list[Any]) -> pa.Array:
    """Return values in the form of examples; None is a missing feature."""
    lists = [value if value is None or isinstance(value, list) else [value] for value in values]
    return pa.array(lists, pa.list_(pa.int64()) if name == "history_age" else None)


@pytest.fixture(scope="module")
def schema() -> schema_pb2.Schema:
    return expected_schema(SHOP, tfdv.infer_schema(statistics(), infer_feature_shape=False))


def anomalies(schema: schema_pb2.Schema, **changes: list[Any]) -> dict[str, str]:
    """Return the severity of the anomalies of a split with these changes, by feature."""
    anomaly_info = tfdv.validate_statistics(statistics(**changes), schema).anomaly_info
    return {name: anomalies_pb2.AnomalyInfo.Severity.Name(info.severity) for name, info in anomaly_info.items()}


def test_examples_are_parsed_as_ingestion_writes_them(schema: schema_pb2.Schema) -> None:
    assert schema_utils.schema_as_feature_spec(schema).feature_spec == raw_feature_spec(SHOP, with_labels=True)


def test_the_training_split_itself_is_as_expected(schema: schema_pb2.Schema) -> None:
    assert anomalies(schema) == {}


def test_only_attributes_of_few_values_have_a_domain(schema: schema_pb2.Schema) -> None:
    assert {feature.name for feature in schema.feature if feature.domain} == {"device", "category", "tags"}
    values = {domain.name: sorted(domain.value) for domain in schema.string_domain}
    assert values == {"device": ["phone", "tablet"], "category": ["", "drama"], "tags": ["t1", "t2"]}


def test_new_values_are_an_anomaly_once_they_are_the_majority(schema: schema_pb2.Schema) -> None:
    half = COUNT // 2
    assert anomalies(schema, device=["phone"] * half + ["watch"] * half) == {}
    assert anomalies(schema, device=["phone"] * (half - 1) + ["watch"] * (half + 1)) == {"device": "ERROR"}


def test_new_ids_are_normal(schema: schema_pb2.Schema) -> None:
    assert anomalies(schema, item=[f"new {index}" for index in range(COUNT)]) == {}


def test_empty_histories_are_normal(schema: schema_pb2.Schema) -> None:
    assert anomalies(schema, **{name: [[]] * COUNT for name in ("history_item", "history_age", "tags")}) == {}


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        ("label_click", [0.0] * (COUNT - 1) + [2.0]),
        ("label_click", [0.0] * (COUNT - 1) + [float("nan")]),
        ("mask_click", [1.0] * (COUNT - 1) + [-1.0]),
        ("sampling_probability", [1.0] * (COUNT - 1) + [1.5]),
        ("history_age", [[1]] * (COUNT - 1) + [[-1]]),
        ("item", ["i1"] * (COUNT - 1) + [None]),
        ("price", ["cheap"] * COUNT),
    ],
)
def test_an_impossible_value_is_an_error(schema: schema_pb2.Schema, feature: str, values: list[Any]) -> None:
    assert anomalies(schema, **{feature: values}) == {feature: "ERROR"}


def test_a_matching_curated_schema_is_used_unchanged(schema: schema_pb2.Schema) -> None:
    schema.feature[0].annotation.comment.append("checked by hand")
    assert curated_schema(SHOP, text_format.MessageToString(schema)) == schema


def test_a_curated_schema_that_does_not_match_is_rejected_feature_by_feature(schema: schema_pb2.Schema) -> None:
    curated = schema_pb2.Schema()
    curated.CopyFrom(schema)
    features = {feature.name: feature for feature in curated.feature}
    features["price"].type = schema_pb2.INT
    features["device"].ClearField("shape")
    features["user"].shape.dim.add(size=3)
    curated.feature.remove(features["item"])
    with pytest.raises(ExpectedSchemaError) as error:
        curated_schema(SHOP, text_format.MessageToString(curated))
    assert str(error.value).splitlines() == [
        "feature `device` of the curated schema should be one string value, received any number of string values",
        "the curated schema should have feature `item` (one string value), it is missing",
        "feature `price` of the curated schema should be one float32 value, received one int64 value",
        "feature `user` of the curated schema should be one string value, received string values of shape [3]",
    ]


def test_text_that_is_not_a_schema_is_rejected() -> None:
    with pytest.raises(ExpectedSchemaError, match="the curated schema cannot be read: 1:1"):
        curated_schema(SHOP, "what: is this")
