"""Evaluation of a model of either family on the test split, together with the champion if there is one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from apache_beam.options.pipeline_options import PipelineOptions

from interestflow import storage
from interestflow.beam_runner.places import has_workers_elsewhere
from interestflow.models.spec import Family
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.evaluation.common import FamilyEvaluator, FamilyResult, evaluate_champion
from interestflow.pipeline.evaluation.matchers import evaluate_matcher
from interestflow.pipeline.evaluation.rankers import evaluate_ranker
from interestflow.pipeline.evaluation.result import Evaluation, EvaluationError

MODEL, CHAMPION = "model", "champion"
"""Folders beside `evaluation.json` with what the family's evaluator wrote: for rankers, TFMA's own results, which
`tfma.load_eval_result` reads."""
EVALUATORS: Mapping[Family, FamilyEvaluator] = {"ranker": evaluate_ranker, "matcher": evaluate_matcher}


def evaluate(
    config: PipelineConfig, model: str, champion: str | None, examples: str, output: str, options: PipelineOptions
) -> Evaluation:
    """Evaluate a model, and the champion on the same examples, and write `evaluation.json` into `output`.

    Args:
        config: Tasks, features and slices; `PipelineConfig.for_evaluation` is enough.
        model: Folder of the exported model; one on gs:// or s3:// is copied to this machine while it is evaluated.
        champion: Folder of the model to compare with, of the same kinds; None for none.
        examples: Folder of raw examples. Rankers need the split test; matchers train, validation, test and items.
        output: An empty folder.
        options: Beam's options.

    Returns:
        What was written. A champion that cannot be evaluated is a `champion_problem` in it, not an error.

    Raises:
        EvaluationError: If the model cannot be evaluated.
        StorageError: If one of the two cannot be fetched. That is an error for the champion too: a store that does not
            answer for a moment is no reason to push a model that was never compared.
    """

    def evaluate_folder(folder: str, name: str) -> FamilyResult:
        return _evaluate_folder(config, folder, examples, f"{output}/{name}", options)

    result = evaluate_folder(model, MODEL)
    champion_evaluation, problem = evaluate_champion(champion, lambda folder: evaluate_folder(folder, CHAMPION).model)
    evaluation = Evaluation(
        model=result.model,
        champion=champion_evaluation,
        champion_problem=problem,
        examples=result.examples,
        popularity=result.popularity,
    )
    evaluation.write(output)
    return evaluation


def _evaluate_folder(
    config: PipelineConfig, folder: str, examples: str, output: str, options: PipelineOptions
) -> FamilyResult:
    """Evaluate the model in a folder, on this machine or in an object store."""
    # Workers elsewhere see no temporary folder of this machine, but what the step writes to.
    parent = os.path.dirname(output) if has_workers_elsewhere(options) else None
    with storage.local_copy(folder, parent) as local:
        try:
            result = EVALUATORS[config.model_spec.family](config, local, examples, output, options)
        except EvaluationError as error:
            raise EvaluationError(str(error).replace(local, folder)) from None
    return replace(result, model=result.model.model_copy(update={"folder": folder}))
