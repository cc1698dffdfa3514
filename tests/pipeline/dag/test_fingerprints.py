"""A fingerprint changes exactly when its inputs change."""

import logging
from pathlib import Path

import pytest

from interestflow.pipeline.config import load
from interestflow.pipeline.dag.fingerprints import UNSEEN, Fingerprints, input_state
from interestflow.transforms.reading.input_files import find_input_files, input_digest

CONFIG = """
name: tiny
data:
  events: {path: "events-*.csv", format: csv, user: u, item: i, timestamp: t}
tasks:
  - {name: click, label: {column: click}}
model: {name: din}
"""


def make(folder: Path) -> Path:
    (folder / "events-1.csv").write_text("u,i,t,click\n1,2,3,1\n")
    path = folder / "tiny.yaml"
    path.write_text(CONFIG)
    return path


def test_the_state_is_that_of_the_files(tmp_path: Path) -> None:
    config = load(make(tmp_path))
    before = input_state(config)
    assert input_state(config) == before == input_digest(find_input_files(config))
    (tmp_path / "events-2.csv").write_text("u,i,t,click\n1,2,4,0\n")
    assert input_state(config) not in (before, UNSEEN)


def test_files_that_are_not_there_are_unseen_and_named_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = make(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert input_state(load(path, str(tmp_path / "elsewhere"))) == UNSEEN
    assert f"no file matches {tmp_path}/elsewhere/events-*.csv" in caplog.text


def test_a_file_system_that_cannot_be_asked_is_unseen_and_its_reason_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = make(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert input_state(load(path, "nosuchscheme://bucket/logs")) == UNSEEN
    assert "cannot be listed: Unable to get filesystem from specified path" in caplog.text


def test_code_of_transforms_counts_in_training_but_not_in_evaluation() -> None:
    fingerprints = Fingerprints.of_code()
    assert len({fingerprints.ingestion_code, fingerprints.training_code, fingerprints.evaluation_code}) == 3


def test_evaluation_does_not_change_what_training_depends_on(tmp_path: Path) -> None:
    path = make(tmp_path)
    before = load(path)
    path.write_text(CONFIG + "evaluation: {gate: {at_least: {auc: 0.7}}}\nkubeflow: {trainer_gpus: 2}\n")
    after = load(path)
    assert after != before
    assert after.for_training() == before.for_training()
    assert after.for_baseline() == before.for_baseline()


def test_the_model_does_not_change_what_evaluation_and_baseline_depend_on(tmp_path: Path) -> None:
    path = make(tmp_path)
    before = load(path)
    path.write_text(CONFIG.replace("{name: din}", "{name: din, embedding_dimension: 8}"))
    after = load(path)
    assert after.for_training() != before.for_training()
    assert after.for_baseline() == before.for_baseline()
    assert after.for_evaluation() == before.for_evaluation()


def test_a_seed_changes_the_model_and_the_baseline_but_not_the_examples(tmp_path: Path) -> None:
    before = load(make(tmp_path))
    after = before.with_seed(5)
    assert after.training.seed == 5
    assert after.for_baseline().training.seed == 5
    assert after.ingestion() == before.ingestion()
