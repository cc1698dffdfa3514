"""Dead letters are written to scratch files where they arise, and merged into the report in the order of the log."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl

from interestflow.transforms.ingestion.shuffle_files import FrameFile
from interestflow.transforms.ingestion.sorted_chunks import Chunk, cut_frame, merge_chunks
from interestflow.transforms.reading.pieces import FilePiece

KEY = ("file", "row")
CHUNK_BYTES = 1 << 19
"""Size of a chunk. The merge holds one of each shard."""
PART_BYTES = 1 << 24
"""Size of the parts in which merged dead letters are written."""

PieceRows = tuple[FilePiece, int]
"""A piece of a file, and the number of its rows."""


def write_letters(dead_letters: pl.DataFrame, scratch: str) -> list[Chunk]:
    """Write dead letters to a new file in the scratch folder.

    Args:
        dead_letters: dead letters, as in `Table`.
        scratch: the scratch folder.
    """
    chunks = []
    with FrameFile(f"{scratch}/letters-{uuid.uuid4().hex}.arrow") as file:
        for first, part in cut_frame(dead_letters.drop("kind").sort(KEY), KEY, CHUNK_BYTES):
            chunks.append(Chunk(file.write(part), first))
    return chunks


def merge_letters(chunks: Iterable[Chunk], piece_rows: Iterable[PieceRows]) -> Iterator[pl.DataFrame]:
    """Yield all dead letters by file and row.

    Args:
        chunks: what `write_letters` returned.
        piece_rows: the rows of each piece of a text file, in which rows are numbered from the first byte of the piece.
    """
    offsets = _row_offsets(piece_rows)
    for part in merge_chunks(chunks, KEY, PART_BYTES):
        for letters in part.sort(KEY).partition_by("file", maintain_order=True):
            path = letters.item(0, "file")
            if path in offsets:
                starts, shifts = offsets[path]
                rows = letters.get_column("row").to_numpy()
                rows = rows + shifts[np.searchsorted(starts, rows, side="left") - 1]
                letters = letters.with_columns(pl.Series("row", rows))
            yield letters


def _row_offsets(piece_rows: Iterable[PieceRows]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return, by file, the first bytes of its pieces and what to add to the numbers of their rows."""
    pieces: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for piece, rows in piece_rows:
        pieces[piece.path].append((piece.start, rows))
    offsets = {}
    for path, counts in pieces.items():
        starts, rows_of = np.array(sorted(counts), np.int64).T
        offsets[path] = starts, np.cumsum(rows_of) - rows_of - starts
    return offsets
