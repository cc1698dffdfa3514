"""Whether anomalies of the data stop the run; TFX's ExampleValidator writes them down but never stops anything."""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import anomalies_pb2

from interestflow.pipeline.gate_config import Severity

ANOMALIES_FILE = "SchemaDiff.pb"
"""What ExampleValidator names its file in every split's folder."""
RANKS = {"UNKNOWN": 0, "WARNING": 1, "ERROR": 2}


class DataGateError(Exception):
    """Data that a run should not go on with; the message has one line an anomaly."""


def check_anomalies(anomalies: Mapping[str, anomalies_pb2.Anomalies], fail_on: Severity) -> None:
    """Lets pass or refuses.

    Args:
        anomalies: by split.
        fail_on: the severity from which on an anomaly stops the run.

    Raises:
        DataGateError: naming split, feature, severity and reason of every anomaly of that severity or above, and a
            split without any data.
    """
    if fail_on == "never":
        return
    lines = [
        f"{split}: {line}"
        for split, found in anomalies.items()
        for rank, line in _described(found)
        if rank >= RANKS[fail_on.upper()]
    ]
    if lines:
        raise DataGateError("\n".join(["the data are not as the schema expects:", *lines]))


def _described(found: anomalies_pb2.Anomalies) -> list[tuple[int, str]]:
    """Severity and description of every anomaly of a split, by feature."""
    described = [(RANKS["ERROR"], "there are no examples (error)")] if found.data_missing else []
    named = [(f"feature `{name}`", info) for name, info in sorted(found.anomaly_info.items())]
    if found.HasField("dataset_anomaly_info"):
        named.append(("the examples as a whole", found.dataset_anomaly_info))
    for what, info in named:
        severity = anomalies_pb2.AnomalyInfo.Severity.Name(info.severity)
        reasons = [f"{reason.short_description}: {reason.description}".strip(": ") for reason in info.reason]
        text = "; ".join(reasons) or info.description
        described.append((RANKS[severity], f"{what} ({severity.lower()}): {text}"))
    return described
