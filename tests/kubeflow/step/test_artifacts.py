"""TFX artifacts have the classes, paths and properties that the producing step gave them."""

from __future__ import annotations

from typing import Any

import pytest
from tfx.types import standard_artifacts

from interestflow.kubeflow.step.artifacts import artifact_class, artifact_metadata, build_artifact
from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.plan import PlannedArtifact
from interestflow.pipeline.artifacts.types import EvaluationArtifact


def planned(title: str, name: str = "12", **metadata: Any) -> PlannedArtifact:
    return PlannedArtifact(title, name, "s3://bucket/artifact", "/s3/bucket/artifact", metadata)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("tfx.Examples", standard_artifacts.Examples),
        ("tfx.String", standard_artifacts.String),
        ("interestflow.EvaluationArtifact", EvaluationArtifact),
        ("interestflow.pipeline.artifacts.types.EvaluationArtifact", EvaluationArtifact),
    ],
)
def test_titles_name_classes(title: str, expected: type) -> None:
    assert artifact_class("input `a`", title) is expected


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("tfx.Nothing", "module 'tfx.types.standard_artifacts' has no attribute 'Nothing'"),
        ("interestflow.NothingArtifact", "has no attribute 'NothingArtifact'"),
        ("nothing_there.At.All", "which cannot be imported: No module named 'nothing_there'"),
        ("Examples", "which cannot be imported: Empty module name"),
        ("json.JSONDecoder", "has the type `json.JSONDecoder`, which is not the class of an artifact"),
        ("tfx.standard_component_specs", "has no attribute 'standard_component_specs'"),
        ("tfx.Property", "has the type `tfx.Property`, which is not the class of an artifact"),
    ],
)
def test_a_type_that_does_not_exist_is_named(title: str, message: str) -> None:
    with pytest.raises(StepInputError) as error:
        artifact_class("input `a`", title)
    assert str(error.value).startswith("input `a` has the ")
    assert f"`{title}`" in str(error.value)
    assert str(error.value).endswith(message)


def test_properties_have_their_declared_types() -> None:
    examples = build_artifact(
        "input `a`", planned("tfx.Examples", span=3.0, version=1, split_names='["train"]', tfx_version="1.21.0")
    )
    assert (examples.span, examples.version, examples.split_names) == (3, 1, '["train"]')
    assert type(examples.span) is int
    assert (examples.uri, examples.id) == ("/s3/bucket/artifact", 12)
    assert examples.get_string_custom_property("tfx_version") == "1.21.0"


def test_a_value_that_does_not_fit_its_property_is_a_custom_property() -> None:
    examples = build_artifact("input `a`", planned("tfx.Examples", span="today", **{"custom:version": 2}))
    assert examples.get_string_custom_property("span") == "today"
    assert examples.get_int_custom_property("version") == 2
    assert artifact_metadata(examples) == {"custom:span": "today", "custom:version": 2.0}


def test_custom_properties_are_read_as_integer_and_as_number() -> None:
    metadata = {
        "blessed": 1,
        "refused": 0.0,
        "share": 0.5,
        "one": 1.0,
        "sure": True,
        "by_split": {"train": 1},
        "l": [1],
    }
    blessing = build_artifact("input `a`", planned("tfx.ModelBlessing", "blessing", **metadata))
    assert blessing.id == 0
    assert {key: blessing.get_int_custom_property(key) for key in ("blessed", "refused", "one", "sure")} == {
        "blessed": 1, "refused": 0, "one": 1, "sure": 1,
    }  # fmt: skip
    assert {key: blessing.get_float_custom_property(key) for key in ("share", "one")} == {"share": 0.5, "one": 1.0}
    assert blessing.get_json_value_custom_property("by_split") == {"train": 1}
    assert blessing.get_json_value_custom_property("l") == [1]
    assert blessing.has_custom_property("refused")


def test_metadata_is_the_same_after_both_conversions() -> None:
    metadata = {"span": 1, "split_names": "[]", "blessed": 1, "text": "", "deep": {"a": [1, {"b": "c"}]}, "list": [0.5]}
    examples = build_artifact("input `a`", planned("tfx.ExampleAnomalies", **metadata))
    assert artifact_metadata(examples) == metadata


def test_a_property_without_a_value_is_none_and_a_message_is_refused() -> None:
    model = standard_artifacts.Model()
    model.mlmd_artifact.custom_properties["nothing"].Clear()
    assert artifact_metadata(model) == {"nothing": None}
    model.set_proto_custom_property("message", standard_artifacts.Model().mlmd_artifact)
    with pytest.raises(StepInputError, match="a property that is a protocol buffer cannot be stored"):
        artifact_metadata(model)
