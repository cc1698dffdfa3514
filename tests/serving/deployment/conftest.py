"""Model folders that tests of this folder check, as they are or after breaking them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.serving.deployment.model_folders import write_ranker


@pytest.fixture(scope="session")
def written_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the complete versions 3 and 4, which nobody changes."""
    base = tmp_path_factory.mktemp("models") / "shop"
    for version in (3, 4):
        write_ranker(base, version)
    return base


@pytest.fixture
def models(written_versions: Path, tmp_path: Path) -> Path:
    """Return a copy of `written_versions`, for one test to change."""
    return Path(shutil.copytree(written_versions, tmp_path / "models" / "shop"))
