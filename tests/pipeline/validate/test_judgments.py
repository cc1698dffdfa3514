"""Errors and surprises in a log are reported in one sentence each."""

from __future__ import annotations

from pathlib import Path

from interestflow.pipeline.config import load
from interestflow.pipeline.validate.checks import validate
from tests.pipeline.validate.small_shop import CONFIG, events, validate_shop, write_shop


def test_a_task_without_negatives_is_a_problem_that_names_the_way_out(tmp_path: Path) -> None:
    config = CONFIG.replace("label: {column: click}", "label: {every_event: true}")
    report = validate_shop(tmp_path, config=config)
    assert report.problems == [
        "task click should have both labels in train, received all 16 positive; a log without negatives needs "
        "`negatives: {source: sampled}`"
    ]
    sampled = validate_shop(tmp_path, config=config + "negatives: {source: sampled}\n")
    assert sampled.is_usable
    assert sampled.events is not None
    assert sampled.events.sampled_negatives["train"] > 0


def test_items_that_the_table_does_not_have(tmp_path: Path) -> None:
    some = validate_shop(tmp_path, [row.replace(",i3,", ",i9,") for row in events()])
    assert some.is_usable
    assert some.notes == ["25.0% of the events are of items that `data.items` does not have"]
    none = validate_shop(tmp_path, [row.replace(",i", ",item-") for row in events()])
    assert none.problems == ["`data.items` should have the items of the log, received none of their ids"]


def test_a_wrong_unit_of_time_is_noticed(tmp_path: Path) -> None:
    report = validate_shop(tmp_path, config=CONFIG.replace("timestamp: time", "timestamp: time, timestamp_unit: ms"))
    assert report.is_usable
    (note,) = report.notes
    assert note.startswith("is `data.events.timestamp_unit` ms? The log would run from 1970-01-20")


def test_numbers_that_are_none(tmp_path: Path) -> None:
    some = validate_shop(tmp_path, config=CONFIG.replace("name: price", "name: cost, column: tags"))
    assert some.problems == ["`cost` (`tags` of items) should have numbers, received none"]
    write_shop(tmp_path)
    items = (tmp_path / "items.csv").read_text().replace("2.5", "cheap")
    (tmp_path / "items.csv").write_text(items)
    report = validate(load(tmp_path / "shop.yaml"))
    assert report.notes == ["`price` (`price` of items) has 1 cells that are no number; they count as missing"]


def test_a_split_that_would_be_empty_is_a_problem(tmp_path: Path) -> None:
    report = validate_shop(tmp_path, ["u1,i1,100,1,web", "u1,i2,100,0,web"])
    assert any("`split` should leave events in each of train, validation and test" in p for p in report.problems)


def test_what_dien_compares_behaviours_with_is_said_where_nothing_is_drawn_and_what_nobody_uses(tmp_path: Path) -> None:
    with_negatives = CONFIG.replace("max_length: 3", "max_length: 3, history_negatives: true")
    dien, silent = "model: {name: dien}", "model: {name: dien, auxiliary_weight: 0}"
    assert validate_shop(tmp_path, config=with_negatives.replace("model: {name: pooled}", dien)).notes == []
    assert validate_shop(tmp_path, config=CONFIG.replace("model: {name: pooled}", silent)).notes == []
    (note,) = validate_shop(tmp_path, config=CONFIG.replace("model: {name: pooled}", dien)).notes
    assert "items drawn from the log, with `sequence.history_negatives: true`" in note
    (note,) = validate_shop(tmp_path, config=with_negatives).notes
    assert note == "`sequence.history_negatives` makes examples larger, and pooled has no use for it"


def test_what_a_matcher_has_no_use_for_is_said(tmp_path: Path) -> None:
    matcher = CONFIG.replace("{name: pooled}", "{name: two_tower}")
    assert validate_shop(tmp_path, config=matcher).notes == []
    compact = "embeddings: {item: {kind: quotient_remainder, buckets: 5}}\n"
    assert validate_shop(tmp_path, config=matcher + compact).notes == []
    counting = matcher.replace("two_tower", "popularity") + compact
    assert (
        "popularity has no use for `embeddings`, since it has no vectors to learn"
        in validate_shop(tmp_path, config=counting).notes
    )
    two = matcher.replace("tasks:\n", "tasks:\n  - {name: seen, label: {every_event: true}}\n")
    expected = "two_tower finds items for the first task, seen, alone; it has no use for the others"
    assert expected in validate_shop(tmp_path, config=two).notes
    (note,) = validate_shop(tmp_path, config=matcher + "negatives: {source: sampled}\n").notes
    assert note.startswith(
        "two_tower learns from positives alone; the negatives that `negatives.source: sampled` draws"
    )
