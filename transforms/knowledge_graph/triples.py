"""A knowledge graph from files of triples and links: what becomes of each row, and the graph in numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from interestflow.transforms.config import KnowledgeGraphConfig, LinksConfig
from interestflow.transforms.feature_names import ITEM
from interestflow.transforms.reading.blocks import BLOCK_BYTES, read_blocks
from interestflow.transforms.reading.tables import FILE, ROW, Table, absent, garbled, separated

HEAD, RELATION, TAIL, ENTITY = "head", "relation", "tail", "entity"
INVERSE_OF = "inverse of "
"""What the name of an inverse relation begins with."""


@dataclass(frozen=True)
class NumberedGraph:
    """A knowledge graph whose entities and relations are numbers from 0.

    Every relation has an inverse, which comes after all that the file has: relation `r` of `R` has inverse `R + r`, and
    every triple `(h, r, t)` is followed, after all others, by `(t, R + r, h)`.

    triples: `head`, `relation`, `tail`, int32, inverse ones included.
    links: `item`, text, and `entity`, int32; an item has one entity at most, and an entity one item.
    entities: text; its place is its number. Sorted.
    relations: text, as `entities`; the sorted ones of the file, then their inverses.
    """

    triples: pl.DataFrame
    links: pl.DataFrame
    entities: pl.Series
    relations: pl.Series


def read_triples(path: str, table: KnowledgeGraphConfig, block_bytes: int = BLOCK_BYTES) -> Iterator[Table]:
    """One file of triples, block by block: `head`, `relation`, `tail`, text, and each row's `__file` and `__row`.

    A row that lacks one of the three, or is not UTF-8, is a dead letter.

    Args:
        path: the file.
        table: which columns are what.
        block_bytes: as in `read_blocks`.

    Raises:
        TableError: where the file cannot be read, or lacks a column.
    """
    return _read(path, table, {HEAD: table.head, RELATION: table.relation, TAIL: table.tail}, block_bytes)


def read_links(path: str, table: LinksConfig, block_bytes: int = BLOCK_BYTES) -> Iterator[Table]:
    """Likewise of links: `item` and `entity`."""
    return _read(path, table, {ITEM: table.item, ENTITY: table.entity}, block_bytes)


def _read(
    path: str, table: KnowledgeGraphConfig | LinksConfig, columns: dict[str, str], block_bytes: int
) -> Iterator[Table]:
    """`columns`: from our names to the file's."""
    wanted = list(dict.fromkeys(columns.values()))
    missing = {ours: (column, f"no {'item id' if ours == ITEM else ours}") for ours, column in columns.items()}
    for block in read_blocks(path, table, wanted, block_bytes):
        frame = block.frame.select(
            *(pl.col(column).cast(pl.String).alias(ours) for ours, column in columns.items()),
            pl.lit(path).alias(FILE),
        ).with_columns(block.rows.alias(ROW))
        yield separated(frame, block, [*absent(missing), *garbled(block)], path)


def distinct_triples(frames: Iterable[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`head`, `relation`, `tail`, each triple once, sorted; and dead letters, as of `Table`, for those that repeat."""
    frame = _in_order(frames, (HEAD, RELATION, TAIL))
    names = [HEAD, RELATION, TAIL]
    is_first = frame.select(pl.struct(names).is_first_distinct()).to_series()
    text = pl.lit("repeats an earlier triple")
    repeated = _letters(frame, ~is_first, text, text, names)
    return frame.filter(is_first).select(names).sort(names), repeated


def usable_links(
    frames: Iterable[pl.DataFrame], triples: pl.DataFrame, items: Collection[str] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`item` and `entity`, text, sorted; and dead letters for the rest.

    A link cannot be used whose entity is in no triple, whose item is not in the items table, or whose item or entity an
    earlier link has: two items at one entity would be one to a model of the graph.

    Args:
        frames: from `read_links`.
        triples: from `distinct_triples`.
        items: the ids of the items table; None where there is none.
    """
    frame = _in_order(frames, (ITEM, ENTITY))
    dead = []
    in_graph = pl.concat([triples.get_column(HEAD), triples.get_column(TAIL)]).unique()
    checks: list[tuple[pl.Expr, str, pl.Expr]] = [
        (
            ~pl.col(ENTITY).is_in(in_graph.implode()),
            "entity is in no triple",
            pl.format("entity {} is in no triple", pl.col(ENTITY)),
        )
    ]
    if items is not None:
        known = pl.Series(list(items), dtype=pl.String)
        checks.append(
            (
                ~pl.col(ITEM).is_in(known.implode()),
                "item is not in the items table",
                pl.format("item {} is not in the items table", pl.col(ITEM)),
            )
        )
    for name in (ITEM, ENTITY):
        what = f"{'an item' if name == ITEM else 'an entity'} is linked twice"
        text = pl.format(f"{name} {{}} is linked twice; the first is used", pl.col(name))
        checks.append((~pl.col(name).is_first_distinct(), what, text))
    for holds, kind, text in checks:  # one after the other: a link that cannot be used takes nothing from a later one
        is_bad = frame.select(holds).to_series()
        dead.append(_letters(frame, is_bad, text, pl.lit(kind), [ITEM, ENTITY]))
        frame = frame.filter(~is_bad)
    return frame.select(ITEM, ENTITY).sort(ITEM), pl.concat(dead)


def numbered(triples: pl.DataFrame, links: pl.DataFrame | None) -> NumberedGraph:
    """Numbers for names.

    Args:
        triples: from `distinct_triples`.
        links: from `usable_links`; None where an entity has its item's own id.
    """
    entities = pl.concat([triples.get_column(HEAD), triples.get_column(TAIL)]).unique().sort().alias(ENTITY)
    relations = triples.get_column(RELATION).unique().sort().alias(RELATION)
    if links is None:
        links = pl.DataFrame({ITEM: entities, ENTITY: entities})
    heads, tails = (_places(triples.get_column(name), entities) for name in (HEAD, TAIL))
    kinds = _places(triples.get_column(RELATION), relations)
    there = pl.DataFrame({HEAD: heads, RELATION: kinds, TAIL: tails})
    back = pl.DataFrame({HEAD: tails, RELATION: kinds + len(relations), TAIL: heads})
    return NumberedGraph(
        pl.concat([there, back]),
        links.with_columns(_places(links.get_column(ENTITY), entities).alias(ENTITY)),
        entities,
        pl.concat([relations, INVERSE_OF + relations]).alias(RELATION),
    )


def _places(texts: pl.Series, vocabulary: pl.Series) -> pl.Series:
    """int32: the place of each text among the distinct ones of `vocabulary`, which has them all."""
    return texts.replace_strict(vocabulary, pl.int_range(len(vocabulary), dtype=pl.Int32, eager=True))


def _in_order(frames: Iterable[pl.DataFrame], names: Collection[str]) -> pl.DataFrame:
    """One frame by file and row: which of two comes first does not depend on who read them when."""
    empty = pl.DataFrame(schema={**dict.fromkeys(names, pl.String), FILE: pl.String, ROW: pl.Int64})
    return pl.concat([empty, *frames]).sort(FILE, ROW)


def _letters(frame: pl.DataFrame, is_bad: pl.Series, text: pl.Expr, kind: pl.Expr, names: list[str]) -> pl.DataFrame:
    return frame.filter(is_bad).select(
        pl.col(FILE).alias("file"),
        pl.col(ROW).alias("row"),
        text.alias("reason"),
        kind.alias("kind"),
        pl.struct(names).struct.json_encode().alias("content"),
    )
