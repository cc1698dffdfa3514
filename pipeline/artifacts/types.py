"""Custom TFX artifact types. Each output has its own type, so TFX checks the wiring when the pipeline is built.

On Kubeflow, TFX imports an artifact's class by the name of its type, which must have one dot:
`interestflow.EvaluationArtifact` is the attribute `EvaluationArtifact` of the package `interestflow`, which imports it
from here. Each class has the suffix `Artifact`; the document in its folder has the name without the suffix.
"""

from __future__ import annotations

from tfx.types.artifact import Artifact


class InputFilesArtifact(Artifact):
    """Folder of `input_files.json`: the files that a run reads, with their sizes and times of change."""

    TYPE_NAME = "interestflow.InputFilesArtifact"


class IngestionReportArtifact(Artifact):
    """Folder of `counts.json`, an `IngestionCounts`, and `dead_letters.parquet`, unusable rows with reasons."""

    TYPE_NAME = "interestflow.IngestionReportArtifact"


class LeakReportArtifact(Artifact):
    """Folder of `leak_check.json`: what the leak check compared, and its findings."""

    TYPE_NAME = "interestflow.LeakReportArtifact"


class EvaluationArtifact(Artifact):
    """Folder of `evaluation.json`, metrics of model and champion by slice, and of TFMA's own results."""

    TYPE_NAME = "interestflow.EvaluationArtifact"


class KnowledgeGraphArtifact(Artifact):
    """Folder of the Parquet files `triples`, `links`, `entities` and `relations`: a knowledge graph as integer ids."""

    TYPE_NAME = "interestflow.KnowledgeGraphArtifact"
