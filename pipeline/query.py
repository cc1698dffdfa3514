"""What `interestflow query` shows: a question from a file, put to a server, and its answer as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from serving.client import Client, ClientError, ClientTLS


def ask(
    address: str,
    model: str,
    question: Path,
    count: int,
    version: int | None,
    label: str | None,
    timeout: float,
    tls: ClientTLS | None,
) -> Table:
    """Puts the question in the file to the server.

    Args:
        address: `host:port`.
        model: its name.
        question: JSON. A list of rows is scored; `{"user": {...}, "candidates": [...]}` is ranked; `{"user": {...}}`
            alone is retrieved for.
        count: of the best to show, and to retrieve.
        version, label: of the model.
        timeout: seconds.
        tls: None for plain text.

    Raises:
        ClientError: for a file that holds no question, and for whatever the server refuses.
    """
    asked = _read(question)
    with Client(address, model, version=version, label=label, timeout=timeout, tls=tls) as client:
        if isinstance(asked, list):
            scores = client.score(asked)
            table = _table(f"{model}, version {scores.version}", "row", list(scores.by_task))
            for number, row in enumerate(zip(*scores.by_task.values(), strict=True), 1):
                table.add_row(str(number), *(f"{value:.6f}" for value in row))
        elif "candidates" in asked:
            ranking = client.rank(asked["user"], asked["candidates"])
            table = _table(f"{model}, version {ranking.version}", "candidate", list(ranking.by_task))
            places = {candidate: place for place, candidate in enumerate(ranking.candidates)}
            for candidate, _ in ranking.best(count):
                values = (task[places[candidate]] for task in ranking.by_task.values())
                table.add_row(escape(candidate), *(f"{value:.6f}" for value in values))
        else:
            found = client.retrieve(asked["user"], count)
            table = _table(f"{model}, version {found.version}", "item", ["score"])
            for item, score in zip(found.items, found.scores, strict=True):
                table.add_row(escape(item), f"{score:.4f}")
    return table


def _read(path: Path) -> Any:
    try:
        asked = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ClientError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ClientError(f"{path} is not JSON: {error}") from None
    is_rows = isinstance(asked, list) and all(isinstance(row, dict) for row in asked)
    is_user = isinstance(asked, dict) and isinstance(asked.get("user"), dict)
    if is_user and "candidates" in asked:
        is_user = isinstance(asked["candidates"], list)
    if not is_rows and not is_user:
        raise ClientError(f"{path} should hold a list of rows, or an object with `user` and, to rank, `candidates`")
    return asked


def _table(title: str, first: str, others: list[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table
