"""A run of a compiled specification: every step in order, from the cache where the backend would serve it."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from interestflow.kubeflow.backend.cache_key import cache_fingerprint
from interestflow.kubeflow.backend.conditions import compile_condition, is_triggered
from interestflow.kubeflow.backend.engine import Engine
from interestflow.kubeflow.backend.errors import RefusedError, StepError
from interestflow.kubeflow.backend.executor_input import RunContext, StepOutputs, provision_outputs, resolve_inputs
from interestflow.kubeflow.backend.graph import check_wiring, execution_order
from interestflow.kubeflow.backend.launcher import Launcher, LauncherOutputs
from interestflow.kubeflow.backend.object_store import ObjectStore
from interestflow.kubeflow.backend.specification import Specification, Task
from interestflow.kubeflow.backend.state import State

Outcome = Literal["running", "done", "cached", "skipped", "omitted", "retried", "failed"]
LARGEST_BACKOFF = 3600.0


@dataclass(frozen=True)
class StepEvent:
    """What became of a step, or of one attempt that is retried.

    Attributes:
        task: name of the step.
        outcome: `running` when it starts; `skipped` by its own condition; `omitted` because a step that it depends on
            did not run.
        seconds: time that it took.
        reason: why, where it was not simply done.
        log: file with its output, if it has failed.
    """

    task: str
    outcome: Outcome
    seconds: float = 0.0
    reason: str = ""
    log: Path | None = None


@dataclass(frozen=True)
class Plan:
    """A run that can start: everything that can be refused before the first step has been accepted.

    Attributes:
        specification: the compiled pipeline.
        parameters: values of the run's parameters.
        root: root of the run.
        tasks: the steps in their order.
        notes: what the specification asks for and one machine cannot give, a line each.
    """

    specification: Specification
    parameters: Mapping[str, Any]
    root: str
    tasks: list[Task]
    notes: list[str] = field(default_factory=list)


def plan_run(specification: Specification, parameters: Mapping[str, Any], root: str, engine: Engine) -> Plan:
    """Check a specification, its secrets and the engine, and return what will be run.

    Args:
        specification: the compiled pipeline.
        parameters: values of the run's parameters.
        root: validated root of the run.
        engine: what executes the commands.

    Raises:
        RefusedError: something is wrong or missing.
    """
    check_wiring(specification)
    tasks = execution_order(specification)
    for task in tasks:
        if task.spec.trigger_policy.condition:
            compile_condition(task.name, task.spec.trigger_policy.condition)
        for secret in task.placement.secrets:
            if secret.name not in os.environ and not secret.is_optional:
                raise RefusedError(
                    f"task `{task.name}` takes {secret.name} from secret `{secret.secret}`: set the variable "
                    f"{secret.name} of this process"
                )
    engine.check(specification)
    return Plan(specification, parameters, root, tasks, _notes(tasks))


def _notes(tasks: list[Task]) -> list[str]:
    fields: dict[str, list[str]] = {}
    for task in tasks:
        for name in task.placement.not_applied:
            fields.setdefault(f"`{name}`", []).append(task.name)
        if task.resources.extended:
            fields.setdefault(task.resources.extended, []).append(task.name)
    return [
        f"not applied on this machine: {name} of {'all steps' if len(names) == len(tasks) else ', '.join(names)}"
        for name, names in fields.items()
    ]


class Run:
    """Executes a plan.

    Args:
        plan: what to run.
        store: where artifacts are kept.
        engine: what executes the commands.
        state: what earlier runs left.
        announce: called with each event as it happens.
    """

    def __init__(
        self, plan: Plan, store: ObjectStore, engine: Engine, state: State, announce: Callable[[StepEvent], None]
    ) -> None:
        """Give the run a new id."""
        self._plan = plan
        self._state = state
        self._announce = announce
        self._context = RunContext(plan.specification.name, str(uuid.uuid4()), plan.root, plan.parameters)
        self._launcher = Launcher(
            store, engine, plan.root, state.folder / "steps", state.folder / "logs" / self._context.run_id, state.lock
        )

    def execute(self) -> dict[str, StepEvent]:
        """Run every step and return the last event of each, in order; a step that fails is the last one."""
        # Only the holder of the state's lock is here: what is left is of a process that was killed.
        shutil.rmtree(self._launcher.folder, ignore_errors=True)
        finished: dict[str, StepOutputs] = {}
        events: dict[str, StepEvent] = {}
        for task in self._plan.tasks:
            start = time.monotonic()
            missing = [name for name in task.spec.dependent_tasks if name not in finished]
            if missing:
                event = StepEvent(task.name, "omitted", reason=f"{', '.join(missing)} did not run")
            else:
                self._announce(StepEvent(task.name, "running"))
                event = self._run_step(task, finished, start)
            events[task.name] = event
            self._announce(event)
            if event.outcome == "failed":
                break
        return events

    def _run_step(self, task: Task, finished: dict[str, StepOutputs], start: float) -> StepEvent:
        execution = self._state.create_execution(task.name, self._context.run_id)
        outcome: Outcome = "done"
        try:
            inputs = resolve_inputs(task, self._context, finished)
            condition = task.spec.trigger_policy.condition
            if not is_triggered(task.name, condition, inputs):
                self._state.finish(execution, "SKIPPED")
                return StepEvent(task.name, "skipped", time.monotonic() - start, f"its condition is false: {condition}")
            task_root = self._context.task_root(task.name, str(uuid.uuid4()))
            key = self._cache_key(task, {"inputs": inputs, "outputs": provision_outputs(task, task_root)})
            earlier = self._state.cached(key) if key else None
            if earlier is not None:
                outcome = "cached"
                finished[task.name] = self._state.serve(execution, earlier)
            else:
                outputs = self._attempt(task, inputs, task_root, execution)
                finished[task.name] = self._state.publish(execution, outputs.artifacts, outputs.parameters, key)
        except (RefusedError, StepError) as error:
            self._state.finish(execution, "FAILED")
            log = error.log if isinstance(error, StepError) else None
            return StepEvent(task.name, "failed", time.monotonic() - start, str(error), log)
        return StepEvent(task.name, outcome, time.monotonic() - start)

    def _cache_key(self, task: Task, executor_input: Mapping[str, Any]) -> str | None:
        if not task.spec.caching_options.enable_cache:
            return None
        return f"{self._context.pipeline}/{cache_fingerprint(task, executor_input)}"

    def _attempt(self, task: Task, inputs: Mapping[str, Any], task_root: str, execution: int) -> LauncherOutputs:
        """Run attempts until one succeeds: the same execution and URIs, each in a fresh private folder."""
        retries = task.spec.retry_policy.max_retry_count if task.spec.HasField("retry_policy") else None
        number = 0
        while True:
            start = time.monotonic()
            index = None if retries is None else number
            outputs = provision_outputs(task, task_root, index)
            name = f"{execution}-{task.name}" + ("" if index is None else f"-{index}")
            try:
                return self._launcher.launch(task, {"inputs": inputs, "outputs": outputs}, name)
            except StepError as error:
                if number >= (retries or 0):
                    raise
                self._announce(StepEvent(task.name, "retried", time.monotonic() - start, str(error), error.log))
            time.sleep(_backoff(task.spec.retry_policy, number))
            number += 1


def _backoff(policy: Any, number: int) -> float:
    seconds = policy.backoff_duration.ToTimedelta().total_seconds() * (policy.backoff_factor or 1.0) ** number
    largest = policy.backoff_max_duration.ToTimedelta().total_seconds() or LARGEST_BACKOFF
    return float(min(seconds, largest))
