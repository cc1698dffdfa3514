"""The pipeline root: the URL below which Kubeflow Pipelines keeps the artifacts of all runs."""

from __future__ import annotations

import re

SCHEMES = ("gs", "s3", "minio")
"""Schemes that the backend fetches from and uploads to. Its API accepts any root, and the run fails later."""
ROOT = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<bucket>[^/]*)(?P<path>/.*)?")
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
EXAMPLE = "such as gs://shop-models/interestflow"


def normalized_root(root: str) -> str:
    """Return a root without the slashes at its end, which paths below it would double."""
    return root.rstrip("/")


def root_mistake(root: str) -> str | None:
    """Return why the backend could not run a pipeline with this root, as "should ..., received ..."; None if it can."""
    received = f"received {root!r}"
    if root != root.strip() or re.search(r"\s", root):
        return f"should have no blanks, {received}"
    match = ROOT.fullmatch(root)
    if match is None or match["scheme"] not in SCHEMES:
        return f"should begin with {', '.join(f'{scheme}://' for scheme in SCHEMES)}, {EXAMPLE}, {received}"
    if not BUCKET.fullmatch(match["bucket"]):
        return f"should name a bucket after {match['scheme']}://, {EXAMPLE}, {received}"
    path = (match["path"] or "").rstrip("/")
    if "?" in root or "#" in root or "\\" in root:
        return (
            f"should have no `?`, `#` or backslash, since the store is described in ConfigMap kfp-launcher, {received}"
        )
    if {"", ".", ".."} & set(path.split("/")[1:]):
        return f"should have no empty folder, `.` or `..` in its path, {received}"
    return None
