"""The entry point of TFX's Trainer: what it hands to training and to export; training itself is replaced."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from interestflow.models.matchers.base import Matcher
from interestflow.models.rankers.base import Ranker
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.folders import TRAINING_SUMMARY
from interestflow.pipeline.run_parameters import with_learning_rate
from interestflow.pipeline.training import run_fn as module
from interestflow.pipeline.training.fingerprint import model_fingerprint
from interestflow.pipeline.training.loop import TrainingResult
from interestflow.pipeline.training.matcher import MatcherTraining
from interestflow.pipeline.training.run_fn import cache_limit_mb, run_fn
from tests.pipeline.support import exported_matchers, exported_rankers, training_examples
from tests.pipeline.training.test_item_catalogue import write_items

SUMMARY = {"epochs": 2, "best_epoch": 1, "validation": {"auc": 0.7}, "examples": 40, "seconds": 1.5, "history": []}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the arguments of training and export, which are replaced."""
    calls: dict[str, Any] = {}

    def train(config: Any, build: Callable[[], Any], training: Any, validation: Any, **options: Any) -> TrainingResult:
        model = build()
        calls["train"] = options | {"config": config, "training": training, "validation": validation}
        if "wrap" in options:
            calls["wrapped"] = options["wrap"](model)
        return TrainingResult(model, dict(SUMMARY))

    def export(model: Any, *arguments: Any, consume: bool) -> None:
        calls["export"] = (model, *arguments)
        assert consume

    monkeypatch.setattr(module, "train", train)
    monkeypatch.setattr(module, "export_ranker", export)
    monkeypatch.setattr(module, "export_matcher", export)
    monkeypatch.setattr(module.IndexedItems, "encode", staticmethod(lambda model, ids, tensors: ids))
    monkeypatch.setattr(module, "describe_inputs", lambda config, transform_output: training_examples.INPUTS)
    monkeypatch.setattr(module.tft, "TFTransformOutput", lambda folder: folder)
    return calls


def arguments(config: PipelineConfig, folder: Path, backup: Path | None) -> SimpleNamespace:
    patterns = {
        split: training_examples.write(training_examples.make_rows(40, seed), folder / f"Split-{split}")
        for seed, split in enumerate(("train", "validation"))
    }
    write_items(folder / "Split-items", [("apple", 1), ("pear", 2)])
    return SimpleNamespace(
        train_files=[patterns["train"]],
        eval_files=[patterns["validation"]],
        transform_output="transform",
        serving_model_dir=str(folder / "model"),
        model_run_dir=str(folder / "logs"),
        custom_config={
            "config": config.model_dump_json(by_alias=True),
            "role": "baseline",
            "learning_rate": 0.125,
            "input_fingerprint": "inputs",
            "code_fingerprint": "code",
            "backup_folder": None if backup is None else str(backup),
        },
    )


def test_a_ranker_is_trained_exported_and_summarised(calls: dict[str, Any], tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    run_fn(arguments(exported_rankers.config(), tmp_path, backup))
    options = calls["train"]
    # The learning rate of the run replaces the configured one, and counts in the fingerprint.
    config = with_learning_rate(exported_rankers.config(), 0.125)
    fingerprint = model_fingerprint(config, "inputs", "code")
    assert fingerprint != model_fingerprint(exported_rankers.config(), "inputs", "code")
    assert (options["name"], options["key"]) == ("baseline pooled", fingerprint)
    assert options["config"].optimizer.learning_rate == 0.125
    assert (options["backup_folder"], options["log_folder"]) == (str(backup), str(tmp_path / "logs"))
    assert (options["training"].count, options["validation"].count) == (40, 40)
    model, transform_output, _, inputs, folder, provenance, description = calls["export"]
    assert isinstance(model, Ranker)
    assert (transform_output, inputs, folder) == ("transform", training_examples.INPUTS, str(tmp_path / "model"))
    assert provenance["training"] == {name: value for name, value in SUMMARY.items() if name != "history"}
    assert provenance["fingerprint"] == fingerprint
    assert provenance["model"]["name"] == "pooled"
    assert {"item", "category"} <= set(description.always_given)
    summary = json.loads((tmp_path / "logs" / TRAINING_SUMMARY).read_text())
    assert summary["role"] == "baseline"
    assert summary["epochs"] == 2
    assert summary["out_of_vocabulary"] == {}
    assert not backup.exists()  # the result is safe now
    backup.mkdir()
    kept = arguments(exported_rankers.config(), tmp_path / "again", backup)
    kept.custom_config["keep_backup"] = True
    run_fn(kept)
    assert backup.exists()


def test_a_matcher_is_trained_on_positives_and_exported_with_its_items(calls: dict[str, Any], tmp_path: Path) -> None:
    run_fn(arguments(exported_matchers.config(), tmp_path, None))
    clicks = int(training_examples.make_rows(40, 0)["label_click"].sum())
    assert calls["train"]["training"].count == clicks
    assert isinstance(calls["wrapped"], MatcherTraining)
    model, _, _, _, items, folder, _, _ = calls["export"]
    assert isinstance(model, Matcher)
    assert (items.tolist(), folder) == ([b"apple", b"pear"], str(tmp_path / "model"))
    summary = json.loads((tmp_path / "logs" / TRAINING_SUMMARY).read_text())
    assert (summary["task"], summary["items"], summary["left_out"]) == ("click", 2, 40 - clicks)


def test_a_split_is_cached_in_a_quarter_of_the_memory_at_most() -> None:
    assert cache_limit_mb(exported_rankers.config(memory="2GiB")) == 512
    assert cache_limit_mb(exported_rankers.config(memory="2GiB", training={"cache_limit_mb": 100})) == 100
    assert cache_limit_mb(exported_rankers.config(memory="64GiB")) == 2048
