"""Reads what a submission needs to know of a compiled specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from interestflow.digests import text_digest
from interestflow.kubeflow.submission.errors import SubmissionError

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C, where PyYAML was built with it: seven times as fast on a compiled pipeline."""
PIPELINE_KEYS = ("pipelineInfo", "schemaVersion", "root")
PLATFORM_KEY = "platforms"


@dataclass(frozen=True)
class DeclaredParameter:
    """Parameter of a pipeline.

    Attributes:
        type: the backend's type, e.g. `NUMBER_DOUBLE`.
        is_required: whether a run must give its value.
    """

    type: str
    is_required: bool


@dataclass(frozen=True)
class Specification:
    """Compiled pipeline.

    Attributes:
        text: the whole file, with the platform document.
        name: name of the pipeline.
        pipeline_root: URL that the pipeline was compiled for.
        parameters: the declared parameters by name.
        steps: ids of the steps.
    """

    text: str
    name: str
    pipeline_root: str
    parameters: Mapping[str, DeclaredParameter]
    steps: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Digest of the content, by which a version that exists already is found."""
        return text_digest(self.text)

    def check_root(self, root: str) -> str:
        """Return the root of a run, or raise SubmissionError for one that its steps would refuse.

        They know which root they were compiled for, since the cache and the folders of models and backups go by it.
        """
        compiled = self.pipeline_root.rstrip("/")
        if root.rstrip("/") != compiled and not root.startswith(f"{compiled}/"):
            raise SubmissionError(
                f"`--pipeline-root` should be {compiled}, which the pipeline was compiled for, or a folder below it, "
                f"received {root!r}"
            )
        return root


def read_specification(path: Path) -> Specification | None:
    """Read a compiled specification.

    Args:
        path: file that `interestflow compile` wrote, or any other.

    Returns:
        None for any other file, such as a configuration, and for one that cannot be read: whoever reads
        configurations says what is wrong with those.

    Raises:
        SubmissionError: for a specification that the backend would refuse.
    """
    try:
        text = path.read_text(encoding="utf-8")
        documents = [document for document in yaml.load_all(text, LOADER) if document is not None]
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    pipelines = [document for document in documents if _is_pipeline(document)]
    if not pipelines:
        return None
    platforms = [document for document in documents if isinstance(document, dict) and PLATFORM_KEY in document]
    if len(pipelines) > 1 or len(platforms) > 1 or len(documents) > len(pipelines) + len(platforms):
        raise SubmissionError(
            f"{path} should hold one pipeline and at most one platform document, received {len(documents)} documents "
            f"of which {len(pipelines)} are pipelines and {len(platforms)} are platforms"
        )
    return _specification(path, text, pipelines[0])


def _is_pipeline(document: Any) -> bool:
    return isinstance(document, dict) and all(key in document for key in PIPELINE_KEYS)


def _specification(path: Path, text: str, pipeline: Mapping[str, Any]) -> Specification:
    try:
        declared = pipeline["root"].get("inputDefinitions", {}).get("parameters", {})
        return Specification(
            text=text,
            name=pipeline["pipelineInfo"]["name"],
            pipeline_root=pipeline.get("defaultPipelineRoot", ""),
            parameters={name: _parameter(definition) for name, definition in declared.items()},
            steps=tuple(pipeline["root"]["dag"]["tasks"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise SubmissionError(
            f"{path} should be a specification as `interestflow compile` writes it, received one that lacks {error}"
        ) from None


def _parameter(definition: Mapping[str, Any]) -> DeclaredParameter:
    is_required = not definition.get("isOptional", False) and "defaultValue" not in definition
    return DeclaredParameter(definition["parameterType"], is_required)
