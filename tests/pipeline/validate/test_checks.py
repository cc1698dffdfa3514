"""Files and a configuration in, what the pipeline would see out: counts by hand, and every problem in a sentence."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from rich.console import Console
from typer.testing import CliRunner

from interestflow.pipeline.cli.main import app
from interestflow.pipeline.config import load
from interestflow.pipeline.validate.checks import ValidationReport, validate
from interestflow.pipeline.validate.log_sample import read_sample
from interestflow.pipeline.validate.terminal import render

CONFIG = """
name: shop
data:
  events: {path: "events*.csv", format: csv, user: user, item: item, timestamp: time}
  items: {path: items.csv, format: csv, id: item}
tasks:
  - {name: click, label: {column: click}}
sequence: {behaviours: {column: click}, max_length: 3}
features:
  attributes:
    - {name: colour, from: items, use: [target, history]}
    - {name: tags, from: items, kind: categorical_list}
    - {name: price, from: items, kind: numeric}
    - {name: device, from: events}
model: {name: pooled}
"""
MARCH = 1709251200
"""2024-03-01 00:00:00 UTC in seconds."""


def events(count: int = 20) -> list[str]:
    """An event a second; users by turns, of two; the first and last of every four are clicks; four items."""
    devices = ["web", "web", "web", "app", "app"] + [""] * count
    return [
        f"u{number % 2},i{number % 4},{MARCH + number},{int(number % 4 in (0, 3))},{devices[number]}"
        for number in range(count)
    ]


def write(folder: Path, rows: list[str] | None = None, config: str = CONFIG) -> Path:
    (folder / "events.csv").write_text("user,item,time,click,device\n" + "\n".join(events() if rows is None else rows))
    items = ["i0,red,a|b,1", "i1,red,b,2.5", "i2,blue,,", "i3,red,a,4"]
    (folder / "items.csv").write_text("item,colour,tags,price\n" + "\n".join(items))
    path = folder / "shop.yaml"
    path.write_text(config)
    return path


def checked(folder: Path, rows: list[str] | None = None, config: str = CONFIG) -> ValidationReport:
    return validate(load(write(folder, rows, config)))


def shown(report: ValidationReport) -> str:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render(report))
    return console.export_text()


def test_a_clean_log_is_counted_and_usable(tmp_path: Path) -> None:
    report = checked(tmp_path)
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
    found = {facts.attribute.name: facts for facts in checked(tmp_path).attributes}
    assert (found["colour"].distinct, found["colour"].missing, found["colour"].shown) == (2, 0.0, ("red", "blue"))
    assert (found["tags"].distinct, found["tags"].missing) == (2, 0.25)
    assert (found["price"].distinct, found["price"].missing, found["price"].shown) == (3, 0.25, ("1", "2.5", "4"))
    assert (found["device"].distinct, found["device"].missing) == (2, 0.75)


def test_a_missing_column_is_named_and_the_rest_is_looked_at_all_the_same(tmp_path: Path) -> None:
    report = checked(tmp_path, config=CONFIG.replace("name: device", "name: devise"))
    assert not report.is_usable
    assert report.problems == [f"{tmp_path}/events.csv should have a column `devise`, received device"]
    assert [facts.name for facts in report.tables] == ["items"]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    config = CONFIG.replace("name: colour", "name: shade").replace("events*.csv", "event-*.csv")
    assert checked(tmp_path, config=config).problems == [
        f"no file matches {tmp_path}/event-*.csv",
        f"{tmp_path}/items.csv should have a column `shade`, received item, colour, tags, price",
    ]


def test_unusable_rows_are_a_problem_past_the_limit(tmp_path: Path) -> None:
    rows = [*events(98), "u1,i1,soon,1,web", "u1,,5,1,web", *events(1)]
    report = checked(tmp_path, rows)
    (facts,) = [facts for facts in report.tables if facts.name == "events"]
    assert (facts.rows, facts.unusable) == (101, 3)
    assert facts.reasons == {
        "timestamp cannot be read": (1, "timestamp soon in `time` cannot be read as s"),
        "no item id": (1, "no item id in `item`"),
        "repeats an earlier row": (1, "repeats an earlier row in every column that is used"),
    }
    (problem,) = report.problems
    assert problem.startswith(
        "at most 1.00% of the rows of events should be unusable (`data.max_bad_row_share`), received 3 of 101, 2.97%: "
    )
    assert checked(tmp_path, rows, CONFIG.replace("data:", "data:\n  max_bad_row_share: 0.05")).is_usable


def test_a_task_without_negatives_is_a_problem_that_names_the_way_out(tmp_path: Path) -> None:
    config = CONFIG.replace("label: {column: click}", "label: {every_event: true}")
    report = checked(tmp_path, config=config)
    assert report.problems == [
        "task click should have both labels in train, received all 16 positive; a log without negatives needs "
        "`negatives: {source: sampled}`"
    ]
    sampled = checked(tmp_path, config=config + "negatives: {source: sampled}\n")
    assert sampled.is_usable
    assert sampled.events is not None
    assert sampled.events.sampled_negatives["train"] > 0


def test_a_split_that_would_be_empty_is_a_problem(tmp_path: Path) -> None:
    report = checked(tmp_path, ["u1,i1,100,1,web", "u1,i2,100,0,web"])
    assert any("`split` should leave events in each of train, validation and test" in p for p in report.problems)


def test_items_that_the_table_does_not_have(tmp_path: Path) -> None:
    some = checked(tmp_path, [row.replace(",i3,", ",i9,") for row in events()])
    assert some.is_usable
    assert some.notes == ["25.0% of the events are of items that `data.items` does not have"]
    none = checked(tmp_path, [row.replace(",i", ",item-") for row in events()])
    assert none.problems == ["`data.items` should have the items of the log, received none of their ids"]


def test_a_wrong_unit_of_time_is_noticed(tmp_path: Path) -> None:
    report = checked(tmp_path, config=CONFIG.replace("timestamp: time", "timestamp: time, timestamp_unit: ms"))
    assert report.is_usable
    (note,) = report.notes
    assert note.startswith("is `data.events.timestamp_unit` ms? The log would run from 1970-01-20")


def test_numbers_that_are_none(tmp_path: Path) -> None:
    some = checked(tmp_path, config=CONFIG.replace("name: price", "name: cost, column: tags"))
    assert some.problems == ["`cost` (`tags` of items) should have numbers, received none"]
    write(tmp_path)
    items = (tmp_path / "items.csv").read_text().replace("2.5", "cheap")
    (tmp_path / "items.csv").write_text(items)
    report = validate(load(tmp_path / "shop.yaml"))
    assert report.notes == ["`price` (`price` of items) has 1 cells that are no number; they count as missing"]


def test_the_knowledge_graph_is_read_too(tmp_path: Path) -> None:
    graph = "knowledge_graph: {path: kg.tsv, format: tsv, head: head, relation: relation, tail: tail,\n" \
        "    links: {path: links.tsv, format: tsv, item: item, entity: entity}}"  # fmt: skip
    config = CONFIG.replace("tasks:", f"  {graph}\ntasks:", 1)
    (tmp_path / "kg.tsv").write_text("head\trelation\ttail\nm1\tmade_by\tm2\nm1\t\tm2\n")
    (tmp_path / "links.tsv").write_text("item\tentiti\n1\tm1\n")
    report = checked(tmp_path, config=config)
    assert report.problems == [
        "at most 1.00% of the rows of graph should be unusable (`data.max_bad_row_share`), received 1 of 2, 50.00%: "
        "1 x nothing in one of head, relation, tail",
        f"{tmp_path}/links.tsv should have a column `entity`, received entiti",
    ]


GENERATED = """
name: tiny
generate: {events: 2000, users: 50, items: 60, categories: 5, days: 10}
data:
  folder: FOLDER
  events: {path: events.parquet, format: parquet, user: user, item: item, timestamp: timestamp, timestamp_unit: ms}
  items: {path: items.parquet, format: parquet, id: item}
