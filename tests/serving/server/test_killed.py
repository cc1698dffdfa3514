"""A server that is killed and restarted recovers, since it keeps no state of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.serving.server import small_models
from tests.serving.server.serve_process import ServeProcess
from tests.serving.server.small_models import Stubs

pytestmark = pytest.mark.end_to_end


def test_killed_while_it_loads_and_while_a_version_is_written(tmp_path: Path) -> None:
    base = tmp_path / "scaled"
    small_models.write_scaled(base, 1)
    small_models.write_scaled(tmp_path, 2)
    with ServeProcess(base, "--no-rest") as first:
        first.wait_for("scaled: version")
        with Stubs(first.port()) as stubs:
            assert stubs.scaled([1.0]) == [1.0]
        shutil.copytree(tmp_path / "2", base / "2")  # it begins to load this one, and is killed at once
        first.kill()
    (base / "3").mkdir()  # and whoever wrote version 3 was killed too
    (base / "3" / "saved_model.pb").write_bytes((base / "2" / "saved_model.pb").read_bytes()[:100])
    with ServeProcess(base, "--no-rest") as second:
        second.wait_for("scaled: version")
        with Stubs(second.port()) as stubs:
            assert stubs.scaled([1.0]) == [2.0]
            assert "version 3 of scaled is not served: Can't parse" in second.wait_for("is not served")
        assert second.terminate(60) == 0
        assert second.wait_for("stopping")
