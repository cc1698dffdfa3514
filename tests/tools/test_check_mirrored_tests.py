"""The check that every source file has a test at the mirrored path."""

from __future__ import annotations

from pathlib import Path

from tools.check_mirrored_tests import mirrored_test, problems


def write(project: Path, *files: str) -> None:
    for file in files:
        path = project / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_the_path_of_a_test_mirrors_that_of_its_source() -> None:
    assert mirrored_test(Path("models/rankers/din.py")) == Path("tests/models/rankers/test_din.py")


def test_a_file_without_a_test_is_named(tmp_path: Path) -> None:
    write(
        tmp_path, "models/din.py", "models/tin.py", "tests/models/test_tin.py", "models/__init__.py", "serving/a_pb2.py"
    )
    assert problems(tmp_path, {}) == [
        "models/din.py should be tested by tests/models/test_din.py, which does not exist"
    ]


def test_a_file_without_logic_needs_no_test(tmp_path: Path) -> None:
    write(tmp_path, "models/din.py")
    assert problems(tmp_path, {"models/din.py": "constants"}) == []


def test_an_entry_that_is_not_needed_is_named(tmp_path: Path) -> None:
    write(tmp_path, "models/din.py", "tests/models/test_din.py")
    assert problems(tmp_path, {"models/din.py": "constants", "models/old.py": "constants"}) == [
        "models/din.py is listed as a file without a test, but has one or does not exist",
        "models/old.py is listed as a file without a test, but has one or does not exist",
    ]
