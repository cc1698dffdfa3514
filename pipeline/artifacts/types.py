"""What steps hand one another beyond TFX's own artifacts: a type each, so that the graph is checked as it is wired.

On Kubeflow a type is found again by its name: `pipeline.Champion` is the class `Champion` that `pipeline` gives.
"""

from __future__ import annotations

from tfx.types.artifact import Artifact


class IngestionReport(Artifact):
    """`counts.json`, an `IngestionCounts`, and `dead_letters.parquet`: the rows that could not be used, and why."""

    TYPE_NAME = "interestflow.pipeline.IngestionReport"


class LeakReport(Artifact):
    """`leak_check.json`: what was checked, and what was found."""

    TYPE_NAME = "interestflow.pipeline.LeakReport"


class Champion(Artifact):
    """`champion.json`: folder, version and fingerprint of the latest blessed model, or nulls where there is none."""

    TYPE_NAME = "interestflow.pipeline.Champion"


class Evaluation(Artifact):
    """`evaluation.json`: metrics of the model, and of the champion, by slice; beside it what TFMA itself writes."""

    TYPE_NAME = "interestflow.pipeline.Evaluation"


class KnowledgeGraph(Artifact):
    """`triples.parquet`, `links.parquet`, `entities.parquet` and `relations.parquet`: a knowledge graph in numbers."""

    TYPE_NAME = "interestflow.pipeline.KnowledgeGraph"
