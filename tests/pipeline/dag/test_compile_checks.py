"""What `interestflow compile` refuses: one line for each reason, with key, file and line, or with the option."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.pipeline.config import load
from interestflow.pipeline.dag.compile_checks import ConfigSource, Graph, Place, compile_mistakes

BASE = """\
name: shop
data:
  folder: gs://shop-logs/clicks
  events: {path: events.csv, format: csv, user: user, item: item, timestamp: timestamp}
tasks:
  - {name: click, label: {column: click}}
model: {name: din}
kubeflow:
  image: ghcr.io/shop/interestflow:1
  pipeline_root: gs://shop-models/root
"""
GRAPH = Graph(["InputFinder", "LogExampleGen", "Trainer", "Pusher"], frozenset({"Trainer"}))
SERVING = Place("storage.serving_folder", "gs://shop-models/root/shop/serving", ["ChampionFinder", "Pusher"])


def mistakes(
    folder: Path, text: str = BASE, places: tuple[Place, ...] = (SERVING,), options: dict[str, str] | None = None
) -> list[str]:
    """Return the sentences that refuse a configuration, less the file's folder."""
    path = folder / "shop.yaml"
    path.write_text(text)
    found = compile_mistakes(load(path), GRAPH, places, ConfigSource(path, options or {}))
    return [sentence.replace(f"{folder}/", "").replace(str(folder), "FOLDER") for sentence in found]


def test_what_can_run_on_a_cluster(tmp_path: Path) -> None:
    assert mistakes(tmp_path) == []


