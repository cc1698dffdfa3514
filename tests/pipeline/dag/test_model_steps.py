"""The steps of the model and of its baseline, with the fingerprints by which a result is used again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx.components import Trainer

from interestflow.pipeline.components.graph_trainer import GraphTrainer
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.model_steps import ModelSteps
from interestflow.pipeline.folders import Folders
from tests.pipeline.dag.small_configs import FINGERPRINTS, GRAPH_MATCHER, RANKER, data_steps, load_text


def model_steps(config: PipelineConfig, folder: Path) -> ModelSteps:
    return ModelSteps(config, Folders(str(folder / config.name)), FINGERPRINTS, data_steps(config))


def custom_config(trainer: Any) -> dict[str, Any]:
    return json.loads(trainer.exec_properties["custom_config"])  # type: ignore[no-any-return]


def test_the_candidate_is_trained_compared_judged_served_and_pushed(tmp_path: Path) -> None:
    config = load_text(tmp_path, RANKER)
    steps = model_steps(config, tmp_path).build_candidate()
    names = ["Trainer", "ChampionFinder", "Evaluator", "QualityGate", "ServingValidator", "Pusher"]
    assert [step.id for step in steps] == names
    trainer, champion, evaluator, _, _, pusher = steps
    assert type(trainer) is Trainer
    training = custom_config(trainer)
    fingerprint = FINGERPRINTS.model_digest(config.for_training())
    assert (training["role"], training["fingerprint"]) == ("model", fingerprint)
    assert training["backup_folder"] == f"{tmp_path}/shop/backups/model"
    # The candidate itself must not be its own champion.
    assert champion.exec_properties["exclude_fingerprint"] == fingerprint
    assert evaluator.inputs["champion"].producer_component_id == "ChampionFinder"
    assert {key: pusher.inputs[key].producer_component_id for key in ("model_blessing", "infra_blessing")} == {
        "model_blessing": "QualityGate", "infra_blessing": "ServingValidator",
    }  # fmt: skip
    assert f"{tmp_path}/shop/serving/shop" in pusher.exec_properties["push_destination"]


def test_the_baseline_is_trained_and_evaluated_alone(tmp_path: Path) -> None:
    config = load_text(tmp_path, RANKER)
    trainer, evaluator = model_steps(config, tmp_path).build_baseline()
    assert (trainer.id, evaluator.id) == ("BaselineTrainer", "BaselineEvaluator")
    training = custom_config(trainer)
    assert training["role"] == "baseline"
    assert json.loads(training["config"])["model"]["name"] == config.plain.name
    assert "champion" not in evaluator.inputs


def test_only_a_model_that_learns_from_the_graph_is_given_it(tmp_path: Path) -> None:
    steps = model_steps(load_text(tmp_path, GRAPH_MATCHER), tmp_path)
    trainer = steps.build_candidate()[0]
    assert type(trainer) is GraphTrainer
    assert trainer.inputs["knowledge_graph"].producer_component_id == "KnowledgeGraphGen"
    assert type(steps.build_baseline()[0]) is Trainer
