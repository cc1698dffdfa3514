"""Sorted runs are merged chunk by chunk."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import polars as pl

from interestflow.transforms.ingestion.shuffle_files import FrameFile
from interestflow.transforms.ingestion.sorted_chunks import Chunk, cut_between_keys, cut_frame, merge_chunks

KEY = ("user", "time")


def rows(seed: int, count: int) -> pl.DataFrame:
    """Return sorted rows with few distinct keys."""
    random = np.random.default_rng(seed)
    users = pl.Series("user", random.integers(0, 3, count)).cast(pl.String)
    return pl.DataFrame({"user": users, "time": random.integers(0, 40, count), "run": [seed] * count}).sort(KEY)


def store(folder: Path, frames: list[pl.DataFrame], chunk_bytes: int) -> list[Chunk]:
    """Store sorted frames in chunks."""
    with FrameFile(str(folder / "chunks.arrow")) as file:
        return [
            Chunk(file.write(part), first) for frame in frames for first, part in cut_frame(frame, KEY, chunk_bytes)
        ]


def test_a_frame_is_cut_into_parts_that_know_their_first_key() -> None:
    frame = pl.DataFrame({"user": ["a", "a", "b"], "time": [1, 2, 0]})
    parts = list(cut_frame(frame, KEY, 1))
    assert [first for first, _ in parts] == [("a", 1), ("a", 2), ("b", 0)]
    assert pl.concat([part for _, part in parts]).equals(frame)


def test_merged_parts_follow_one_another_and_share_no_key(tmp_path: Path) -> None:
    frames = [rows(seed, 500) for seed in range(4)]
    parts = list(merge_chunks(store(tmp_path, frames, 1000), KEY, 3000))
    assert len(parts) > 5
    keys = [part.select(KEY).unique().sort(KEY).rows() for part in parts]
    assert all(before[-1] < after[0] for before, after in itertools.pairwise(keys))
    assert pl.concat(parts).sort(pl.all()).equals(pl.concat(frames).sort(pl.all()))


def test_chunks_in_no_order_are_read_before_all_others(tmp_path: Path) -> None:
    with FrameFile(str(tmp_path / "chunks.arrow")) as file:
        late, early = (file.write(rows(0, 40).filter(user=user)) for user in ("2", "0"))
    parts = list(merge_chunks([Chunk(early, ("0", 0)), Chunk(late)], KEY, 1))
    assert [part.get_column("user").unique(maintain_order=True).to_list() for part in parts] == [["2", "0"]]


def test_a_slice_ends_between_two_keys() -> None:
    """Six rows of 5 bytes each; two rows make a slice, but the key of the second one has three."""
    frame = pl.DataFrame({"user": ["a", "a", "a", "a", "b", "c"], "time": [1, 2, 2, 2, 3, 3]})
    parts = list(cut_between_keys(frame, KEY, frame.estimated_size() // 3))
    assert [part.height for part in parts] == [4, 2]
    assert [part.height for part in cut_between_keys(frame, KEY, 10**6)] == [6]
    assert [part.height for part in cut_between_keys(frame, KEY, 1)] == [1, 3, 1, 1]
