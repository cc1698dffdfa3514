"""A model is evaluated on its own, or with the champion that was pushed before."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact

import tests.pipeline.support.exported_rankers as small
from interestflow.pipeline.artifacts import types as artifacts
from interestflow.pipeline.components.champion_finder import ChampionFinder
from interestflow.pipeline.components.evaluator import Evaluator
from interestflow.pipeline.evaluation.result import Evaluation
from interestflow.pipeline.gates.champion import Champion
from tests.pipeline.components.step_execution import execute, make_artifact, make_value


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Artifact, Artifact]:
    """Return the common folder, the model, and its evaluation with a champion that was pushed before."""
    folder = tmp_path_factory.mktemp("steps")
    small.write_examples(small.make_rows(200), folder / "examples")
    small.export_model(folder / "model" / "Format-Serving")
    small.export_model(folder / "serving" / "1700000000", fingerprint="champion00000000", slope=0.1)
    small.export_model(folder / "serving" / "1700000001", fingerprint="candidate0000000")
    model = make_artifact(folder / "model", standard_artifacts.Model)
    champion = make_value(folder / "champion")
    execute(
        ChampionFinder, {"model": model}, {"champion": champion}, serving_folder=str(folder / "serving"), state="any"
    )
    inputs = {"examples": make_artifact(folder / "examples", standard_artifacts.Examples), "model": model}
    evaluation = make_artifact(folder / "eval", artifacts.EvaluationArtifact)
    config = small.config(evaluation={"slices": ["user"]}).for_evaluation().model_dump_json()
    execute(
        Evaluator, inputs, {"evaluation": evaluation}, config=config, code_fingerprint="code", champion=champion.read()
    )
    return folder, model, evaluation


def test_the_champion_is_the_pushed_model_that_is_not_the_candidate(evaluated: tuple[Path, Artifact, Artifact]) -> None:
    folder, _, evaluation = evaluated
    assert Champion.model_validate_json((folder / "champion").read_text()).version == 1700000000
    evaluation_result = Evaluation.read(evaluation.uri)
    assert evaluation_result.model.fingerprint == "candidate0000000"
    assert evaluation_result.champion is not None
    assert evaluation_result.champion.fingerprint == "champion00000000"
    assert [(part.name, part.value) for part in evaluation_result.model.tasks["click"].slices] == [
        ("user", "known"), ("user", "new"),
    ]  # fmt: skip


def test_without_a_champion_a_model_is_evaluated_alone(
    evaluated: tuple[Path, Artifact, Artifact], tmp_path: Path
) -> None:
    folder, model, _ = evaluated
    examples = make_artifact(folder / "examples", standard_artifacts.Examples)
    evaluation = make_artifact(tmp_path / "evaluation", artifacts.EvaluationArtifact)
    config = small.config(evaluation={"slices": []}).model_dump_json()
    execute(
        Evaluator,
        {"examples": examples, "model": model},
        {"evaluation": evaluation},
        config=config,
        code_fingerprint="code",
    )
    evaluation_result = Evaluation.read(evaluation.uri)
    assert (evaluation_result.champion, evaluation_result.champion_problem) == (None, None)
