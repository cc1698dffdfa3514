"""What the terminal shows of a plan."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from interestflow.pipeline.plan.plan import Plan
from interestflow.pipeline.plan.terminal import amount, duration, formula_table, formula_text, render, round_count
from tests.pipeline.plan.formulas import round_formulas
from tests.pipeline.plan.test_plan import planned, shop
from tests.pipeline.small_config import BASE


def shown(plan: Plan) -> list[str]:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(render(plan, round_formulas()), soft_wrap=True)
    return [" ".join(line.split()) for line in console.export_text().splitlines()]


def test_steps_limits_and_assumptions_are_shown(tmp_path: Path) -> None:
    lines = shown(planned(shop(tmp_path), tmp_path))
    assert "behaviours of an example 15.0 of at most 20" in lines
    assert "Transform 19 s 19 s 680 MB 19 MB 19 MB 19 MB" in lines
    assert "Fitted on two cores at abcdef: command" in lines
    assert "fits: no limit is exceeded" in lines


def test_an_exceeded_limit_is_one_sentence(tmp_path: Path) -> None:
    text = BASE.replace("training:\n", "training:\n  max_embedding_memory_mb: 100\n")
    lines = shown(planned(shop(tmp_path, text), tmp_path))
    assert "does not fit: `training.max_embedding_memory_mb` should be at least 137 MB, it is 100 MB" in lines
    first = "the first limit is `training.max_embedding_memory_mb`"
    assert f"As the catalogue grows, {first}, at about 720,000 items." in lines
    # A smaller log would have the same tables.
    assert f"As the log grows, {first}, with any events at all." in lines


def test_formulas_are_shown() -> None:
    assert formula_text({"start": 12.0, "examples": 3.456, "table_mb": 0.21}) == "12 + 3.46 examples + 0.21 table_mb"
    assert formula_text({}) == "0"
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(formula_table(round_formulas()))
    text = console.export_text()
    assert "1 + 10 examples" in text
    assert "500 + 100 examples + 2 table_mb" in text


@pytest.mark.parametrize(("value", "text"), [(3.21, "3.2 MB"), (120.4, "120 MB"), (20_480, "20 GB")])
def test_amounts(value: float, text: str) -> None:
    assert amount(value, "MB") == text


@pytest.mark.parametrize(("seconds", "text"), [(5.4, "5 s"), (600, "10 min"), (9000, "2.5 h")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_counts_have_two_digits() -> None:
    assert (round_count(123_456_789), round_count(7.0)) == ("120,000,000", "7")
