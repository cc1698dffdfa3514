"""Every step finds the launcher's folders, a home, a temporary and an empty folder."""

from __future__ import annotations

from pathlib import Path

from interestflow.kubeflow.backend.engine import make_private_folders


def test_the_private_folders(tmp_path: Path) -> None:
    make_private_folders(tmp_path / "new" / "root")
    names = {path.name for path in (tmp_path / "new" / "root").iterdir()}
    assert names == {"gcs", "s3", "minio", "work", "home", "tmp"}
