"""Step that stops a run whose examples contain information that was not known before their events."""

import posixpath

from apache_beam.io.filesystems import FileSystems
from tfx.types.standard_artifacts import Examples
from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component

from interestflow.pipeline.artifacts import types as artifacts
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.leakage.check import check_examples

REPORT_FILE = "leak_check.json"


@component
def LeakCheck(
    report: OutputArtifact[artifacts.LeakReportArtifact],
    examples: InputArtifact[Examples],
    config: Parameter[str],
    span: Parameter[str] = "",
) -> None:
    """Derive the examples of some users again from the log, compare them, and write the result.

    Args:
        report: folder to write `leak_check.json` to.
        examples: examples of all splits.
        config: an `IngestionConfig` as JSON.
        span: span of the log that the examples were made from; "" for `data.span`.

    Raises:
        LeakError: naming the first values that differ, and features that tell a label by themselves.
    """
    findings = check_examples(examples.uri, IngestionConfig.model_validate_json(config).with_span(span))
    findings.raise_findings()
    with FileSystems.create(posixpath.join(report.uri, REPORT_FILE)) as file:
        file.write(findings.as_json().encode())
