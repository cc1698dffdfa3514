"""Buckets of Google Cloud Storage: what is wrong with one is said in words, and soon."""

from __future__ import annotations

import time

import pytest

from interestflow import storage
from interestflow.storage import StorageError
from tests.object_stores import ObjectStore, free_port


def test_a_missing_bucket_of_google_is_said(gcs: ObjectStore) -> None:
    with pytest.raises(StorageError, match=r"^gs://missing/a cannot be read: .*no bucket missing$"):
        storage.read_bytes("gs://missing/a")


def test_a_store_that_does_not_answer_is_reported_soon(gcs: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)
    began = time.monotonic()
    with pytest.raises(StorageError, match=f"{gcs.url}/a cannot be read: {endpoint} does not answer"):
        storage.exists(f"{gcs.url}/a")
    assert time.monotonic() - began < 22.0


def test_credentials_that_cannot_be_used_are_reported(gcs: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/missing/key.json")
    with pytest.raises(StorageError, match=f"^{gcs.url}/a cannot be read: .*/missing/key.json"):
        storage.exists(f"{gcs.url}/a")
