"""The entry point calls the family's evaluator for the model and the champion, and writes the result."""

from __future__ import annotations

from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.evaluation import evaluate as evaluate_module
from interestflow.pipeline.evaluation.common import FamilyResult
from interestflow.pipeline.evaluation.evaluate import EVALUATORS, evaluate
from interestflow.pipeline.evaluation.result import Evaluation, EvaluationError, ModelEvaluation
from interestflow.pipeline.metrics.registry import FAMILIES
from tests.pipeline.support import exported_matchers, exported_rankers

POPULARITY = ModelEvaluation(name="popularity", fingerprint="", folder="", tasks={})


def test_every_family_has_an_evaluator() -> None:
    assert EVALUATORS.keys() == FAMILIES.keys()


@pytest.mark.parametrize(
    ("family", "config"), [("ranker", exported_rankers.config()), ("matcher", exported_matchers.config())]
)
def test_model_and_champion_are_evaluated_by_their_family(
    family: str, config: PipelineConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def evaluator(config: PipelineConfig, folder: str, examples: str, output: str, options: object) -> FamilyResult:
        calls.append((folder, examples, output))
        if folder == "broken":
            raise EvaluationError("it is broken")
        return FamilyResult(ModelEvaluation(name=folder, fingerprint="abc", folder=folder, tasks={}), 7, POPULARITY)

    monkeypatch.setattr(evaluate_module, "EVALUATORS", {family: evaluator})
    evaluation = evaluate(config, "new", "old", "examples", str(tmp_path), PipelineOptions([]))
    assert calls == [("new", "examples", f"{tmp_path}/model"), ("old", "examples", f"{tmp_path}/champion")]
    assert evaluation.model.name == "new"
    assert evaluation.champion is not None
    assert (evaluation.champion.name, evaluation.champion_problem) == ("old", None)
    assert (evaluation.examples, evaluation.popularity) == (7, POPULARITY)
    assert Evaluation.read(str(tmp_path)) == evaluation
    evaluation = evaluate(config, "new", "broken", "examples", str(tmp_path), PipelineOptions([]))
    assert (evaluation.champion, evaluation.champion_problem) == (None, "it is broken")
    with pytest.raises(EvaluationError, match="it is broken"):
        evaluate(config, "broken", None, "examples", str(tmp_path), PipelineOptions([]))
