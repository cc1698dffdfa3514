"""Each type of artifact is an attribute of the package by the name that TFX on Kubeflow imports."""

from __future__ import annotations

from importlib import import_module

import pytest
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2 import compiler_utils
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils
from tfx.types.artifact import Artifact
from tfx.utils import import_utils

import interestflow
from interestflow.pipeline.artifacts import types

KINDS = [kind for kind in vars(types).values() if isinstance(kind, type) and issubclass(kind, Artifact)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Artifact])
def test_a_type_is_found_by_its_name(kind: type[Artifact]) -> None:
    assert import_utils.import_class_by_path(kind.TYPE_NAME) is kind
    assert f"interestflow.{kind.__name__}" == kind.TYPE_NAME


def test_there_is_no_other_attribute() -> None:
    assert import_module("interestflow") is interestflow
    for name in ("Champion", "UnknownArtifact"):
        with pytest.raises(AttributeError, match=name):
            getattr(interestflow, name)


def test_the_types_of_artifacts_are_found_again_in_the_container() -> None:
    """By TFX's own reading of an artifact's type, as the container's entry point does it."""
    for kind in (
        types.EvaluationArtifact,
        types.InputFilesArtifact,
        types.IngestionReportArtifact,
        types.LeakReportArtifact,
    ):
        schema = pipeline_spec_pb2.ArtifactTypeSchema(instance_schema=compiler_utils.get_artifact_schema(kind))
        sent = pipeline_spec_pb2.RuntimeArtifact(name="some/1", uri="gs://bucket/some", type=schema)
        artifact = kubeflow_v2_entrypoint_utils.parse_raw_artifact_dict({"x": _list_of(sent)}, {})["x"][0]
        assert type(artifact) is kind
        assert artifact.uri == "gs://bucket/some"


def _list_of(artifact: pipeline_spec_pb2.RuntimeArtifact) -> pipeline_spec_pb2.ArtifactList:
    return pipeline_spec_pb2.ArtifactList(artifacts=[artifact])
