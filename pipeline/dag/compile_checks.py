"""Mistakes that would let a compiled pipeline fail on the cluster, found before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from interestflow.kubeflow.pipeline_root import root_mistake
from interestflow.kubeflow.step_settings import gpus_of
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.config_errors import has_key, line_of

IMAGE = re.compile(
    r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
EXAMPLE_IMAGE = "such as ghcr.io/shop/interestflow:1.0"
LOCAL_BUILD = re.compile(r"interestflow(-gpu)?(:latest)?")
"""Names that an image has where it is built, and nowhere on a cluster."""
EXAMPLE_HOST = re.compile(r"([a-z0-9-]+\.)*example\.(com|org|net)(:[0-9]+)?/.*")
EXAMPLE_BUCKET = re.compile(r"[a-z0-9]+://((my|your|the|example)-)?bucket(/.*)?")
MISSING = "it is missing"
DATA_READERS = ("InputFinder", "LogExampleGen", "LeakCheck", "KnowledgeGraphGen")
DATA_FOLDER, SERVING_FOLDER, BACKUPS_FOLDER = "data.folder", "storage.serving_folder", "storage.backups_folder"
SERVING_FOLDER_USERS = ("ChampionFinder", "Evaluator", "Pusher")


@dataclass(frozen=True)
class ConfigSource:
    """Where the values of a configuration come from, so that mistakes can name the place.

    Attributes:
        path: the YAML file; None where it is not known.
        options: command-line option by the dotted key whose value it replaced.
        offered: command-line option by the dotted key whose value it could give.
    """

    path: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    offered: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """Steps of a built pipeline.

    Attributes:
        steps: ids of all steps, in order.
        training_steps: ids of those that train a model.
    """

    steps: Sequence[str]
    training_steps: frozenset[str]


@dataclass(frozen=True)
class Place:
    """Folder that steps read or write beside their artifacts.

    Attributes:
        key: dotted key of the configuration.
        folder: path or URL.
        users: ids of the steps that read or write it.
    """

    key: str
    folder: str
    users: Sequence[str]


Mistake = tuple[str, str]
"""Dotted key, and what is wrong with it as "should ..., received ..."."""


def compile_mistakes(config: PipelineConfig, graph: Graph, places: Sequence[Place], source: ConfigSource) -> list[str]:
    """Return one sentence for each mistake, with key, expectation, received value, file and line.

    Args:
        config: the whole configuration.
        graph: the steps that it has.
        places: folders of pushed models and backups; the logs' folder is the configuration's.
        source: where the configuration comes from.
    """
    logs = Place(DATA_FOLDER, str(config.data.folder), DATA_READERS)
    mistakes = [
        *_generation_mistakes(config),
        *_image_mistakes(config, graph),
        *_gpu_mistakes(config, graph),
        *_root_mistakes(config),
        *(mistake for place in (logs, *places) for mistake in _place_mistakes(config, graph, place)),
        *_step_mistakes(config, graph),
    ]
    tree = None if source.path is None else yaml.compose(source.path.read_text("utf-8"), Loader=yaml.SafeLoader)
    return [_sentence(key, text, source, tree) for key, text in mistakes]


def _sentence(key: str, text: str, source: ConfigSource, tree: yaml.Node | None) -> str:
    if key in source.options:
        return f"`{source.options[key]}` {text}"
    if text.endswith(MISSING) and key in source.offered:
        text = f"{text}, here and as `{source.offered[key]}`"
    if source.path is None:
        return f"`{key}` {text}"
    location = tuple(int(part) if part.isdigit() else part for part in key.split("."))
    default = ", its default" if key == DATA_FOLDER and not has_key(tree, location) else ""
    return f"`{key}` {text}{default} ({source.path}, line {line_of(tree, location)})"


def _generation_mistakes(config: PipelineConfig) -> Iterator[Mistake]:
    if config.generate is not None:
        yield (
            "generate",
            "should be left out, since only `interestflow run` generates a log: write one to `data.folder` with "
            "`interestflow generate-logs`",
        )


def _image_mistakes(config: PipelineConfig, graph: Graph) -> Iterator[Mistake]:
    with_gpus = [step for step in graph.steps if gpus_of(config.kubeflow, step, step in graph.training_steps)]
    images = {"image": config.kubeflow.image, "gpu_image": config.kubeflow.gpu_image}
    if images["image"] is None:
        yield (
            "kubeflow.image",
            f"should be the image of the steps, {EXAMPLE_IMAGE}; {MISSING}",
        )
    if images["gpu_image"] is None and with_gpus:
        yield (
            "kubeflow.gpu_image",
            f"should be the image of the steps with GPUs, {', '.join(with_gpus)}; {MISSING}",
        )
    for key, image in images.items():
        if image is None:
            continue
        if not IMAGE.fullmatch(image):
            yield f"kubeflow.{key}", f"should be the name of an image, {EXAMPLE_IMAGE}, received {image!r}"
        elif LOCAL_BUILD.fullmatch(image) or EXAMPLE_HOST.fullmatch(image):
            yield (
                f"kubeflow.{key}",
                f"should be an image in a registry that the cluster pulls from, {EXAMPLE_IMAGE}, received the "
                f"placeholder {image!r}",
            )


def _gpu_mistakes(config: PipelineConfig, graph: Graph) -> Iterator[Mistake]:
    """Yield each setting of a step that its GPUs, or their absence, would leave without effect."""
    for step, settings in config.kubeflow.steps.items():
        has_gpus = gpus_of(config.kubeflow, step, step in graph.training_steps) > 0
        if has_gpus and settings.disk is not None:
            yield (
                f"kubeflow.steps.{step}.disk",
                "should be left out where the step has GPUs, since Kubeflow Pipelines has one field for both, received "
                f"{settings.disk!r}",
            )
        if not has_gpus and settings.gpu_type is not None:
            yield (
                f"kubeflow.steps.{step}.gpu_type",
                f"should be left out where the step has no GPUs, received {settings.gpu_type!r}",
            )


def _root_mistakes(config: PipelineConfig) -> Iterator[Mistake]:
    root = config.kubeflow.pipeline_root
    if root is None:
        yield (
            "kubeflow.pipeline_root",
            f"should be a URL for the artifacts, such as gs://shop-models/interestflow; {MISSING}",
        )
    elif (mistake := root_mistake(root)) is not None:
        yield "kubeflow.pipeline_root", mistake
    elif EXAMPLE_BUCKET.fullmatch(root):
        yield "kubeflow.pipeline_root", f"should name a bucket of yours, received the placeholder {root!r}"


def _place_mistakes(config: PipelineConfig, graph: Graph, place: Place) -> Iterator[Mistake]:
    """Yield what is wrong with a folder that steps see without the launcher of Kubeflow Pipelines."""
    scheme, separator, _ = place.folder.partition("://")
    if separator and scheme == "minio":
        yield (
            place.key,
            "should be a folder on a volume, or a URL with gs:// or s3://: only Kubeflow Pipelines itself knows "
            f"minio://, which is s3:// with an endpoint; received {place.folder!r}",
        )
    elif not separator:
        folder = PurePosixPath(place.folder)
        covering = [volume for volume in config.kubeflow.volumes if folder.is_relative_to(volume.mount_path)]
        uncovered = [
            step
            for step in place.users
            if step in graph.steps and not any(volume.steps is None or step in volume.steps for volume in covering)
        ]
        if uncovered:
            yield (
                place.key,
                "should be a URL, or lie below the `mount_path` of one of `kubeflow.volumes` in "
                f"{', '.join(uncovered)}, received {place.folder!r}",
            )


def _step_mistakes(config: PipelineConfig, graph: Graph) -> Iterator[Mistake]:
    """Yield each id of a step that the pipeline does not have."""
    named: list[tuple[str, str]] = [(f"kubeflow.steps.{step}", step) for step in config.kubeflow.steps]
    lists: dict[str, tuple[Any, ...]] = {"volumes": config.kubeflow.volumes, "secrets": config.kubeflow.secrets}
    for section, entries in lists.items():
        for position, entry in enumerate(entries):
            named += [
                (f"kubeflow.{section}.{position}.steps.{index}", step) for index, step in enumerate(entry.steps or ())
            ]
    for key, step in named:
        if step not in graph.steps:
            yield key, f"should be one of the steps {', '.join(graph.steps)}, received {step!r}"
