"""Custom TFX artifact types. Each output has its own type, so TFX checks the wiring when the pipeline is built.

On Kubeflow a type is found again by its name: `interestflow.pipeline.ChampionArtifact` is the class `ChampionArtifact`
that `interestflow.pipeline` returns. Each class has the suffix `Artifact`; what its file holds has the name without.
"""

from __future__ import annotations

from tfx.types.artifact import Artifact


class IngestionReportArtifact(Artifact):
    """`counts.json`, an `IngestionCounts`, and `dead_letters.parquet`: the rows that could not be used, and why."""

    TYPE_NAME = "interestflow.pipeline.IngestionReportArtifact"


class LeakReportArtifact(Artifact):
    """`leak_check.json`: what was checked, and what was found."""

    TYPE_NAME = "interestflow.pipeline.LeakReportArtifact"


class ChampionArtifact(Artifact):
    """`champion.json`: folder, version and fingerprint of the latest blessed model, or nulls where there is none."""

    TYPE_NAME = "interestflow.pipeline.ChampionArtifact"


class EvaluationArtifact(Artifact):
    """`evaluation.json`: metrics of the model, and of the champion, by slice; beside it what TFMA itself writes."""

    TYPE_NAME = "interestflow.pipeline.EvaluationArtifact"


class KnowledgeGraphArtifact(Artifact):
    """`triples.parquet`, `links.parquet`, `entities.parquet` and `relations.parquet`: a knowledge graph in numbers."""

    TYPE_NAME = "interestflow.pipeline.KnowledgeGraphArtifact"
