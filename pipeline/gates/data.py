"""Gate on data anomalies. TFX's ExampleValidator writes anomalies down, but never stops a run."""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import anomalies_pb2

from interestflow.pipeline.gate_config import Severity

ANOMALIES_FILE = "SchemaDiff.pb"
"""Name of ExampleValidator's file in the folder of every split."""
SEVERITIES = {"UNKNOWN": 0, "WARNING": 1, "ERROR": 2}
"""Severities in ascending order."""


class DataGateError(Exception):
    """Data with which a run should not continue; the message has one line for each anomaly."""


def check_anomalies(anomalies: Mapping[str, anomalies_pb2.Anomalies], fail_on: Severity) -> None:
    """Raise an error for anomalies that should stop the run.

    Args:
        anomalies: Anomalies by split.
        fail_on: the severity from which on an anomaly stops the run.

    Raises:
        DataGateError: If there are such anomalies, naming split, feature, severity and reason of each, and any split
            without data.
    """
    if fail_on == "never":
        return
    lines = [
        f"{split}: {line}"
        for split, split_anomalies in anomalies.items()
        for severity, line in _describe(split_anomalies)
        if severity >= SEVERITIES[fail_on.upper()]
    ]
    if lines:
        raise DataGateError("\n".join(["the data are not as the schema expects:", *lines]))


def _describe(anomalies: anomalies_pb2.Anomalies) -> list[tuple[int, str]]:
    """Return severity and description of every anomaly of a split, by feature."""
    lines = [(SEVERITIES["ERROR"], "there are no examples (error)")] if anomalies.data_missing else []
    named = [(f"feature `{name}`", info) for name, info in sorted(anomalies.anomaly_info.items())]
    if anomalies.HasField("dataset_anomaly_info"):
        named.append(("the examples as a whole", anomalies.dataset_anomaly_info))
    for subject, info in named:
        severity = anomalies_pb2.AnomalyInfo.Severity.Name(info.severity)
        reasons = [f"{reason.short_description}: {reason.description}".strip(": ") for reason in info.reason]
        text = "; ".join(reasons) or info.description
        lines.append((SEVERITIES[severity], f"{subject} ({severity.lower()}): {text}"))
    return lines
