"""Validation reads files as the pipeline would, and reports each problem in one sentence."""

from __future__ import annotations

from pathlib import Path

from interestflow.pipeline.config import load
from interestflow.pipeline.validate.checks import validate
from tests.object_stores import ObjectStore
from tests.pipeline.validate.small_shop import CONFIG, events, render_text, validate_shop


def test_a_missing_column_is_named_and_the_rest_is_looked_at_all_the_same(tmp_path: Path) -> None:
    report = validate_shop(tmp_path, config=CONFIG.replace("name: device", "name: devise"))
    assert not report.is_usable
    assert report.problems == [f"{tmp_path}/events.csv should have a column `devise`, received device"]
    assert [facts.name for facts in report.tables] == ["items"]


def test_a_log_in_an_object_store_is_judged_as_on_disk(tmp_path: Path, s3: ObjectStore, gcs: ObjectStore) -> None:
    local = render_text(validate_shop(tmp_path))
    for store in (s3, gcs):
        store.write({f"logs/{name}": (tmp_path / name).read_bytes() for name in ("events.csv", "items.csv")})
        remote = validate(load(tmp_path / "shop.yaml", f"{store.url}/logs"))
        assert remote.is_usable
        assert render_text(remote).replace(f"{store.url}/logs", str(tmp_path)) == local


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    config = CONFIG.replace("name: colour", "name: shade").replace("events*.csv", "event-*.csv")
    assert validate_shop(tmp_path, config=config).problems == [
        f"no file matches {tmp_path}/event-*.csv",
        f"{tmp_path}/items.csv should have a column `shade`, received item, colour, tags, price",
    ]


def test_unusable_rows_are_a_problem_past_the_limit(tmp_path: Path) -> None:
    rows = [*events(98), "u1,i1,soon,1,web", "u1,,5,1,web", *events(1)]
    report = validate_shop(tmp_path, rows)
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
    assert validate_shop(tmp_path, rows, CONFIG.replace("data:", "data:\n  max_bad_row_share: 0.05")).is_usable


def test_the_knowledge_graph_is_read_too(tmp_path: Path) -> None:
    graph = "knowledge_graph: {path: kg.tsv, format: tsv, head: head, relation: relation, tail: tail,\n" \
        "    links: {path: links.tsv, format: tsv, item: item, entity: entity}}"  # fmt: skip
    config = CONFIG.replace("tasks:", f"  {graph}\ntasks:", 1)
    (tmp_path / "kg.tsv").write_text("head\trelation\ttail\nm1\tmade_by\tm2\nm1\t\tm2\n")
    (tmp_path / "links.tsv").write_text("item\tentiti\n1\tm1\n")
    report = validate_shop(tmp_path, config=config)
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
