"""Questions are read from a file, and their answers are shown as tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from interestflow.pipeline.cli.question import QueryAnswer, ask, read_question
from interestflow.serving.client import Client, ClientError
from tests.serving.client.described_models import NAME, DescribedMatcher, serve

USER = {"device": "tv", "hour": 3.0, "history_item": ["i1", "i2"], "history_age": [20, 10]}
CANDIDATES = [{"item": f"c{index}", "price": index} for index in (3, 1, 2, 1)]


def lines(answer: QueryAnswer) -> list[list[str]]:
    """Return the cells of each row, the heading first."""
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(answer.table)
    text = console.export_text().replace("┃", "│")
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in text.splitlines() if "│" in line]


def test_candidates_are_shown_the_best_first(ranker: str) -> None:
    with Client(ranker, NAME, timeout=60.0) as client:
        answer = ask(client, {"user": USER, "candidates": CANDIDATES}, 3)
        ranking = client.rank(USER, CANDIDATES)
    heading, *rows = lines(answer)
    assert heading == ["candidate", "click", "columns", "rows", "sized", "steps", "tags"]
    assert answer.table.title == "described, version 1"
    assert [(row[0], row[1]) for row in rows] == [(item, f"{score:.6f}") for item, score in ranking.best(3)]
    assert answer.missing == ()


def test_a_candidate_that_is_there_twice_is_shown_with_each_of_its_scores(ranker: str) -> None:
    candidates = [{"item": "a", "price": 1.0}, {"item": "a", "price": 2.0}]
    with Client(ranker, NAME, timeout=60.0) as client:
        rows = lines(ask(client, {"user": USER, "candidates": candidates}, 10))[1:]
    assert len({row[1] for row in rows}) == 2


def test_rows_are_shown_in_their_order(ranker: str) -> None:
    with Client(ranker, NAME, timeout=60.0) as client:
        answer = ask(client, [{"item": "a"}, {}], 1)
        scores = client.score([{"item": "a"}, {}])
    assert [row[:2] for row in lines(answer)[1:]] == [
        ["1", f"{scores.by_task['click'][0]:.6f}"], ["2", "0.000000"],
    ]  # fmt: skip
    assert answer.missing == ("hour", "device", "item", "price")


def test_items_are_retrieved(tmp_path: Path) -> None:
    DescribedMatcher().write(tmp_path)
    with serve(tmp_path) as address, Client(address, NAME, timeout=60.0) as client:
        answer = ask(client, {"user": {"history_item": ["i1"]}}, 3)
    assert lines(answer) == [["item", "score"], ["i0", "40.0000"], ["i2", "38.0000"], ["i3", "37.0000"]]
    assert answer.missing == ("device",)


@pytest.mark.parametrize("question", [{"rows": []}, {"user": 3}, "text", [1], {"user": {}, "candidates": "i1"}, None])
def test_a_file_without_a_question_is_named(tmp_path: Path, question: Any) -> None:
    path = tmp_path / "question.json"
    path.write_text(json.dumps(question))
    with pytest.raises(ClientError, match=f"{path} should hold a list of rows, or an object with `user` and, to rank"):
        read_question(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"no.json cannot be read: No such file or directory"):
        read_question(tmp_path / "no.json")
    (tmp_path / "text").write_text("{")
    with pytest.raises(ClientError, match="text is not JSON: "):
        read_question(tmp_path / "text")
    (tmp_path / "text").write_bytes(b"\xff")
    with pytest.raises(ClientError, match="text is not JSON: "):
        read_question(tmp_path / "text")
