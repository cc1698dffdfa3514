"""Read triples and links, and number the entities and relations of the graph."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from interestflow.transforms.config import KnowledgeGraphConfig, LinksConfig
from interestflow.transforms.feature_names import ITEM
from interestflow.transforms.reading.blocks import BLOCK_BYTES, read_blocks
from interestflow.transforms.reading.row_checks import missing_id_checks
from interestflow.transforms.reading.tables import FILE, ROW, Table, dead_letters, split_rows

HEAD, RELATION, TAIL, ENTITY = "head", "relation", "tail", "entity"
INVERSE_PREFIX = "inverse of "
"""Prefix of the name of an inverse relation."""


@dataclass(frozen=True)
class NumberedGraph:
    """A knowledge graph whose entities and relations are ids from 0.

    Every relation has an inverse, numbered after all relations of the file: relation `r` of `R` has inverse `R + r`.
    Every triple `(h, r, t)` has an inverse `(t, R + r, h)`; these follow after all triples of the file.

    Attributes:
        triples: `head`, `relation`, `tail`, int32, inverse triples included.
        links: `item`, text, and `entity`, int32; an item has at most one entity, and an entity at most one item.
        entities: names, sorted; the position of a name is its id.
        relations: names by id: the sorted ones of the file, then their inverses.
    """

    triples: pl.DataFrame
    links: pl.DataFrame
    entities: pl.Series
    relations: pl.Series


def read_triples(path: str, table: KnowledgeGraphConfig, block_bytes: int = BLOCK_BYTES) -> Iterator[Table]:
    """Yield one file of triples, block by block: `head`, `relation`, `tail` as text, with `__file` and `__row`.

    A row that lacks one of the three, or is not UTF-8, is a dead letter.

    Args:
        path: path of the file.
        table: the columns and what they mean.
        block_bytes: approximate size of a block, as in `read_blocks`.

    Raises:
        TableError: if the file cannot be read, or lacks a column.
    """
    return _read(path, table, {HEAD: table.head, RELATION: table.relation, TAIL: table.tail}, block_bytes)


def read_links(path: str, table: LinksConfig, block_bytes: int = BLOCK_BYTES) -> Iterator[Table]:
    """Yield one file of links, block by block: `item` and `entity`; otherwise like `read_triples`."""
    return _read(path, table, {ITEM: table.item, ENTITY: table.entity}, block_bytes)


def _read(
    path: str, table: KnowledgeGraphConfig | LinksConfig, columns: dict[str, str], block_bytes: int
) -> Iterator[Table]:
    """Yield the blocks of a file; `columns` maps our names of its columns to those in the file."""
    checks = missing_id_checks(
        {ours: (column, f"no {'item id' if ours == ITEM else ours}") for ours, column in columns.items()}
    )
    for block in read_blocks(path, table, list(dict.fromkeys(columns.values())), block_bytes):
        frame = block.frame.select(
            *(pl.col(column).cast(pl.String).alias(ours) for ours, column in columns.items()),
            pl.lit(path).alias(FILE),
            block.rows.alias(ROW),
        )
        yield split_rows(frame, block, checks, path)


def distinct_triples(frames: Iterable[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return each triple once, and a dead letter for every repetition.

    Args:
        frames: frames of `read_triples`.

    Returns:
        `head`, `relation`, `tail`, sorted; and dead letters, as in `Table`.
    """
    frame = _join_in_order(frames, (HEAD, RELATION, TAIL))
    names = [HEAD, RELATION, TAIL]
    is_first = frame.select(pl.struct(names).is_first_distinct()).to_series()
    kind = "repeats an earlier triple"
    repeated = dead_letters(frame.filter(~is_first), kind, pl.lit(kind))
    return frame.filter(is_first).select(names).sort(names), repeated


