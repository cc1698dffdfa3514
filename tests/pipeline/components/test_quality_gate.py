"""A model is blessed or refused, with the artifact properties that TFX's Pusher reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.components.evaluator.constants import BLESSED_FILE_NAME, NOT_BLESSED_FILE_NAME
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.utils import proto_utils

from interestflow.pipeline.artifacts import types as artifacts
from interestflow.pipeline.components.atomic_pusher import AtomicPusher
from interestflow.pipeline.components.quality_gate import QualityGate
from interestflow.pipeline.evaluation.result import Evaluation, ModelEvaluation, RankingMetrics, TaskEvaluation
from interestflow.pipeline.gate_config import GateConfig
from interestflow.pipeline.gates.quality import Verdict
from tests.pipeline.components.step_execution import execute, make_artifact


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Artifact, Artifact]:
    """Return a folder, a model of one file and an evaluation of it, with an AUC of 0.7."""
    folder = tmp_path_factory.mktemp("steps")
    (folder / "model" / "Format-Serving").mkdir(parents=True)
    (folder / "model" / "Format-Serving" / "saved_model.pb").touch()
    metrics = RankingMetrics(
        examples=200, positives=73, unlabelled=0, auc=0.7, gauc=0.61, gauc_users=81, gauc_dropped_users=39,
        log_loss=0.4321, ece=0.0123, calibration=1.05, best_possible_auc=None, best_possible_log_loss=None,
    )  # fmt: skip
    tasks = {"click": TaskEvaluation(overall=metrics, slices=())}
    evaluation = make_artifact(folder / "eval", artifacts.EvaluationArtifact)
    model = ModelEvaluation(name="din", fingerprint="candidate0000000", folder="/models/din/7", tasks=tasks)
    Evaluation(model=model, champion=None, champion_problem=None, examples=200).write(evaluation.uri)
    return folder, make_artifact(folder / "model", standard_artifacts.Model), evaluation


def gate(evaluated: tuple[Path, Artifact, Artifact], folder: Path, floor: float) -> Artifact:
    _, model, evaluation = evaluated
    blessing = make_artifact(folder / "blessing", standard_artifacts.ModelBlessing)
    config = GateConfig(at_least={"auc": floor}).model_dump_json()
    execute(
        QualityGate,
        {"evaluation": evaluation, "model": model},
        {"blessing": blessing},
        config=config,
        code_fingerprint="code",
    )
    return blessing


def push(evaluated: tuple[Path, Artifact, Artifact], blessing: Artifact, folder: Path) -> list[Path]:
    destination = pusher_pb2.PushDestination(
        filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(folder / "pushed"))
    )
    pushed = make_artifact(folder / "record", standard_artifacts.PushedModel)
    inputs = {"model": evaluated[1], "model_blessing": blessing}
    execute(AtomicPusher, inputs, {"pushed_model": pushed}, push_destination=proto_utils.proto_to_json(destination))
    return sorted((folder / "pushed").glob("*/saved_model.pb"))


def test_a_blessed_model_is_pushed(evaluated: tuple[Path, Artifact, Artifact], tmp_path: Path) -> None:
    blessing = gate(evaluated, tmp_path, floor=0.1)
    assert {path.name for path in Path(blessing.uri).iterdir()} == {"gate.json", BLESSED_FILE_NAME}
    assert blessing.get_int_custom_property("blessed") == 1
    assert len(push(evaluated, blessing, tmp_path)) == 1


def test_a_refused_model_is_not_pushed(evaluated: tuple[Path, Artifact, Artifact], tmp_path: Path) -> None:
    blessing = gate(evaluated, tmp_path, floor=0.999)
    assert {path.name for path in Path(blessing.uri).iterdir()} == {"gate.json", NOT_BLESSED_FILE_NAME}
    assert blessing.get_int_custom_property("blessed") == 0
    assert "should be at least 0.999" in Verdict.read(blessing.uri).reasons[0]
    assert push(evaluated, blessing, tmp_path) == []
