"""Sizes of the shuffle follow from the log and from the memory."""

from __future__ import annotations

from apache_beam.io.filesystem import FileMetadata

from interestflow.transforms.ingestion.plan import MIN_CHUNK_BYTES, plan_shuffle

MB, GB = 2**20, 2**30


def test_the_number_of_shards_grows_with_the_text_within_bounds() -> None:
    assert plan_shuffle([FileMetadata("a.csv", 10)], 4 * GB).shards == 8
    assert plan_shuffle([FileMetadata("a.csv", 200 * MB)], 4 * GB).shards == 25
    assert plan_shuffle([FileMetadata("a.csv", 100 * MB), FileMetadata("b.csv", 100 * MB)], 4 * GB).shards == 25
    assert plan_shuffle([FileMetadata("a.parquet", 50 * MB)], 4 * GB).shards == 25
    assert plan_shuffle([FileMetadata("a.csv.gz", 50 * MB)], 4 * GB).shards == 25
    assert plan_shuffle([FileMetadata("a.csv", 1000 * GB)], 4 * GB).shards == 1024


def test_what_a_worker_holds_is_a_share_of_the_memory() -> None:
    small, large = (plan_shuffle([FileMetadata("a.csv", 10)], memory) for memory in (GB, 4 * GB))
    assert (small.buffer_bytes, small.slice_bytes) == (GB // 16, GB // 32)
    assert (large.buffer_bytes, large.slice_bytes) == (GB // 4, GB // 8)


def test_one_chunk_of_each_scratch_file_fits_into_the_buffer() -> None:
    plan = plan_shuffle([FileMetadata("a.csv", 100 * GB)], 4 * GB)
    scratch_files = 3 * 100 * GB // plan.buffer_bytes
    assert plan.chunk_bytes * scratch_files <= plan.buffer_bytes
    assert plan_shuffle([FileMetadata("a.csv", 10**15)], GB).chunk_bytes == MIN_CHUNK_BYTES
