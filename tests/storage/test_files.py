"""Files of the local disk."""

from __future__ import annotations

import threading
from pathlib import Path

from interestflow.storage.files import LocalDisk, first_line


def test_a_reader_sees_all_of_the_old_content_or_all_of_the_new(tmp_path: Path) -> None:
    path, contents, observed = tmp_path / "file", [b"a" * 2**20, b"b" * 2**20], set[bytes]()
    LocalDisk().write(str(path), contents[0])
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            observed.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for index in range(40):
        LocalDisk().write(str(path), contents[index % 2])
    ended.set()
    reader.join()
    assert observed <= set(contents)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_files_behind_a_link_to_a_folder_are_files_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "data").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "elsewhere")
    assert list(LocalDisk().file_names(str(tmp_path / "folder"))) == ["link/data"]


def test_an_error_is_one_line() -> None:
    assert first_line(ValueError("first\nsecond")) == "first"
    assert first_line(ValueError()) == "ValueError"
