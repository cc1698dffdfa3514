"""The state keeps what steps left, is replaced as a whole, and belongs to one process at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.executor_input import StepOutputs, StoredArtifact
from interestflow.kubeflow.backend.state import State


def test_outputs_are_found_again_by_a_later_process(tmp_path: Path) -> None:
    with State.opened(tmp_path / "new" / "state") as state:
        assert state.cached("toy/key") is None
        first = state.create_execution("Write", "run-1")
        outputs = state.publish(
            first, {"b": ("s3://b/b", {"n": 1.0}), "a": ("s3://b/a", {})}, {"count": 3.0}, "toy/key"
        )
        assert outputs == StepOutputs(
            {"a": StoredArtifact(1, "s3://b/a", {}), "b": StoredArtifact(2, "s3://b/b", {"n": 1.0})}, {"count": 3.0}
        )
    with State.opened(tmp_path / "new" / "state") as state:
        second = state.create_execution("Write", "run-2")
        assert (first, second, state.cached("toy/key")) == (1, 2, 1)
        assert state.serve(second, 1) == outputs == state.outputs(second)


def test_the_newest_of_two_executions_is_in_the_cache_and_an_uncached_one_is_not(tmp_path: Path) -> None:
    state = State(tmp_path)
    for key in ("toy/key", "toy/key", None):
        state.publish(state.create_execution("Write", "run"), {"a": ("s3://b/a", {})}, {}, key)
    assert state.cached("toy/key") == 2
    assert state.outputs(3).artifacts["a"].id == 3


def test_a_failed_execution_is_recorded_without_outputs(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.finish(state.create_execution("Write", "run"), "FAILED")
    assert '"state": "FAILED"' in (tmp_path / "state.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with State.opened(tmp_path), pytest.raises(RefusedError, match="is in use by another run"), State.opened(tmp_path):
        pass
    with State.opened(tmp_path):
        pass


@pytest.mark.parametrize(
    ("text", "message"), [("{", "cannot be read as the state of earlier runs"), ("[]", "is not a state of format 1")]
)
def test_another_file_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(RefusedError, match=message):
        State(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError, match="cannot be written: Not a directory"), State.opened(tmp_path / "file" / "x"):
        pass
