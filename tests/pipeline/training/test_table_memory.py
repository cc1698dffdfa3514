"""Tests of the overview of embedding tables and of the error that stops a training."""

from __future__ import annotations

import io

from rich.console import Console

from interestflow.models.table_sizes import TableSize
from interestflow.pipeline.training.table_memory import excess_memory, memory_table

# 10 million rows of 16 numbers of 4 bytes are 610.35 MB of 2^20 bytes; of one number 38.15 MB.
TABLES = (
    TableSize("item", 10_000_000, 16, 40_000_000),
    TableSize("user", 1_000_000, 16, 4_000_000),
    TableSize("device", 5, 16, 20),
)


def test_the_sentence_has_the_numbers() -> None:
    assert excess_memory(TABLES, "rowwise_adagrad", 713) == (
        "tables of the model and what rowwise_adagrad keeps beside them take 713 MB (item 648 MB, user 65 MB, "
        "device <0.1 MB), `training.max_embedding_memory_mb` is 713"
    )


def test_within_the_budget_there_is_nothing_to_say() -> None:
    # 713.35 MB
    assert excess_memory(TABLES, "rowwise_adagrad", 714) is None
    assert excess_memory(TABLES, "rowwise_adagrad", None) is None


def test_the_table_shows_rows_and_megabytes() -> None:
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(memory_table("model din", TABLES, "rowwise_adagrad"))
    lines = [line.replace("│", " ").split() for line in console.export_text().splitlines()]
    assert lines[0] == ["model", "din:", "embedding", "tables"]
    assert ["item", "10,000,000", "16", "610", "MB", "38", "MB", "648", "MB"] in lines
    assert ["user", "1,000,000", "16", "61", "MB", "3.8", "MB", "65", "MB"] in lines
    assert ["device", "5", "16", "<0.1", "MB", "<0.1", "MB", "<0.1", "MB"] in lines
    assert ["total", "671", "MB", "42", "MB", "713", "MB"] in lines
