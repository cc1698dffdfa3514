"""Counts of a log and its attributes, by hand."""

from __future__ import annotations

from pathlib import Path

from tests.pipeline.validate.small_shop import MARCH, validate_shop


def test_a_clean_log_is_counted_and_usable(tmp_path: Path) -> None:
    report = validate_shop(tmp_path)
    assert report.is_usable
    assert (report.problems, report.notes, report.part) == ([], [], None)
    assert [(facts.name, facts.files, facts.rows, facts.unusable) for facts in report.tables] == [
        ("items", 1, 4, 0), ("events", 1, 20, 0),
    ]  # fmt: skip
    facts = report.events
    assert facts is not None
    assert (facts.first, facts.last) == (MARCH * 10**6, (MARCH + 19) * 10**6)
    assert (facts.users, facts.items) == (2, 4)
    assert facts.examples == {"train": 16, "validation": 2, "test": 2}
    assert facts.positives == {"train": {"click": 8}, "validation": {"click": 1}, "test": {"click": 1}}
    # Clicks before a user's ten events: 0, 1, 1, 2, 2, 3, 3, 4, 4, 5 and 0, 0, 1, 1, 2, 2, 3, 3, 4, 4.
    assert facts.history_percentiles == {10: 0, 50: 2, 90: 4, 99: 4}
    assert facts.cut_histories == 5 / 20
    assert facts.without_attributes == {"items": 0.0}


def test_attributes_are_described_as_the_model_would_be_given_them(tmp_path: Path) -> None:
    facts_by_name = {facts.attribute.name: facts for facts in validate_shop(tmp_path).attributes}
    assert (facts_by_name["colour"].distinct, facts_by_name["colour"].missing, facts_by_name["colour"].shown) == (
        2,
        0.0,
        ("red", "blue"),
    )
    assert (facts_by_name["tags"].distinct, facts_by_name["tags"].missing) == (2, 0.25)
    assert (facts_by_name["price"].distinct, facts_by_name["price"].missing, facts_by_name["price"].shown) == (
        3,
        0.25,
        ("1", "2.5", "4"),
    )
    assert (facts_by_name["device"].distinct, facts_by_name["device"].missing) == (2, 0.75)