def usable_links(
    frames: Iterable[pl.DataFrame], triples: pl.DataFrame, items: Collection[str] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the usable links, and a dead letter for every other one.

    A link cannot be used if its entity is in no triple, its item is not in the items table, or an earlier link has its
    item or entity: a model of the graph could not tell two items of one entity from each other.

    Args:
        frames: frames of `read_links`.
        triples: the triples, from `distinct_triples`.
        items: the ids of the items table; None if there is no table.

    Returns:
        `item` and `entity`, text, sorted by item; and dead letters, as in `Table`.
    """
    frame = _join_in_order(frames, (ITEM, ENTITY))
    unusable = []
    # In order: a link that cannot be used does not make a later one a repetition.
    for is_bad, kind, reason in _link_checks(triples, items):
        flags = frame.select(is_bad).to_series()
        unusable.append(dead_letters(frame.filter(flags), kind, reason))
        frame = frame.filter(~flags)
    return frame.select(ITEM, ENTITY).sort(ITEM), pl.concat(unusable)


def _link_checks(triples: pl.DataFrame, items: Collection[str] | None) -> Iterator[tuple[pl.Expr, str, pl.Expr]]:
    """Yield the checks of links: which are bad, the kind of reason, and the reason."""
    in_graph = pl.concat([triples.get_column(HEAD), triples.get_column(TAIL)]).unique()
    reason = pl.format("entity {} is in no triple", pl.col(ENTITY))
    yield ~pl.col(ENTITY).is_in(in_graph.implode()), "entity is in no triple", reason
    if items is not None:
        known_items = pl.Series(list(items), dtype=pl.String)
        reason = pl.format("item {} is not in the items table", pl.col(ITEM))
        yield ~pl.col(ITEM).is_in(known_items.implode()), "item is not in the items table", reason
    for name in (ITEM, ENTITY):
        kind = f"{'an item' if name == ITEM else 'an entity'} is linked twice"
        reason = pl.format(f"{name} {{}} is linked twice; the first is used", pl.col(name))
        yield ~pl.col(name).is_first_distinct(), kind, reason


def number_graph(triples: pl.DataFrame, links: pl.DataFrame | None) -> NumberedGraph:
    """Replace the names of entities and relations by ids, and add the inverse triples.

    Args:
        triples: the triples, from `distinct_triples`.
        links: the links, from `usable_links`; None if an entity has the id of its item.
    """
    entities = pl.concat([triples.get_column(HEAD), triples.get_column(TAIL)]).unique().sort().alias(ENTITY)
    relations = triples.get_column(RELATION).unique().sort().alias(RELATION)
    if links is None:
        links = pl.DataFrame({ITEM: entities, ENTITY: entities})
    head, tail = (_ids(triples.get_column(name), entities) for name in (HEAD, TAIL))
    relation = _ids(triples.get_column(RELATION), relations)
    forward = pl.DataFrame({HEAD: head, RELATION: relation, TAIL: tail})
    inverse = pl.DataFrame({HEAD: tail, RELATION: relation + len(relations), TAIL: head})
    return NumberedGraph(
        pl.concat([forward, inverse]),
        links.with_columns(_ids(links.get_column(ENTITY), entities).alias(ENTITY)),
        entities,
        pl.concat([relations, INVERSE_PREFIX + relations]).alias(RELATION),
    )


def _ids(names: pl.Series, vocabulary: pl.Series) -> pl.Series:
    """Return the position of each name in `vocabulary`, which holds all of them once, int32."""
    return names.replace_strict(vocabulary, pl.int_range(len(vocabulary), dtype=pl.Int32, eager=True))


def _join_in_order(frames: Iterable[pl.DataFrame], names: Collection[str]) -> pl.DataFrame:
    """Join frames by file and row, so that the first of two rows does not depend on which worker read them when."""
    empty = pl.DataFrame(schema={**dict.fromkeys(names, pl.String), FILE: pl.String, ROW: pl.Int64})
    return pl.concat([empty, *frames]).sort(FILE, ROW)
