"""Metrics of the server in the format of Prometheus."""

from __future__ import annotations

import pytest

from interestflow.serving.server.errors import invalid, not_found
from interestflow.serving.server.metrics import ServerMetrics


def lines(metrics: ServerMetrics, name: str) -> list[str]:
    return [line for line in metrics.text().decode().splitlines() if line.startswith(name)]


def test_requests_by_model_method_and_status() -> None:
    metrics = ServerMetrics()
    metrics.loaded("ranker", 1, 0.5)
    with metrics.request("ranker", "Predict"):
        pass
    with pytest.raises(Exception, match="no"), metrics.request("ranker", "Predict"):
        raise invalid("no")
    with pytest.raises(KeyError), metrics.request("ranker", "Classify"):
        raise KeyError("bug")
    assert lines(metrics, "interestflow_requests_total") == [
        'interestflow_requests_total{method="Predict",model="ranker",status="OK"} 1.0',
        'interestflow_requests_total{method="Predict",model="ranker",status="INVALID_ARGUMENT"} 1.0',
        'interestflow_requests_total{method="Classify",model="ranker",status="INTERNAL"} 1.0',
    ]
    assert lines(metrics, "interestflow_requests_under_way ") == ["interestflow_requests_under_way 0.0"]


def test_names_that_clients_make_up_are_counted_together() -> None:
    metrics = ServerMetrics()
    metrics.loaded("ranker", 1, 0.5)
    size = len(metrics.text().splitlines())
    for index in range(3000):
        with pytest.raises(Exception, match="no"), metrics.request(f"nobody-{index}", "Predict"):
            raise (not_found if index % 2 else invalid)("no")
    assert len(metrics.text().splitlines()) - size < 40
    assert 'interestflow_requests_total{method="Predict",model="",status="NOT_FOUND"} 1500.0' in metrics.text().decode()


def test_versions_come_and_go() -> None:
    metrics = ServerMetrics()
    metrics.loaded("ranker", 1, 0.5)
    metrics.loaded("ranker", 2, 0.5)
    metrics.unloaded("ranker", 1)
    metrics.failed("ranker", 3)
    assert lines(metrics, "interestflow_version_loaded") == [
        'interestflow_version_loaded{model="ranker",version="2"} 1.0'
    ]
    assert lines(metrics, "interestflow_load_seconds_count") == ['interestflow_load_seconds_count{model="ranker"} 2.0']
    assert lines(metrics, "interestflow_load_failures_total") == [
        'interestflow_load_failures_total{model="ranker"} 1.0'
    ]


def test_batches_and_missing_features() -> None:
    metrics = ServerMetrics()
    metrics.batch("ranker", 3)
    metrics.missing_feature("ranker", "hour")
    metrics.missing_feature("ranker", "hour")
    assert lines(metrics, "interestflow_batch_rows_sum") == ['interestflow_batch_rows_sum{model="ranker"} 3.0']
    assert lines(metrics, "interestflow_requests_missing_feature_total") == [
        'interestflow_requests_missing_feature_total{feature="hour",model="ranker"} 2.0'
    ]
