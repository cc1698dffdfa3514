"""TFX artifacts of planned inputs and outputs, and the metadata that an executor set on them."""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import Any

from google.protobuf import json_format
from tfx.types import artifact as tfx_artifact
from tfx.types import standard_artifacts

from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.plan import PlannedArtifact

STANDARD = "tfx."
"""Beginning of the schema titles of TFX's standard artifacts."""
TEXT_PREFIX = tfx_artifact.CUSTOM_PROPERTIES_PREFIX
"""Prefix of the key of a custom property that is called like a property of its type."""
TYPES = MappingProxyType(
    {
        tfx_artifact.PropertyType.INT: (int, float),
        tfx_artifact.PropertyType.FLOAT: (int, float),
        tfx_artifact.PropertyType.BOOLEAN: (bool, int, float),
        tfx_artifact.PropertyType.STRING: (str,),
        tfx_artifact.PropertyType.JSON_VALUE: (dict, list, str, int, float),
    }
)
"""JSON types that fit a property, by its type."""
CONVERTERS = MappingProxyType(
    {
        tfx_artifact.PropertyType.INT: int,
        tfx_artifact.PropertyType.FLOAT: float,
        tfx_artifact.PropertyType.BOOLEAN: bool,
    }
)
"""Conversion from the backend's doubles, by the type of the property."""


def artifact_class(label: str, title: str) -> type[tfx_artifact.Artifact]:
    """Return the class of a schema title: TFX's own for `tfx.X`, otherwise the one that the title is the path of.

    Raises:
        StepInputError: if there is none.
    """
    module, _, name = (
        (standard_artifacts.__name__, "", title[len(STANDARD) :])
        if title.startswith(STANDARD)
        else title.rpartition(".")
    )
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise StepInputError(f"{label} has the artifact type `{title}`, which cannot be imported: {error}") from None
    if not (isinstance(found, type) and issubclass(found, tfx_artifact.Artifact)):
        raise StepInputError(f"{label} has the type `{title}`, which is not the class of an artifact")
    return found


def build_artifact(label: str, planned: PlannedArtifact) -> tfx_artifact.Artifact:
    """Return the TFX artifact of a planned one, with its path in place of its URI."""
    artifact = artifact_class(label, planned.title)()
    artifact.uri = planned.path
    if planned.name.isdecimal():  # the backend's id; the name of an output is not one yet
        artifact.id = int(planned.name)
    for key, value in planned.metadata.items():
        _set_metadata(artifact, key, value)
    return artifact


def _set_metadata(artifact: tfx_artifact.Artifact, key: str, value: Any) -> None:
    """Set a property of the artifact's type, or else a custom property, from a value of the backend."""
    declared = (artifact.PROPERTIES or {}).get(key)
    if declared is not None and isinstance(value, TYPES.get(declared.type, ())):
        setattr(artifact, key, CONVERTERS.get(declared.type, lambda given: given)(value))
        return
    if key.removeprefix(TEXT_PREFIX) in (artifact.PROPERTIES or {}):
        key = key.removeprefix(TEXT_PREFIX)
    if isinstance(value, str):
        artifact.set_string_custom_property(key, value)
    else:
        # TFX's getters of integers and of floats both read a double in JSON; of other forms, only one of them does.
        is_number = isinstance(value, int | float)
        artifact.set_json_value_custom_property(key, float(value) if is_number else value)
        assert artifact.mlmd_artifact.custom_properties[key]  # reading the message stores the value in it


def artifact_metadata(artifact: tfx_artifact.Artifact) -> dict[str, Any]:
    """Return all properties of an artifact as JSON values."""
    message = artifact.mlmd_artifact
    metadata = {key: _json_value(value) for key, value in message.properties.items()}
    for key, value in message.custom_properties.items():
        is_taken = key in (artifact.PROPERTIES or {})
        metadata[TEXT_PREFIX + key if is_taken else key] = _json_value(value)
    return metadata


def _json_value(value: Any) -> Any:
    """Return the JSON value of an ML Metadata value; None where it has none."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "proto_value":
        raise StepInputError("a property that is a protocol buffer cannot be stored by the backend")
    if kind != "struct_value":
        return getattr(value, kind)
    decoded = json_format.MessageToDict(value.struct_value)
    return decoded.get("__value__", decoded)  # TFX's key for a value that is not a mapping
