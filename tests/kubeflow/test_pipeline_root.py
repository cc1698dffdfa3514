"""Roots that the backend can run with, and why it cannot with others."""

from __future__ import annotations

import pytest

from interestflow.kubeflow.pipeline_root import normalized_root, root_mistake


@pytest.mark.parametrize(
    "root", ["gs://shop", "s3://shop-models/a/b", "minio://mlpipeline/v2/artifacts", "gs://shop/a/"]
)
def test_roots_that_work(root: str) -> None:
    assert root_mistake(root) is None


SCHEMES = "should begin with gs://, s3://, minio://, such as gs://shop-models/interestflow"
REFUSED = {
    "/mnt/artifacts": SCHEMES,
    "file:///mnt": SCHEMES,
    "hdfs://name/a": SCHEMES,
    "mem://shop": SCHEMES,
    "shop/a": SCHEMES,
    "": SCHEMES,
    "gs:/shop": SCHEMES,
    "s3://": "should name a bucket after s3://, such as gs://shop-models/interestflow",
    "gs:///a": "should name a bucket after gs://, such as gs://shop-models/interestflow",
    "gs://shop/a ": "should have no blanks",
    "gs://shop/a b": "should have no blanks",
    "s3://shop/a?endpoint=x": "should have no `?`, `#` or backslash, since the store is described in ConfigMap "
    "kfp-launcher",
    "gs://shop//a": "should have no empty folder, `.` or `..` in its path",
    "gs://shop/../a": "should have no empty folder, `.` or `..` in its path",
}


@pytest.mark.parametrize(("root", "reason"), REFUSED.items())
def test_roots_that_fail_on_the_cluster(root: str, reason: str) -> None:
    assert root_mistake(root) == f"{reason}, received {root!r}"


def test_paths_below_a_root_have_single_slashes() -> None:
    assert normalized_root("gs://shop/a//") == "gs://shop/a"
