"""Documents that the steps of a finished run wrote, and the JSON report built from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.evaluation.result import Evaluation, ModelEvaluation
from interestflow.pipeline.folders import TRAINING_SUMMARY, Folders
from interestflow.pipeline.gates.champion import Champion, pushed_models
from interestflow.pipeline.gates.quality import Verdict
from interestflow.pipeline.gates.serving import ServingVerdict
from interestflow.transforms.ingestion.counts import IngestionCounts
from interestflow.transforms.ingestion.report import COUNTS
from interestflow.transforms.knowledge_graph.job import GraphCounts

if TYPE_CHECKING:  # it imports TFX, which only a run needs
    from interestflow.pipeline.dag.local_runner import StepResult

BASELINE = "baseline"
"""Role of the plain model, and its name in the report."""


@dataclass(frozen=True)
class Findings:
    """Documents that the steps of a run wrote.

    Attributes:
        counts: rows, examples and dead letters of the ingestion.
        evaluation: metrics of the model, of the champion and of popularity.
        baseline: metrics of the plain model; None where none was trained.
        verdict: decision of the quality gate.
        serving: decision of the serving gate.
        trainings: summary of each training by its role, `"model"` or `BASELINE`.
        pushed: version from which the model is served; None where it was not pushed or has been removed since.
        graph: counts of the knowledge graph; None where there is none.
    """

    counts: IngestionCounts
    evaluation: Evaluation
    baseline: ModelEvaluation | None
    verdict: Verdict
    serving: ServingVerdict
    trainings: dict[str, dict[str, Any]]
    pushed: Champion | None
    graph: GraphCounts | None = None

    @property
    def is_blessed(self) -> bool:
        """Whether both gates let the model pass: it is good enough and can be served."""
        return self.verdict.is_blessed and self.serving.is_blessed

    def models(self) -> dict[str, ModelEvaluation]:
        """Return the evaluations of model and baseline, without the champion, by names that tell them apart."""
        model = self.evaluation.model
        if self.baseline is None:
            return {model.name: model}
        same = self.baseline.name == model.name
        return {model.name: model, f"{self.baseline.name} ({BASELINE})" if same else self.baseline.name: self.baseline}


def read_findings(folders: Folders, results: Mapping[str, StepResult]) -> Findings:
    """Read the documents that the steps of a run wrote.

    Args:
        folders: folders of the run.
        results: result of each step by its name; all of them are done or cached.
    """
    evaluation = Evaluation.read(results["Evaluator"].outputs["evaluation"])
    verdict = Verdict.read(results["QualityGate"].outputs["blessing"])
    serving = ServingVerdict.read(results["ServingValidator"].outputs["blessing"])
    baseline, graph = results.get("BaselineEvaluator"), results.get("KnowledgeGraphGen")
    trainings = {"model": "Trainer", BASELINE: "BaselineTrainer"}
    # Pushed by this run, or by an earlier one whose result this run reused.
    is_blessed = verdict.is_blessed and serving.is_blessed
    candidates = pushed_models(folders.serving) if is_blessed else []
    return Findings(
        IngestionCounts.model_validate_json(_read(f"{results['LogExampleGen'].outputs['report']}/{COUNTS}")),
        evaluation,
        Evaluation.read(baseline.outputs["evaluation"]).model if baseline else None,
        verdict,
        serving,
        {
            role: json.loads(_read(f"{results[step].outputs['model_run']}/{TRAINING_SUMMARY}"))
            for role, step in trainings.items()
            if step in results
        },
        next((model for model in candidates if model.fingerprint == evaluation.model.fingerprint), None),
        None if graph is None else GraphCounts.model_validate_json(_read(f"{graph.outputs['report']}/{COUNTS}")),
    )


def json_report(config: PipelineConfig, findings: Findings, examples: str) -> dict[str, Any]:
    """Return the content of `report.json`.

    Args:
        config: configuration of the run; the metrics are those of its first task.
        findings: documents of the run.
        examples: folder of the raw examples, on which `interestflow evaluate` evaluates.
    """
    first = config.tasks[0].name
    overall = findings.evaluation.model.tasks[first].overall
    popularity, baseline, graph = findings.evaluation.popularity, findings.baseline, findings.graph
    by_model = {name: model.tasks[first].overall for name, model in findings.models().items()}
    return {
        "name": config.name,
        "is_blessed": findings.is_blessed,
        "reasons": [*findings.verdict.reasons, *findings.serving.reasons],
        "notes": findings.verdict.notes,
        "pushed": findings.pushed.folder if findings.pushed else None,
        "popularity": popularity.model_dump(mode="json") if popularity else None,
        "metrics": {
            name: {metric: metrics.value(metric) for metric in metrics.FAMILY.bounded}
            for name, metrics in by_model.items()
        },
        "best_possible": overall.best_possible(),
        "headroom_share": {name: metrics.headroom_share for name, metrics in by_model.items()},
        "evaluation": findings.evaluation.model_dump(mode="json"),
        "baseline": baseline.model_dump(mode="json") if baseline else None,
        "serving": findings.serving.model_dump(mode="json"),
        "counts": findings.counts.model_dump(mode="json"),
        "graph": graph.model_dump(mode="json") if graph else None,
        "training": findings.trainings,
        "examples": examples,
    }


def _read(path: str) -> str:
    with tf.io.gfile.GFile(path) as file:
        return str(file.read())
