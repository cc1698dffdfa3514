"""Changes of `models.config` are followed if the option is set."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from interestflow.serving.server.configuration import read_models
from tests.serving.server import small_models
from tests.serving.server.checks import eventually
from tests.serving.server.small_models import Server, options

ENTRY = 'model_config_list {{ config {{ name: "{}" base_path: "{}" model_platform: "tensorflow" }} }}\n'


def test_a_changed_file_is_served(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    small_models.write_scaled(tmp_path / "scaled", 1)
    path = tmp_path / "models.config"
    path.write_text(ENTRY.format("scaled", tmp_path / "scaled"))
    followed = options(tmp_path, models=read_models(path), models_path=str(path), models_poll_seconds=0.02)
    caplog.set_level(logging.INFO, logger="interestflow.serving")
    with Server(followed) as server:
        assert server.manager.available() == {"scaled": [1]}
        path.write_text("model_config_list { confg {} }\n")
        assert eventually(lambda: "is not followed" in caplog.text)
        assert server.manager.available() == {"scaled": [1]}
        path.write_text(ENTRY.format("twin", tmp_path / "nowhere"))
        assert eventually(lambda: "the new model twin should have a version in" in caplog.text)
        assert server.manager.available() == {"scaled": [1]}
        small_models.write_scaled(tmp_path / "nowhere", 5)  # the configured folder has a version now
        assert eventually(lambda: server.manager.available() == {"twin": [5]})


def test_without_asking_the_file_is_read_once(tmp_path: Path) -> None:
    small_models.write_scaled(tmp_path / "scaled", 1)
    path = tmp_path / "models.config"
    path.write_text(ENTRY.format("scaled", tmp_path / "scaled"))
    with Server(options(tmp_path, models=read_models(path), models_path=str(path))) as server:
        assert server.models_file is None
