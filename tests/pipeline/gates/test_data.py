"""Tests of the gate on data anomalies: which ones stop a run, and the message."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2

from interestflow.pipeline.gates.data import DataGateError, check_anomalies

ERROR = """
anomaly_info {
  key: "device"
  value {
    severity: ERROR
    description: "not shown where there are reasons"
    reason { short_description: "Unexpected string values" description: "Examples contain values missing: watch" }
    reason { short_description: "Column dropped" description: "Column is completely missing" }
  }
}
"""
WARNING = 'anomaly_info { key: "age" value { severity: WARNING description: "grew old" } }'


def anomalies(*texts: str) -> anomalies_pb2.Anomalies:
    return text_format.Parse("\n".join(texts), anomalies_pb2.Anomalies())


def refusal(fail_on: str, **by_split: anomalies_pb2.Anomalies) -> list[str]:
    with pytest.raises(DataGateError) as error:
        check_anomalies(by_split, fail_on)  # type: ignore[arg-type]
    return str(error.value).splitlines()


DEVICE = (
    "feature `device` (error): Unexpected string values: Examples contain values missing: watch; "
    "Column dropped: Column is completely missing"
)


def test_no_anomaly_passes() -> None:
    for fail_on in ("error", "warning", "never"):
        check_anomalies({"train": anomalies(), "test": anomalies()}, fail_on)  # type: ignore[arg-type]


def test_every_anomaly_of_the_severity_is_named_with_its_split() -> None:
    assert refusal("error", train=anomalies(), validation=anomalies(WARNING, ERROR), test=anomalies(ERROR)) == [
        "the data are not as the schema expects:",
        f"validation: {DEVICE}",
        f"test: {DEVICE}",
    ]


def test_a_warning_stops_only_where_it_should() -> None:
    check_anomalies({"train": anomalies(WARNING)}, "error")
    assert refusal("warning", train=anomalies(WARNING, ERROR))[1:] == [
        "train: feature `age` (warning): grew old",
        f"train: {DEVICE}",
    ]


def test_never_lets_everything_pass() -> None:
    check_anomalies({"train": anomalies(ERROR, "data_missing: true")}, "never")


def test_a_split_without_examples_stops_the_run() -> None:
    assert refusal("error", validation=anomalies("data_missing: true"))[1:] == [
        "validation: there are no examples (error)"
    ]


def test_an_anomaly_of_the_whole_split_stops_the_run() -> None:
    text = 'dataset_anomaly_info { severity: ERROR description: "few examples" }'
    assert refusal("error", test=anomalies(text))[1:] == ["test: the examples as a whole (error): few examples"]
