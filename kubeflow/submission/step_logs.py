"""Finds the reason of a failed step in its log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from interestflow.kubeflow.submission.errors import SubmissionError
from interestflow.kubeflow.submission.pipelines_api import PipelinesApi

FAILED = "FAILED"
LAUNCHER_LINE = re.compile(r"[IWEF]\d{4} |time=|\d{4}[/-]\d\d[/-]\d\d[ T]")
"""Lines of the launcher and of Argo, which follow the step's own in the same log."""


def failure_reason(api: PipelinesApi, run_id: str, step: str, tasks: Sequence[Any]) -> str | None:
    """Return the last line that a failed step printed; None where the server has its log no more.

    Args:
        api: the API.
        run_id: id of the run.
        step: id of the step.
        tasks: all tasks of the run. A step is a group of tasks there, of which the last failed one is its pod.
    """
    for node in reversed(list(_failed_nodes(step, tasks))):
        try:
            log = api.read_log(run_id, node)
        except SubmissionError:
            continue
        lines = [line.strip() for line in log.splitlines() if line.strip() and not LAUNCHER_LINE.match(line.strip())]
        if lines:
            return lines[-1]
    return None


def _failed_nodes(step: str, tasks: Sequence[Any]) -> Iterator[str]:
    """Yield the nodes below a step that failed, parents first."""
    by_node = {task.pod_name: task for task in tasks if task.pod_name}
    pending = [task.pod_name for task in tasks if task.display_name == step and task.state == FAILED and task.pod_name]
    seen: set[str] = set()
    while pending:
        node = pending.pop(0)
        if node in seen or node not in by_node or by_node[node].state != FAILED:
            continue
        seen.add(node)
        yield node
        pending.extend(child.pod_name for child in by_node[node].child_tasks or () if child.pod_name)
