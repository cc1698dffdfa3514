"""Evaluation of a model of either family on the test split, together with the champion if there is one."""

from __future__ import annotations

from collections.abc import Mapping

from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.models.spec import Family
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.evaluation.common import FamilyEvaluator, evaluate_champion
from interestflow.pipeline.evaluation.matchers import evaluate_matcher
from interestflow.pipeline.evaluation.rankers import evaluate_ranker
from interestflow.pipeline.evaluation.result import Evaluation

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
        model: Folder of the exported model.
        champion: Folder of the model to compare with; None for none.
        examples: Folder of raw examples. Rankers need the split test; matchers train, validation, test and items.
        output: An empty folder.
        options: Beam's options.

    Returns:
        What was written. A champion that cannot be evaluated is a `champion_problem` in it, not an error.

    Raises:
        EvaluationError: If the model cannot be evaluated.
    """
    evaluate_model = EVALUATORS[config.model_spec.family]
    result = evaluate_model(config, model, examples, f"{output}/{MODEL}", options)
    champion_evaluation, problem = evaluate_champion(
        champion, lambda folder: evaluate_model(config, folder, examples, f"{output}/{CHAMPION}", options).model
    )
    evaluation = Evaluation(
        model=result.model,
        champion=champion_evaluation,
        champion_problem=problem,
        examples=result.examples,
        popularity=result.popularity,
    )
    evaluation.write(output)
    return evaluation
