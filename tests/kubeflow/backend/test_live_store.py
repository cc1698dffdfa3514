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
    roots = (f"{s3.url}/x", f"{s3.url}/x".replace("s3://", "minio://"), f"{gcs.url}/x")
    assert [type(open_live_store(root)) for root in roots] == [S3Store, S3Store, GSStore]


def test_a_store_that_does_not_answer_is_refused(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        RefusedError, match=r"`--object-store live`: s3://no-such-bucket/x/ cannot be listed: .*NoSuchB"
    ):
        open_live_store("s3://no-such-bucket/x")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    with pytest.raises(RefusedError, match="needs the variable AWS_ENDPOINT_URL for a root on minio://"):
        open_live_store("minio://mlpipeline/v2")


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
