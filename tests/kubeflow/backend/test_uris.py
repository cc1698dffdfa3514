"""Roots that the backend opens, and the paths of URIs inside of a step."""

from __future__ import annotations

import pytest

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.uris import bucket_of, join_uri, local_path, validate_root


@pytest.mark.parametrize("root", ["gs://bucket", "s3://models/final", "minio://mlpipeline/v2/artifacts/"])
def test_roots_on_the_three_schemes_are_accepted(root: str) -> None:
    assert validate_root(root, "`--pipeline-root`") == root.rstrip("/")


@pytest.mark.parametrize("root", ["/tmp/x", "file:///tmp/x", "hdfs://name/x", "s3://", "S3://bucket", "runs", ""])
def test_other_roots_are_refused(root: str) -> None:
    with pytest.raises(RefusedError, match="`--pipeline-root` should be a folder on gs://, s3:// or minio://, but is"):
        validate_root(root, "`--pipeline-root`")


def test_a_query_is_refused() -> None:
    with pytest.raises(RefusedError, match="`root` should have no query"):
        validate_root("s3://bucket/x?region=eu", "`root`")


def test_uris_are_joined_as_the_driver_joins_them() -> None:
    assert join_uri("s3://b/root/", "demo", "run", "Trainer", "model") == "s3://b/root/demo/run/Trainer/model"


@pytest.mark.parametrize(
    ("uri", "path"),
    [("gs://b/k", "/gcs/b/k"), ("s3://b/k/l", "/s3/b/k/l"), ("minio://b/k", "/minio/b/k"), ("hdfs://b/k", None),
     ("/tmp/x", None)],
)  # fmt: skip
def test_a_uri_has_the_launchers_path(uri: str, path: str | None) -> None:
    assert local_path(uri) == path


def test_a_bucket_is_scheme_and_name() -> None:
    assert [bucket_of(uri) for uri in ("s3://b/k/l", "gs://b", "nonsense")] == ["s3://b", "gs://b", "nonsense"]
