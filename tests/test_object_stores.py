"""The object stores of the tests keep what is written, each test in a bucket of its own."""

from __future__ import annotations

import pytest

from tests.object_stores import ObjectStore


@pytest.fixture(params=["s3", "gcs"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    found: ObjectStore = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("content", [b"one", b"two"])
def test_what_is_written_is_read(store: ObjectStore, content: bytes) -> None:
    assert store.files() == {}
    store.write({"folder/file": content, "folder/": b""})
    assert store.files() == {"folder/": b"", "folder/file": content}
    assert store.url.startswith(f"{store.scheme}://bucket-")
