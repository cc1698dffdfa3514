"""What executed steps left: artifacts, executions and cache entries, in one file that is replaced as a whole."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.executor_input import StepOutputs, StoredArtifact

FORMAT = 1
_EMPTY: Mapping[str, Any] = {"format": FORMAT, "artifacts": {}, "executions": {}, "cache": {}}


class State:
    """Artifacts and executions of all runs of one pipeline, on disk.

    A change is written to a new file that then takes the old one's place, so a process that is killed at any moment
    loses at most the step that was running.

    Args:
        folder: folder of the state; `opened` makes it and locks it.
        lock: descriptor of the locked file. Steps inherit it, so the step of a killed run keeps the next run out.
    """

    def __init__(self, folder: Path, lock: int | None = None) -> None:
        """Read the state, or begin an empty one."""
        self.folder = folder
        self.lock = lock
        self._file = folder / "state.json"
        self._content: dict[str, Any] = json.loads(json.dumps(_EMPTY))
        if self._file.exists():
            self._content = self._read()

    @classmethod
    @contextmanager
    def opened(cls, folder: Path) -> Iterator[State]:
        """Yield the state of a folder, which no other process can open meanwhile.

        Raises:
            RefusedError: another process has it open, or it cannot be written or read.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / "lock").open("w")
        except OSError as error:
            raise RefusedError(f"the state folder {folder} cannot be written: {error.strerror}") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RefusedError(
                    f"the state folder {folder} is in use by another run, or by a step of one that was killed"
                ) from None
            yield cls(folder, lock.fileno())

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._file.read_text())
        except (OSError, ValueError) as error:
            raise RefusedError(f"{self._file} cannot be read as the state of earlier runs: {error}") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise RefusedError(f"{self._file} is not a state of format {FORMAT}; give another `--state`")
        return content

    def _write(self) -> None:
        partial = self._file.with_suffix(".partial")
        try:
            with partial.open("w") as file:
                json.dump(self._content, file, indent=1, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._file)
        except OSError as error:
            raise RefusedError(f"{self._file} cannot be written: {error.strerror}") from None

    def create_execution(self, task: str, run_id: str) -> int:
        """Record that a step starts, and return the id of its execution."""
        executions = self._content["executions"]
        number = len(executions) + 1
        executions[str(number)] = {"task": task, "run": run_id, "state": "RUNNING"}
        self._write()
        return number

    def finish(self, execution: int, state: str) -> None:
        """Record how an execution without outputs ended, e.g. `FAILED` or `SKIPPED`."""
        self._content["executions"][str(execution)]["state"] = state
        self._write()

    def publish(
        self, execution: int, artifacts: Mapping[str, tuple[str, Mapping[str, Any]]], parameters: Mapping[str, Any],
        cache_key: str | None,
    ) -> StepOutputs:  # fmt: skip
        """Record a finished execution, its outputs and, for a cached step, its cache entry, all at once.

        Args:
            execution: id of the execution.
            artifacts: URI and metadata by name of the output.
            parameters: values by name of the output.
            cache_key: key under which later runs find the outputs; None for a step that is not cached.

        Returns:
            The outputs, with the ids of their artifacts.
        """
        known = self._content["artifacts"]
        ids: dict[str, int] = {}
        for name, (uri, metadata) in sorted(artifacts.items()):
            ids[name] = len(known) + 1
            known[str(ids[name])] = {"uri": uri, "metadata": dict(metadata)}
        self._content["executions"][str(execution)] |= {
            "state": "COMPLETE", "artifacts": ids, "parameters": dict(parameters),
        }  # fmt: skip
        if cache_key is not None:
            self._content["cache"][cache_key] = execution
        self._write()
        return self.outputs(execution)

    def serve(self, execution: int, earlier: int) -> StepOutputs:
        """Record that an execution was served by an earlier one, and return the earlier one's outputs.

        The artifacts are the same, with their ids and URIs.
        """
        entry = self._content["executions"][str(earlier)]
        self._content["executions"][str(execution)] |= {
            "state": "CACHED", "artifacts": entry["artifacts"], "parameters": entry["parameters"],
        }  # fmt: skip
        self._write()
        return self.outputs(execution)

    def cached(self, cache_key: str) -> int | None:
        """Return the newest execution under a cache key, or None."""
        execution: int | None = self._content["cache"].get(cache_key)
        return execution

    def outputs(self, execution: int) -> StepOutputs:
        """Return the outputs of a finished execution."""
        entry = self._content["executions"][str(execution)]
        known = self._content["artifacts"]
        artifacts = {
            name: StoredArtifact(number, known[str(number)]["uri"], known[str(number)]["metadata"])
            for name, number in entry["artifacts"].items()
        }
        return StepOutputs(artifacts, entry["parameters"])