REPLACED = {
    "a log that only a local run generates": (
        "data:\n",
        "generate: {events: 1000}\ndata:\n",
        ["`generate` should be left out, since only `interestflow run` generates a log: write one to `data.folder` "
         "with `interestflow generate-logs` (shop.yaml, line 2)"],
    ),
    "no image": (
        "  image: ghcr.io/shop/interestflow:1\n",
        "",
        ["`kubeflow.image` should be the image of the steps, such as ghcr.io/shop/interestflow:1.0; it is "
         "missing (shop.yaml, line 8)"],
    ),
    "the name of a local build": (
        "ghcr.io/shop/interestflow:1",
        "interestflow:latest",
        ["`kubeflow.image` should be an image in a registry that the cluster pulls from, such as "
         "ghcr.io/shop/interestflow:1.0, received the placeholder 'interestflow:latest' (shop.yaml, line 9)"],
    ),
    "the image of an example": (
        "ghcr.io/shop/interestflow:1",
        "registry.example.com/interestflow:1",
        ["`kubeflow.image` should be an image in a registry that the cluster pulls from, such as "
         "ghcr.io/shop/interestflow:1.0, received the placeholder 'registry.example.com/interestflow:1' "
         "(shop.yaml, line 9)"],
    ),
    "no name of an image": (
        "ghcr.io/shop/interestflow:1",
        "ghcr.io/Shop/<name>",
        ["`kubeflow.image` should be the name of an image, such as ghcr.io/shop/interestflow:1.0, received "
         "'ghcr.io/Shop/<name>' (shop.yaml, line 9)"],
    ),
    "no image for GPUs": (
        "kubeflow:\n",
        "kubeflow:\n  trainer_gpus: 1\n",
        ["`kubeflow.gpu_image` should be the image of the steps with GPUs, Trainer; it is missing "
         "(shop.yaml, line 8)"],
    ),
    "the example image for GPUs": (
        "kubeflow:\n",
        "kubeflow:\n  gpu_image: interestflow-gpu\n",
        ["`kubeflow.gpu_image` should be an image in a registry that the cluster pulls from, such as "
         "ghcr.io/shop/interestflow:1.0, received the placeholder 'interestflow-gpu' (shop.yaml, line 9)"],
    ),
    "disk beside GPUs": (
        "kubeflow:\n",
        "kubeflow:\n  gpu_image: ghcr.io/shop/gpu:1\n  trainer_gpus: 1\n  steps: {Trainer: {disk: 9Gi}}\n",
        ["`kubeflow.steps.Trainer.disk` should be left out where the step has GPUs, since Kubeflow Pipelines has one "
         "field for both, received '9Gi' (shop.yaml, line 11)"],
    ),
    "a type of no GPUs": (
        "kubeflow:\n",
        "kubeflow:\n  steps: {Pusher: {gpu_type: amd.com/gpu}}\n",
        ["`kubeflow.steps.Pusher.gpu_type` should be left out where the step has no GPUs, received 'amd.com/gpu' "
         "(shop.yaml, line 9)"],
    ),
    "no root": (
        "  pipeline_root: gs://shop-models/root\n",
        "",
        ["`kubeflow.pipeline_root` should be a URL for the artifacts, such as gs://shop-models/interestflow; it "
         "is missing (shop.yaml, line 8)"],
    ),
    "the bucket of an example": (
        "gs://shop-models/root",
        "gs://my-bucket/interestflow",
        ["`kubeflow.pipeline_root` should name a bucket of yours, received the placeholder "
         "'gs://my-bucket/interestflow' (shop.yaml, line 10)"],
    ),
    "a root that the backend refuses later": (
        "gs://shop-models/root",
        "hdfs://name/root",
        ["`kubeflow.pipeline_root` should begin with gs://, s3://, minio://, such as gs://shop-models/interestflow, "
         "received 'hdfs://name/root' (shop.yaml, line 10)"],
    ),
    "logs of this machine": (
        "gs://shop-logs/clicks",
        "/home/me/logs",
        ["`data.folder` should be a URL, or lie below the `mount_path` of one of `kubeflow.volumes` in InputFinder, "
         "LogExampleGen, received '/home/me/logs' (shop.yaml, line 3)"],
    ),
    "logs beside the file": (
        "  folder: gs://shop-logs/clicks\n",
        "",
        ["`data.folder` should be a URL, or lie below the `mount_path` of one of `kubeflow.volumes` in InputFinder, "
         "LogExampleGen, received 'FOLDER', its default (shop.yaml, line 2)"],
    ),
    "logs in minio": (
        "gs://shop-logs/clicks",
        "minio://mlpipeline/logs",
        ["`data.folder` should be a folder on a volume, or a URL with gs:// or s3://: only Kubeflow Pipelines itself "
         "knows minio://, which is s3:// with an endpoint; received 'minio://mlpipeline/logs' (shop.yaml, line 3)"],
    ),
    "unknown steps": (
        "kubeflow:\n",
        "kubeflow:\n  steps: {Trainr: {cpu: 1}, Trainer: {cpu: 2}}\n"
        "  volumes: [{claim: a, mount_path: /a, steps: [Trainer, Push]}]\n"
        "  secrets: [{name: b, env: {B: b}, steps: [Push]}]\n",
        ["`kubeflow.steps.Trainr` should be one of the steps InputFinder, LogExampleGen, Trainer, Pusher, received "
         "'Trainr' (shop.yaml, line 9)",
         "`kubeflow.volumes.0.steps.1` should be one of the steps InputFinder, LogExampleGen, Trainer, Pusher, "
         "received 'Push' (shop.yaml, line 10)",
         "`kubeflow.secrets.0.steps.0` should be one of the steps InputFinder, LogExampleGen, Trainer, Pusher, "
         "received 'Push' (shop.yaml, line 11)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), REPLACED.values(), ids=REPLACED)
def test_one_mistake(old: str, new: str, expected: list[str], tmp_path: Path) -> None:
    assert BASE.count(old) >= 1
    assert mistakes(tmp_path, BASE.replace(old, new, 1)) == expected


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = BASE.replace("gs://shop-logs/clicks", "/logs").split("  image:")[0] + "  endpoint: http://localhost\n"
    keys = [sentence.split("`")[1] for sentence in mistakes(tmp_path, text)]
    assert keys == ["kubeflow.image", "kubeflow.pipeline_root", "data.folder"]


VOLUME = (
    BASE.replace("gs://shop-logs/clicks", "/data/logs")
    + "  volumes: [{claim: logs, mount_path: MOUNT, steps: STEPS}]\n"
)


@pytest.mark.parametrize(
    ("mount_path", "steps", "uncovered"),
    [
        ("/data", "[InputFinder, LogExampleGen]", None),
        ("/data/logs", "null", None),
        ("/data/log", "null", "InputFinder, LogExampleGen"),
        ("/data", "[InputFinder]", "LogExampleGen"),
    ],
)
def test_a_volume_covers_what_lies_below_it_in_its_steps(
    mount_path: str, steps: str, uncovered: str | None, tmp_path: Path
) -> None:
    found = mistakes(tmp_path, VOLUME.replace("MOUNT", mount_path).replace("STEPS", steps))
    assert [sentence.partition("volumes` in ")[2].partition(", received")[0] for sentence in found] == (
        [] if uncovered is None else [uncovered]
    )


def test_folders_of_models(tmp_path: Path) -> None:
    local = Place("storage.serving_folder", "/models/shop", ["ChampionFinder", "Pusher"])
    in_minio = Place("storage.backups_folder", "minio://mlpipeline/shop/backups", ["Trainer"])
    assert mistakes(tmp_path, places=(local, in_minio)) == [
        "`storage.serving_folder` should be a URL, or lie below the `mount_path` of one of `kubeflow.volumes` in "
        "Pusher, received '/models/shop' (shop.yaml, line 1)",
        "`storage.backups_folder` should be a folder on a volume, or a URL with gs:// or s3://: only Kubeflow "
        "Pipelines itself knows minio://, which is s3:// with an endpoint; received 'minio://mlpipeline/shop/backups' "
        "(shop.yaml, line 1)",
    ]


def test_a_value_from_the_command_line_is_named_by_its_option(tmp_path: Path) -> None:
    text = BASE.replace("ghcr.io/shop/interestflow:1", "interestflow")
    assert mistakes(tmp_path, text, options={"kubeflow.image": "--image"}) == [
        "`--image` should be an image in a registry that the cluster pulls from, such as "
        "ghcr.io/shop/interestflow:1.0, received the placeholder 'interestflow'"
    ]


def test_an_option_that_gives_a_missing_value_is_named(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(BASE.replace("  image: ghcr.io/shop/interestflow:1\n", ""))
    source = ConfigSource(path, offered={"kubeflow.image": "--image", "kubeflow.pipeline_root": "--pipeline-root"})
    assert compile_mistakes(load(path), GRAPH, (SERVING,), source) == [
        "`kubeflow.image` should be the image of the steps, such as ghcr.io/shop/interestflow:1.0; it is missing, here "
        f"and as `--image` ({path}, line 8)"
    ]


def test_without_a_file_there_is_no_line(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(BASE.replace("gs://shop-models/root", "gs://my-bucket"))
    assert compile_mistakes(load(path), GRAPH, (SERVING,), ConfigSource()) == [
        "`kubeflow.pipeline_root` should name a bucket of yours, received the placeholder 'gs://my-bucket'"
    ]
