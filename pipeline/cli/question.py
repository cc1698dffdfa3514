"""Questions that `interestflow query` reads from a file, and the tables in which it shows the answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from interestflow.serving.client import Client, ClientError


@dataclass(frozen=True)
class QueryAnswer:
    """Answer to a question.

    Attributes:
        table: table to print.
        missing: features that every training example had and that the question lacks.
    """

    table: Table
    missing: tuple[str, ...]


def read_question(path: Path) -> Any:
    """Read a question from a file.

    Args:
        path: JSON. A list of rows is scored; `{"user": {...}, "candidates": [...]}` is ranked; for `{"user": {...}}`
            alone, items are retrieved.

    Raises:
        ClientError: if the file does not hold a question.
    """
    try:
        question = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ClientError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ClientError(f"{path} is not JSON: {error}") from None
    is_rows = isinstance(question, list) and all(isinstance(row, dict) for row in question)
    is_user = isinstance(question, dict) and isinstance(question.get("user"), dict)
    if is_user and "candidates" in question:
        is_user = isinstance(question["candidates"], list)
    if not is_rows and not is_user:
        raise ClientError(f"{path} should hold a list of rows, or an object with `user` and, to rank, `candidates`")
    return question


def ask(client: Client, question: Any, count: int) -> QueryAnswer:
    """Send a question to a server and return its answer as a table.

    Args:
        client: client of the model.
        question: content of a file, see `read_question`.
        count: number of candidates to show, best first, or of items to retrieve.

    Raises:
        ClientError: if the client or the server rejects the question.
    """
    if isinstance(question, list):
        scores = client.score(question)
        names = [str(position) for position in range(1, len(question) + 1)]
        table = _tasks_table(f"{client.model}, version {scores.version}", "row", names, scores.by_task)
        return QueryAnswer(table, scores.missing)
    if "candidates" in question:
        ranking = client.rank(question["user"], question["candidates"])
        order = np.argsort(-next(iter(ranking.by_task.values())), kind="stable")[:count]
        names = [escape(ranking.candidates[position]) for position in order]
        by_task = {task: scores[order] for task, scores in ranking.by_task.items()}
        table = _tasks_table(f"{client.model}, version {ranking.version}", "candidate", names, by_task)
        return QueryAnswer(table, ranking.missing)
    retrieved = client.retrieve(question["user"], count)
    table = _table(f"{client.model}, version {retrieved.version}", "item", ["score"])
    for item, score in zip(retrieved.items, retrieved.scores, strict=True):
        table.add_row(escape(item), f"{score:.4f}")
    return QueryAnswer(table, retrieved.missing)


def _tasks_table(title: str, first: str, names: Sequence[str], by_task: Mapping[str, np.ndarray]) -> Table:
    table = _table(title, first, list(by_task))
    for name, *scores in zip(names, *by_task.values(), strict=True):
        table.add_row(name, *(f"{score:.6f}" for score in scores))
    return table


def _table(title: str, first_heading: str, headings: list[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(first_heading)
    for name in headings:
        table.add_column(name, justify="right")
    return table
