"""JSON schema of the configuration file, for editors and for the reference in the documentation."""

from __future__ import annotations

from typing import Any

from interestflow.pipeline.config import PipelineConfig

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a configuration file.

    Every key has a description and, unless it is required, its default. The sections `model` and `baseline` are a
    `oneOf` over the registered models, distinguished by `name`.
    """
    schema = PipelineConfig.model_json_schema(by_alias=True)
    return {"$schema": DIALECT, **schema, "title": "interestflow configuration"}
