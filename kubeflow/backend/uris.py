"""URIs of artifacts, and the paths that the launcher gives them inside of a step."""

from __future__ import annotations

import posixpath
import re

from interestflow.kubeflow.backend.errors import RefusedError

MOUNTS = {"gs": "/gcs", "s3": "/s3", "minio": "/minio"}
"""Folder of the step by scheme. No other scheme can be a root."""
_ROOT = re.compile(r"^(?P<scheme>[a-z][a-z0-9]*)://(?P<bucket>[^/?]+)(?P<prefix>/[^?]*)?(?P<query>\?.+)?$")


def validate_root(root: str, source: str) -> str:
    """Return the root of a run without a closing slash.

    Args:
        root: URL of the folder of all artifacts.
        source: where it was given, for the message.

    Raises:
        RefusedError: the backend's driver could not open it.
    """
    match = _ROOT.match(root)
    if match is None or match["scheme"] not in MOUNTS:
        raise RefusedError(f"{source} should be a folder on gs://, s3:// or minio://, but is {root!r}")
    if match["query"]:
        raise RefusedError(f"{source} should have no query, but is {root!r}")
    return root.rstrip("/")


def join_uri(root: str, *names: str) -> str:
    """Return the URI of something below a root, as the driver joins them."""
    return f"{root.rstrip('/')}/{posixpath.normpath(posixpath.join(*names))}"


def bucket_of(uri: str) -> str:
    """Return scheme and bucket of a URI, e.g. `s3://models`; the whole text where it has neither."""
    match = _ROOT.match(uri)
    return f"{match['scheme']}://{match['bucket']}" if match else uri


def local_path(uri: str) -> str | None:
    """Return the path inside of a step that stands for a URI, or None where the launcher knows none."""
    scheme, separator, remainder = uri.partition("://")
    if not separator or scheme not in MOUNTS:
        return None
    return f"{MOUNTS[scheme]}/{remainder}"
