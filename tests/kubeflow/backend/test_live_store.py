"""The live stores, against servers on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.kubeflow.backend.errors import RefusedError, StepError
from interestflow.kubeflow.backend.live_store import GSStore, S3Store, open_live_store
from tests.kubeflow.backend.test_run import chain
from tests.kubeflow.backend.toy_pipelines import outcomes, run_steps
from tests.object_stores import ObjectStore


def test_the_store_of_a_root(s3: ObjectStore, gcs: ObjectStore) -> None:
    kinds = [type(open_live_store(root)) for root in ("s3://b/x", "minio://b/x", "gs://b/x")]
    assert kinds == [S3Store, S3Store, GSStore]


@pytest.mark.parametrize("name", ["s3", "gcs"])
def test_objects_are_stored_listed_by_bare_prefix_and_read(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server: ObjectStore = request.getfixturevalue(name)
    store = open_live_store(server.url)
    source = tmp_path / "source"
    source.write_bytes(b"")
    for key in ("t/model/a", "t/model_run/c", "t/other"):
        store.put(source, f"{server.url}/{key}")
        source.write_bytes(key.encode())
    assert server.files() == {"t/model/a": b"", "t/model_run/c": b"t/model/a", "t/other": b"t/model_run/c"}
    assert sorted(store.list(f"{server.url}/t/model")) == [f"{server.url}/t/model/a", f"{server.url}/t/model_run/c"]
    store.get(f"{server.url}/t/other", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"t/model_run/c"
    assert store.place(f"{server.url}/t/other") == f"{server.url}/t/other"


@pytest.mark.parametrize("name", ["s3", "gcs"])
def test_what_is_not_there_is_one_sentence(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    server: ObjectStore = request.getfixturevalue(name)
    store = open_live_store(server.url)
    with pytest.raises(StepError, match=f"{server.url}/none cannot be read: "):
        store.get(f"{server.url}/none", tmp_path / "copy")
    missing = f"{server.scheme}://no-such-bucket-anywhere"
    with pytest.raises(StepError, match=f"{missing}/x cannot be listed: "):
        list(store.list(f"{missing}/x"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(StepError, match=f"{missing}/x cannot be stored: "):
        store.put(tmp_path / "file", f"{missing}/x")


def test_a_run_keeps_its_artifacts_in_the_live_store_and_is_served_from_the_cache(
    s3: ObjectStore, tmp_path: Path
) -> None:
    root = f"{s3.url}/toy"
    assert set(outcomes(run_steps(tmp_path, chain(), root=root, store=open_live_store(root))).values()) == {"done"}
    assert {key.split("/")[3] for key in s3.files()} == {"Write", "Double", "Show"}
    assert set(outcomes(run_steps(tmp_path, chain(), root=root, store=open_live_store(root))).values()) == {"cached"}


def test_without_credentials_s3_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(RefusedError, match="found no credentials for s3: set AWS_ACCESS_KEY_ID and"):
        open_live_store("s3://b/x")


def test_without_credentials_gs_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(RefusedError, match="found no credentials for gs: "):
        open_live_store("gs://b/x")