tasks:
  - {name: click, label: {column: click}}
features: {attributes: [{name: category, from: items}]}
model: {name: pooled}
"""


def test_a_log_that_is_yet_to_be_generated_is_made_elsewhere_to_be_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(GENERATED.replace("FOLDER", str(tmp_path / "logs")))
    report = validate(load(path))
    assert report.is_usable
    assert report.notes[0] == (
        f"the log is not in {tmp_path}/logs yet; it is made as `interestflow run` would, to look at"
    )
    assert report.events is not None
    assert sum(report.events.examples.values()) == 2000
    assert not (tmp_path / "logs").exists()


def test_of_a_large_log_a_part_is_read_and_named(tmp_path: Path) -> None:
    for number in range(10):
        pl.DataFrame({"user": ["u"] * 50, "item": ["i"] * 50, "time": range(number * 50, number * 50 + 50)}).write_csv(
            tmp_path / f"events-{number}.csv"
        )
    config = CONFIG.replace("{column: click}", "{every_event: true}").replace("name: device", "name: at, column: time")
    path = tmp_path / "shop.yaml"
    path.write_text(config)
    loaded = load(path).ingestion()
    sample = read_sample(loaded, whole_bytes=100, rows=60)
    assert sample.part is not None
    assert sample.part.startswith("the first rows, 250, of 5 of 10 files")
    assert sample.rows == 250
    assert read_sample(loaded).part is None
    assert read_sample(loaded).rows == 500


def test_everything_is_shown(tmp_path: Path) -> None:
    text = shown(checked(tmp_path))
    for words in (
        "events", "2024-03-01 00:00:00", "click positive", "50.00%", "colour", "vocabulary", "red, blue",
        "up to 4 of a vocabulary", "usable: `interestflow run`",
    ):  # fmt: skip
        assert words in text, words


def test_the_command_ends_with_0_or_1_and_never_with_a_traceback(tmp_path: Path) -> None:
    runner = CliRunner()
    path = write(tmp_path)
    fine = runner.invoke(app, ["validate", str(path)])
    assert fine.exit_code == 0, fine.output
    path.write_text(CONFIG.replace("name: device", "name: devise"))
    failed = runner.invoke(app, ["validate", str(path)])
    assert failed.exit_code == 1
    assert isinstance(failed.exception, SystemExit)
    assert "should have a column `devise`, received device" in failed.output.replace("\n", " ")


def test_what_dien_compares_behaviours_with_is_said_where_nothing_is_drawn_and_what_nobody_uses(tmp_path: Path) -> None:
    with_negatives = CONFIG.replace("max_length: 3", "max_length: 3, history_negatives: true")
    dien, silent = "model: {name: dien}", "model: {name: dien, auxiliary_weight: 0}"
    assert checked(tmp_path, config=with_negatives.replace("model: {name: pooled}", dien)).notes == []
    assert checked(tmp_path, config=CONFIG.replace("model: {name: pooled}", silent)).notes == []
    (note,) = checked(tmp_path, config=CONFIG.replace("model: {name: pooled}", dien)).notes
    assert "items drawn from the log, with `sequence.history_negatives: true`" in note
    (note,) = checked(tmp_path, config=with_negatives).notes
    assert note == "`sequence.history_negatives` makes examples larger, and pooled has no use for it"


def test_what_a_matcher_has_no_use_for_is_said(tmp_path: Path) -> None:
    matcher = CONFIG.replace("{name: pooled}", "{name: two_tower}")
    assert checked(tmp_path, config=matcher).notes == []
    compact = "embeddings: {item: {kind: quotient_remainder, buckets: 5}}\n"
    assert checked(tmp_path, config=matcher + compact).notes == []
    counting = matcher.replace("two_tower", "popularity") + compact
    assert (
        "popularity has no use for `embeddings`, since it has no vectors to learn"
        in checked(tmp_path, config=counting).notes
    )
    two = matcher.replace("tasks:\n", "tasks:\n  - {name: seen, label: {every_event: true}}\n")
    expected = "two_tower finds items for the first task, seen, alone; it has no use for the others"
    assert expected in checked(tmp_path, config=two).notes
    (note,) = checked(tmp_path, config=matcher + "negatives: {source: sampled}\n").notes
    assert note.startswith(
        "two_tower learns from positives alone; the negatives that `negatives.source: sampled` draws"
    )
