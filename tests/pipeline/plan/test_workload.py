"""Terms of the formulas, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interestflow.pipeline.plan.workload import Workload, mean_history

WORKLOAD = Workload(
    events=10e6,
    examples={"train": 8e6, "validation": 1e6, "test": 1e6},
    items=2e6,
    users=5e4,
    history=40.0,
    max_length=50,
    history_attributes=1,
    target_attributes=3,
    epochs=4,
    table_mb=100.0,
)


def test_a_step_counts_the_examples_that_it_reads() -> None:
    counts = {step: WORKLOAD.terms(step)["examples"] for step in ("StatisticsGen", "Transform", "Trainer", "Evaluator")}
    # In millions; a training reads its split in each of four epochs.
    assert counts == {"StatisticsGen": 10.0, "Transform": 9.0, "Trainer": 32.0, "Evaluator": 1.0}


def test_terms_of_a_step() -> None:
    assert WORKLOAD.terms("Transform") == {
        "start": 1.0, "examples": 9.0, "history": 9 * 40 * 3, "attributes": 27.0, "padded": 9 * 50 * 3, "items": 2.0,
        "cached_mb": 0.0, "table_mb": 100.0,
    }  # fmt: skip


def test_a_training_split_is_in_memory_up_to_the_limit() -> None:
    # Eight million examples of 40 behaviours of three values, and five values more, of four bytes each.
    size = 8e6 * (40 * 3 + 5) * 4 / 2**20
    assert replace(WORKLOAD, cache_limit_mb=4000.0).terms("Trainer")["cached_mb"] == pytest.approx(size)
    assert replace(WORKLOAD, cache_limit_mb=3000.0).terms("Trainer")["cached_mb"] == 0.0


def test_a_longer_log_has_more_users_and_the_same_items() -> None:
    longer = WORKLOAD.with_log_times(3.0)
    assert (longer.events, longer.users, longer.items, longer.history) == (30e6, 1.5e5, 2e6, 40.0)
    assert longer.examples == {"train": 24e6, "validation": 3e6, "test": 3e6}
    assert longer.table_mb == 100.0


def test_a_larger_catalogue_has_larger_tables() -> None:
    larger = WORKLOAD.with_items_times(2.0)
    assert (larger.items, larger.table_mb, larger.events) == (4e6, 200.0, 10e6)


@pytest.mark.parametrize(
    ("behaviours", "length", "mean"),
    [(4, 10, 1.5), (4, 2, (0 + 1 + 2 + 2) / 4), (200, 50, (sum(range(50)) + 150 * 50) / 200), (0.5, 10, 0.0)],
)
def test_mean_history_of_users_with_equally_many_behaviours(behaviours: float, length: int, mean: float) -> None:
    # The k-th behaviour of a user has k - 1 before it. Beyond `length`, the formula counts the last step in full.
    assert mean_history(behaviours, length) == pytest.approx(mean)
