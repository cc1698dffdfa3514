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
from interestflow.storage import StorageError
from tests.object_stores import ObjectStore
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


@pytest.mark.parametrize("kind", ["s3", "gcs"])
def test_a_champion_in_an_object_store_is_evaluated_from_a_copy(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    store: ObjectStore = request.getfixturevalue(kind)
    store.write({"7/saved_model.pb": b"graph", "7/variables/data": b"weights", "70/saved_model.pb": b""})
    copies = []

    def evaluator(config: PipelineConfig, folder: str, examples: str, output: str, options: object) -> FamilyResult:
        if folder != "new":
            copies.append({path.name: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()})
            if output.endswith("broken/champion"):
                raise EvaluationError(f"{folder} is broken")
        return FamilyResult(ModelEvaluation(name=folder, fingerprint="abc", folder=folder, tasks={}), 7)

    monkeypatch.setattr(evaluate_module, "EVALUATORS", {"ranker": evaluator})
    champion, config, options = f"{store.url}/7", exported_rankers.config(), PipelineOptions([])
    evaluation = evaluate(config, "new", champion, "examples", str(tmp_path), options)
    assert copies == [{"saved_model.pb": b"graph", "data": b"weights"}]
    assert evaluation.champion is not None
    assert evaluation.champion.folder == champion
    assert not Path(evaluation.champion.name).exists()  # the copy
    (tmp_path / "broken").mkdir()
    broken = evaluate(config, "new", champion, "examples", str(tmp_path / "broken"), options)
    assert (broken.champion, broken.champion_problem) == (None, f"{champion} is broken")


def test_a_champion_that_cannot_be_fetched_is_an_error(
    s3: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a store that does not answer for a moment would let a model pass that was never compared."""
    result = FamilyResult(ModelEvaluation(name="new", fingerprint="abc", folder="new", tasks={}), 7)
    monkeypatch.setattr(evaluate_module, "EVALUATORS", {"ranker": lambda *arguments: result})
    with pytest.raises(StorageError, match=r"^s3://missing/7 cannot be read: there is no bucket missing at"):
        evaluate(exported_rankers.config(), "new", "s3://missing/7", "examples", str(tmp_path), PipelineOptions([]))
