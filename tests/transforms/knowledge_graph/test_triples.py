"""Rows of triples and links become ids, or dead letters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from interestflow.transforms.config import KnowledgeGraphConfig, LinksConfig
from interestflow.transforms.knowledge_graph.triples import (
    distinct_triples,
    number_graph,
    read_links,
    read_triples,
    usable_links,
)
from interestflow.transforms.reading.files import TableError

GRAPH = KnowledgeGraphConfig(path="kg", format="tsv", head="h", relation="r", tail="t")
LINK_TABLE = LinksConfig(path="links", format="csv", item="movie", entity="thing")


def triples_of(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["head", "relation", "tail"], orient="row")


def as_read(rows: list[tuple[str, ...]], names: list[str]) -> pl.DataFrame:
    """Return rows as the readers do: with the file and the position of each row."""
    locations = {"__file": ["f"] * len(rows), "__row": list(range(1, len(rows) + 1))}
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(pl.Series(k, v) for k, v in locations.items())


def reasons(letters: pl.DataFrame) -> list[tuple[Any, ...]]:
    return letters.select("row", "reason").rows()


def test_triples_are_text_and_incomplete_ones_are_dead_letters(tmp_path: Path) -> None:
    path = tmp_path / "kg.tsv"
    path.write_text("h\tr\tt\nm1\tactor\t7\nm1\t\t8\n\tactor\t9\nm2\tactor\nm2\tactor\t7\n")
    (table,) = read_triples(str(path), GRAPH)
    assert table.frame.select("head", "relation", "tail").rows() == [("m1", "actor", "7"), ("m2", "actor", "7")]
    assert table.frame.get_column("__row").to_list() == [1, 5]
    assert table.rows == 5
    dead = reasons(table.dead_letters)
    assert [row for row, _ in dead] == [2, 3, 4]
    assert [reason for _, reason in dead[:2]] == ["no relation in `r`", "no head in `h`"]
    assert set(table.dead_letters.get_column("kind")) >= {"no relation", "no head"}


def test_links_are_read_by_their_own_columns(tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    path.write_text("thing,movie\nm1,10\nm2,\n")
    (table,) = read_links(str(path), LINK_TABLE)
    assert table.frame.select("item", "entity").rows() == [("10", "m1")]
    assert reasons(table.dead_letters) == [(2, "no item id in `movie`")]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kg.tsv"
    path.write_text("head\tr\tt\na\tb\tc\n")
    with pytest.raises(TableError, match="should have a column `h`"):
        list(read_triples(str(path), GRAPH))


def test_a_triple_counts_once_in_whatever_order_files_are_read() -> None:
    names = ["head", "relation", "tail"]
    frame = as_read([("b", "x", "c"), ("a", "x", "b"), ("b", "x", "c"), ("b", "y", "c")], names)
    for parts in ([frame[:2], frame[2:]], [frame[2:], frame[:2]]):
        triples, repeated = distinct_triples(parts)
        assert triples.rows() == [("a", "x", "b"), ("b", "x", "c"), ("b", "y", "c")]
        assert reasons(repeated) == [(3, "repeats an earlier triple")]
        assert repeated.get_column("content").to_list() == ['{"head":"b","relation":"x","tail":"c"}']


def test_unusable_and_repeated_links_are_dead_letters() -> None:
    triples = triples_of(("m1", "actor", "a"), ("m2", "actor", "a"), ("m3", "actor", "a"))
    rows = [("1", "m1"), ("2", "m9"), ("1", "m2"), ("3", "m1"), ("4", "m3"), ("2", "m2")]
    links, dead = usable_links([as_read(rows, ["item", "entity"])], triples, items=["1", "2", "3"])
    # Item 2's first link has no entity, so its second one counts; item 1's second link did not take entity m2.
    assert links.rows() == [("1", "m1"), ("2", "m2")]
    assert sorted(reasons(dead)) == [
        (2, "entity m9 is in no triple"),
        (3, "item 1 is linked twice; the first is used"),
        (4, "entity m1 is linked twice; the first is used"),
        (5, "item 4 is not in the items table"),
    ]
    without_table, dead = usable_links([as_read(rows, ["item", "entity"])], triples)
    assert without_table.rows() == [("1", "m1"), ("2", "m2"), ("4", "m3")]
    assert dead.height == 3


def test_numbers_follow_the_sorted_names_and_every_triple_has_its_inverse() -> None:
    """Entities a, m1, m2 are 0, 1, 2; relations actor, sequel 0 and 1, their inverses 2 and 3."""
    triples = triples_of(("m1", "actor", "a"), ("m2", "sequel", "m1"))
    graph = number_graph(triples, pl.DataFrame({"item": ["10", "20"], "entity": ["m2", "a"]}))
    assert graph.entities.to_list() == ["a", "m1", "m2"]
    assert graph.relations.to_list() == ["actor", "sequel", "inverse of actor", "inverse of sequel"]
    assert graph.triples.rows() == [(1, 0, 0), (2, 1, 1), (0, 2, 1), (1, 3, 2)]
    assert set(graph.triples.dtypes) == {pl.Int32}
    assert graph.links.rows() == [("10", 2), ("20", 0)]


def test_without_links_an_entity_is_the_item_of_its_name() -> None:
    graph = number_graph(triples_of(("7", "same author", "9")), None)
    assert graph.links.rows() == [("7", 0), ("9", 1)]
