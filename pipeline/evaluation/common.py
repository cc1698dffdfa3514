"""Result, input checks and files that the evaluations of both model families share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.evaluation.result import EvaluationError, ModelEvaluation
from interestflow.serving.provenance import ScoringError, read_provenance
from interestflow.serving.raw_inputs import describe_raw_inputs
from interestflow.transforms.feature_spec import raw_feature_spec


@dataclass(frozen=True)
class FamilyResult:
    """Evaluation of one model by the evaluator of its family.

    Attributes:
        model: Metrics of the model.
        examples: Number of test examples, or of queries, that the model was evaluated on.
        popularity: Metrics of the most popular items on the same queries; None for rankers.
    """

    model: ModelEvaluation
    examples: int
    popularity: ModelEvaluation | None = None


FamilyEvaluator = Callable[[PipelineConfig, str, str, str, PipelineOptions], FamilyResult]
"""Evaluates one model, given the configuration, the model's folder, the folder of examples, the folder to write to and
Beam's options."""


def evaluate_champion(
    champion: str | None, evaluate_model: Callable[[str], ModelEvaluation]
) -> tuple[ModelEvaluation | None, str | None]:
    """Return the evaluation of the champion, or why it cannot be evaluated, which is not an error.

    Args:
        champion: Folder of the champion; None where there is none.
        evaluate_model: Evaluates the model in a folder.

    Returns:
        The evaluation and the problem; both are None where there is no champion.
    """
    if champion is None:
        return None, None
    try:
        return evaluate_model(champion), None
    except EvaluationError as error:
        return None, str(error)


def read_model_provenance(folder: str) -> Mapping[str, Any]:
    """Return the provenance of the model in `folder`.

    Raises:
        EvaluationError: If the folder holds no exported model.
    """
    try:
        return read_provenance(folder)
    except ScoringError as error:
        raise EvaluationError(str(error)) from None


def check_inputs(config: PipelineConfig, folder: str, provenance: Mapping[str, Any]) -> None:
    """Check that the examples have every feature of the model; an absent one would read as missing in each example.

    Raises:
        EvaluationError: If a feature is absent or has another type.
    """
    inputs = {raw.name: raw for raw in describe_raw_inputs(raw_feature_spec(config.ingestion(), with_labels=True))}
    for needed in provenance["raw_inputs"]:
        name = needed["name"]
        if name not in inputs:
            raise EvaluationError(f"the model in {folder} needs the feature `{name}`, which the examples do not have")
        available = inputs[name]
        if (needed["dtype"], needed["kind"]) != (available.dtype, available.kind):
            raise EvaluationError(
                f"the model in {folder} needs the feature `{name}` as {needed['kind']} of {needed['dtype']}, "
                f"the examples have it as {available.kind} of {available.dtype}"
            )


def files_of_test_split(examples: str) -> list[str]:
    """Return the sorted files of the test split in a folder of examples.

    Raises:
        EvaluationError: If there are none.
    """
    pattern = f"{examples}/Split-test/*"
    files = sorted(tf.io.gfile.glob(pattern))
    if not files:
        raise EvaluationError(f"no file of test examples matches {pattern}")
    return files
