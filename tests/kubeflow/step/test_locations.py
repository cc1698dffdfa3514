"""URIs become the launcher's paths, and paths become the same URIs again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.locations import STEP_ROOT, Locations, is_below

PARTS = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda part: part not in (".", "..")
)


@given(
    scheme=st.sampled_from(["gs", "s3", "minio"]),
    parts=st.lists(PARTS, min_size=1, max_size=5),
    folder=st.sampled_from(["", "/private folder/Ordner für Schritte", "/s3", "/gcs/bucket"]),
)
def test_any_key_is_the_same_after_both_conversions(scheme: str, parts: list[str], folder: str) -> None:
    uri = f"{scheme}://{'/'.join(parts)}"
    locations = Locations(folder)
    path = locations.path(uri)
    assert path.startswith(f"{folder}/")
    assert path.endswith("/".join(parts))
    assert locations.uri(path) == uri


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("gs://bucket/a/b", "/gcs/bucket/a/b"),
        ("s3://bucket/Käufe März", "/s3/bucket/Käufe März"),
        ("minio://mlpipeline/v2/artifacts", "/minio/mlpipeline/v2/artifacts"),
        ("s3://bucket/50%25", "/s3/bucket/50%25"),
        ("gs://bucket", "/gcs/bucket"),
    ],
)
def test_paths_are_those_of_the_launcher(uri: str, path: str) -> None:
    assert Locations().path(uri) == path
    assert Locations("/tmp/step").path(uri) == f"/tmp/step{path}"


@pytest.mark.parametrize("uri", ["hdfs://host/a", "/tmp/a", "a", "", "oci://image", "file:///tmp/a", "S3://bucket/a"])
def test_other_schemes_are_refused_by_name(uri: str) -> None:
    with pytest.raises(StepInputError) as error:
        Locations().path(uri)
    assert str(error.value) == f"a URI should begin with `gs://`, `s3://`, `minio://`, received {uri!r}"


@pytest.mark.parametrize("uri", ["s3://", "s3:///a", "s3://bucket/../a", "s3://bucket/a/..", "gs://./a", "gs://b/a\0"])
def test_keys_that_leave_the_bucket_are_refused(uri: str) -> None:
    with pytest.raises(StepInputError, match=r"SCHEME://BUCKET/KEY without"):
        Locations().path(uri)


def test_a_path_elsewhere_has_no_uri() -> None:
    with pytest.raises(StepInputError, match=r"should be below /step/\{gcs,s3,minio\}, received '/s3/bucket/a'"):
        Locations("/step").uri("/s3/bucket/a")


def test_the_folder_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STEP_ROOT, raising=False)
    assert Locations.from_environment() == Locations("")
    monkeypatch.setenv(STEP_ROOT, "/tmp/step/")
    assert Locations.from_environment() == Locations("/tmp/step")
    assert Locations.from_environment().local("/tmp/kfp/output.json") == "/tmp/step/tmp/kfp/output.json"
    with pytest.raises(StepInputError, match=r"should begin with `/`, received 'output.json'"):
        Locations().local("output.json")


def test_a_name_that_only_begins_alike_is_not_below() -> None:
    assert is_below("s3://bucket/root", "s3://bucket/root/")
    assert is_below("s3://bucket/root/a", "s3://bucket/root")
    assert not is_below("s3://bucket/root_2/a", "s3://bucket/root")
