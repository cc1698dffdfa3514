"""What the backend sends to a step, as much of its `ExecutorInput` and `ComponentInputsSpec` as a step needs.

These are pydantic classes, so that a step needs no kfp and an error names the key. Fields that a later backend adds are
ignored, as in the backend's own programs.
"""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Message(BaseModel):
    """Message in protobuf's JSON form, with keys in camel case."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, protected_namespaces=())


class ArtifactType(Message):
    """Type of an artifact; both fields are empty for the inputs that the open-source backend sends."""

    instance_schema: str = ""
    schema_title: str = ""

    @property
    def title(self) -> str:
        """Title of the schema, e.g. `tfx.Examples`; empty where there is none."""
        if self.schema_title:
            return self.schema_title
        try:
            schema = yaml.safe_load(self.instance_schema)
        except yaml.YAMLError:
            return ""
        return str(schema.get("title", "")) if isinstance(schema, dict) else ""


class RuntimeArtifact(Message):
    """Artifact with its URI and metadata."""

    name: str = ""
    uri: str = ""
    type: ArtifactType = ArtifactType()
    metadata: dict[str, Any] = {}


class ArtifactList(Message):
    """Artifacts of one input or output."""

    artifacts: list[RuntimeArtifact] = []


class Inputs(Message):
    """Artifacts and parameters that a step is given."""

    artifacts: dict[str, ArtifactList] = {}
    parameter_values: dict[str, Any] = {}


class Outputs(Message):
    """Artifacts and parameters that a step should write, and the file that it lists them in."""

    artifacts: dict[str, ArtifactList] = {}
    parameters: dict[str, Any] = {}
    output_file: str


class ExecutorInput(Message):
    """All that the backend sends to a step."""

    inputs: Inputs = Inputs()
    outputs: Outputs


class InputArtifactSpec(Message):
    """Declaration of an input artifact."""

    artifact_type: ArtifactType = ArtifactType()
    is_optional: bool = False


class ParameterSpec(Message):
    """Declaration of a parameter; the type is e.g. `NUMBER_INTEGER`."""

    parameter_type: str = ""
    is_optional: bool = False


class InputsSpec(Message):
    """Declaration of all inputs of a step."""

    artifacts: dict[str, InputArtifactSpec] = {}
    parameters: dict[str, ParameterSpec] = {}
