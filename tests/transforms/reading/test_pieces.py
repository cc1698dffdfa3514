"""Files are cut into pieces, and small ones are grouped."""

from __future__ import annotations

from apache_beam.io.filesystem import FileMetadata

from interestflow.transforms.reading.pieces import MAX_GROUP_FILES, FilePiece, cut_files


def test_a_large_file_is_cut_and_small_ones_share_a_group() -> None:
    """With pieces of 100 bytes: 250 bytes are three pieces; 30 and 40 and 20 bytes fit together, 50 more do not."""
    sizes = {"a.csv": 250, "b.csv": 30, "c.csv": 40, "d.csv": 20, "e.csv": 50}
    groups = cut_files([FileMetadata(path, size) for path, size in sizes.items()], piece_bytes=100)
    assert groups == [
        [FilePiece(0, "a.csv", 0, 100)],
        [FilePiece(0, "a.csv", 100, 100)],
        [FilePiece(0, "a.csv", 200, 100)],
        [FilePiece(1, "b.csv"), FilePiece(2, "c.csv"), FilePiece(3, "d.csv")],
        [FilePiece(4, "e.csv")],
    ]


def test_a_compressed_file_stays_whole() -> None:
    for path in ("a.csv.gz", "a.jsonl.zst", "a.parquet.gz"):
        assert cut_files([FileMetadata(path, 10**6)], 100, 100) == [[FilePiece(0, path)]]


def test_parquet_is_cut_into_pieces_of_its_own_size() -> None:
    ((first,), (second,)) = cut_files([FileMetadata("a.parquet", 60)], 100, 30)
    assert (first.start, second.start, second.step) == (0, 30, 30)


def test_ten_thousand_small_files_are_few_groups() -> None:
    groups = cut_files([FileMetadata(f"{index}.csv", 1000) for index in range(10_000)])
    assert len(groups) == -(-10_000 // MAX_GROUP_FILES)
    assert [piece.file for group in groups for piece in group] == list(range(10_000))


def test_an_empty_file_is_a_piece() -> None:
    assert cut_files([FileMetadata("a.csv", 0)], 100) == [[FilePiece(0, "a.csv")]]
