"""The steps of the model and of its baseline, with the fingerprints by which a result is used again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfx.types.channel_utils import get_dependent_channels

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.model_steps import ModelSteps
from interestflow.pipeline.folders import Folders
from tests.pipeline.dag.small_configs import FINGERPRINTS, GRAPH_MATCHER, PARAMETERS, RANKER, data_steps, load_text


def model_steps(config: PipelineConfig, folder: Path) -> ModelSteps:
    return ModelSteps(config, Folders(str(folder / config.name)), FINGERPRINTS, PARAMETERS, data_steps(config))


def custom_config(trainer: Any) -> dict[str, Any]:
    return json.loads(trainer.exec_properties["custom_config"])  # type: ignore[no-any-return]


def source(value: Any) -> tuple[str, str]:
    """Return the step and the output that a value comes from."""
    (channel,) = get_dependent_channels(value)
    return channel.producer_component_id, channel.output_key


def test_the_candidate_is_trained_compared_judged_served_and_pushed(tmp_path: Path) -> None:
    config = load_text(tmp_path, RANKER)
    steps = model_steps(config, tmp_path).build_candidate()
    names = ["Trainer", "ChampionFinder", "Evaluator", "QualityGate", "ServingValidator", "Pusher"]
    assert [step.id for step in steps] == names
    trainer, champion, evaluator, gate, _, pusher = steps
    training = custom_config(trainer)
    assert (training["role"], training["code_fingerprint"]) == ("model", "training")
    assert trainer.exec_properties["learning_rate"] == 0.1
    assert source(trainer.exec_properties["input_fingerprint"]) == ("InputFinder", "fingerprint")
    assert training["backup_folder"] == f"{tmp_path}/shop/backups/model"
    assert training["keep_backup"] is False
    # The candidate itself must not be its own champion.
    assert champion.inputs["model"].producer_component_id == "Trainer"
    assert champion.exec_properties == {"serving_folder": f"{tmp_path}/shop/serving/shop", "state": "pushed"}
    assert source(evaluator.exec_properties["champion"]) == ("ChampionFinder", "champion")
    assert gate.exec_properties["gate"] == "{}"
    assert {key: pusher.inputs[key].producer_component_id for key in ("model_blessing", "infra_blessing")} == {
        "model_blessing": "QualityGate", "infra_blessing": "ServingValidator",
    }  # fmt: skip
    assert f"{tmp_path}/shop/serving/shop" in pusher.exec_properties["push_destination"]


def test_the_pusher_is_given_where_a_refusal_fails_the_run(tmp_path: Path) -> None:
    config = load_text(tmp_path, RANKER)
    folders = Folders(str(tmp_path / config.name))
    custom_configs = []
    for fails in (False, True):
        parameters = replace(PARAMETERS, fails_on_refusal=fails)
        pusher = ModelSteps(config, folders, FINGERPRINTS, parameters, data_steps(config)).build_candidate()[-1]
        custom_configs.append(json.loads(pusher.exec_properties["custom_config"]))
    assert custom_configs == [None, {"on_refusal": "fail"}]


def test_the_baseline_is_trained_and_evaluated_alone(tmp_path: Path) -> None:
    config = load_text(tmp_path, RANKER)
    trainer, evaluator = model_steps(config, tmp_path).build_baseline()
    assert (trainer.id, evaluator.id) == ("BaselineTrainer", "BaselineEvaluator")
    training = custom_config(trainer)
    assert training["role"] == "baseline"
    assert json.loads(training["config"])["model"]["name"] == config.plain.name
    assert trainer.exec_properties["learning_rate"] == 0.2
    assert evaluator.exec_properties.get("champion", "") == ""


def test_only_a_model_that_learns_from_the_graph_is_given_it(tmp_path: Path) -> None:
    steps = model_steps(load_text(tmp_path, GRAPH_MATCHER), tmp_path)
    trainer = steps.build_candidate()[0]
    assert trainer.inputs["knowledge_graph"].producer_component_id == "KnowledgeGraphGen"
    assert "knowledge_graph" not in steps.build_baseline()[0].inputs
