"""Section `storage`: which places it takes, and that they decide nothing about a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.pipeline.config import load
from tests.pipeline.small_config import BASE, mistakes_in, write

PLACES = "a local path, gs://BUCKET/PATH or s3://BUCKET/PATH"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("hdfs://host/a", f"should be {PLACES}, received 'hdfs://host/a'"),
        (
            "minio://mlpipeline/a",
            f"should be {PLACES}, received 'minio://mlpipeline/a'; minio:// is known to Kubeflow's launcher alone: "
            "write s3://, with AWS_ENDPOINT_URL in the environment",
        ),
        ("s3:///a", "should name a bucket, as in s3://BUCKET/PATH, received 's3:///a'"),
        ("s3://key:secret@bucket/a", "should hold no credentials, which come from the environment"),
        ("", f"should be {PLACES}, received nothing"),
    ],
)
@pytest.mark.parametrize("key", ["serving_folder", "backups_folder"])
def test_an_impossible_place_is_refused_with_key_file_and_line(
    tmp_path: Path, key: str, place: str, message: str
) -> None:
    text = f"{BASE}storage:\n  {key}: '{place}'\n"
    line = text.count("\n")
    assert mistakes_in(tmp_path, text) == [f"`storage.{key}` {message} (small.yaml, line {line})"]


def test_places_change_no_fingerprint(tmp_path: Path) -> None:
    plain = load(write(tmp_path, BASE))
    placed = load(write(tmp_path, f"{BASE}storage: {{serving_folder: /a, backups_folder: 's3://b'}}\n"))
    assert placed.storage.serving_folder == "/a"
    assert plain.for_training() == placed.for_training()
    assert plain.for_baseline() == placed.for_baseline()
    assert plain.for_evaluation() == placed.for_evaluation()


def test_a_home_folder_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert load(write(tmp_path, f"{BASE}storage: {{serving_folder: ~/models/}}\n")).storage.serving_folder == (
        "/home/somebody/models"
    )
