"""URIs of artifacts, and the local paths to which Kubeflow's launcher copies them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from interestflow.kubeflow.step.errors import StepInputError

STEP_ROOT = "INTERESTFLOW_STEP_ROOT"
"""Environment variable with the folder that stands for `/` in front of the launcher's paths. `run-compiled` sets it to
a private folder for each step that it runs as a process; in a container it is unset."""
FOLDERS: Mapping[str, str] = {"gs": "gcs", "s3": "s3", "minio": "minio"}
"""Top-level folder of the launcher by scheme: `LocalPathForURI` in backend/src/v2/component/launcher_v2.go, 2.16.1."""


def is_below(uri: str, root: str) -> bool:
    """Return whether a URI or path is `root` or lies below it."""
    root = root.rstrip("/")
    return uri == root or uri.startswith(f"{root}/")


@dataclass(frozen=True)
class Locations:
    """Conversion of URIs to the launcher's paths and back. Keys of objects are taken as they are, without quoting.

    Attributes:
        folder: folder that stands for `/` in front of the paths; empty in a container.
    """

    folder: str = ""

    @classmethod
    def from_environment(cls) -> Locations:
        """Return the conversion with the folder of the environment variable `INTERESTFLOW_STEP_ROOT`."""
        return cls(os.environ.get(STEP_ROOT, "").rstrip("/"))

    def path(self, uri: str) -> str:
        """Return the path of a URI, e.g. `/gcs/bucket/key` of `gs://bucket/key`.

        Raises:
            StepInputError: if the launcher knows no path for the URI, or the path would leave the bucket's folder.
        """
        scheme, separator, key = uri.partition("://")
        if not separator or scheme not in FOLDERS:
            raise StepInputError(f"a URI should begin with {_schemes()}, received {uri!r}")
        parts = key.split("/")
        if not parts[0] or {".", ".."} & set(parts) or "\0" in key:
            raise StepInputError(f"a URI should be SCHEME://BUCKET/KEY without `.` and `..` in it, received {uri!r}")
        return f"{self.folder}/{FOLDERS[scheme]}/{key}"

    def uri(self, path: str) -> str:
        """Return the URI of a path that `path` returned.

        Raises:
            StepInputError: if the path is not below the launcher's folders.
        """
        for scheme, folder in FOLDERS.items():
            prefix = f"{self.folder}/{folder}/"
            if path.startswith(prefix):
                return f"{scheme}://{path.removeprefix(prefix)}"
        raise StepInputError(
            f"a path should be below {self.folder}/{{{','.join(FOLDERS.values())}}}, received {path!r}"
        )

    def local(self, path: str) -> str:
        """Return a path of the backend, such as that of the output file, below `folder`."""
        if not path.startswith("/"):
            raise StepInputError(f"a path of the backend should begin with `/`, received {path!r}")
        return f"{self.folder}{path}"


def _schemes() -> str:
    """Return the known schemes as they stand in a message."""
    return ", ".join(f"`{scheme}://`" for scheme in FOLDERS)
