"""Lines of JSON are read as rows of text or malformed lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.transforms.reading.files import TableError
from tests.transforms.reading.file_rows import read_rows, table_config

MALFORMED_JSON = [
    (b'{"a": 1', "Expecting ',' delimiter at character 8"),
    (b"5", "it is a int"),
    (b'[{"a": 1}]', "it is a list"),
    (b'{"a": NaN}', "NaN is not JSON"),
    (b'{"a": "\xff"}', "not UTF-8"),
    (b'{"a": 1} {"a": 2}', "Extra data at character 10"),
]


@pytest.mark.parametrize(("line", "reason"), MALFORMED_JSON)
def test_only_the_lines_that_are_not_json_objects_are_malformed(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n\n' + line + b'\n{"a": 2}')
    for block_bytes in (1, 1 << 20):
        rows, malformed = read_rows(path, table_config("jsonl"), ["a"], block_bytes=block_bytes)
        assert rows == [(1, "1"), (3, "2")]
        assert malformed == [(2, f"not a JSON object: {reason}", line.decode(errors="replace"))]


def test_json_values_are_normalized_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    values = ["4", "4.0", "4.5", "-1", "true", '"x"', '"4"', "null", '["a", 1]', '{"k": 2}', "12345678901234567890"]
    path.write_text("\n".join(f'{{"a": {value}}}' for value in values) + '\n{"b": 1}\n')
    rows, malformed = read_rows(path, table_config("jsonl"), ["a"])
    assert malformed == []
    assert [value for _, value in rows] == [
        "4", "4", "4.5", "-1", "true", "x", "4", None, '["a", 1]', '{"k": 2}', "12345678901234567890", None,
    ]  # fmt: skip


def test_a_rare_key_is_a_column(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n' * 2000 + '{"a": 1, "rare": 2}\n')
    assert read_rows(path, table_config("jsonl"), ["rare"])[0][-1] == (2001, "2")
    with pytest.raises(TableError, match="should have a column `rarer`, received"):
        read_rows(path, table_config("jsonl"), ["rarer"])
