"""The sections `model` and `baseline` of a configuration: one of the registered models' hyper-parameters, by `name`.

This is a discriminated union over the specs of `interestflow.models.registry`. It is resolved when a configuration is
parsed, so that a model of another package is only imported if the configuration names it. Imports no Keras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic_core import CoreSchema, InitErrorDetails, ValidationError, core_schema

from interestflow.models import registry
from interestflow.models.hyperparameters import ModelHyperparameters

if TYPE_CHECKING:  # these imports take a tenth of a second
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue


class RegisteredModel:
    """Pydantic annotation that parses a mapping by the hyper-parameters of the model that its key `name` names."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Parse by `parse_model`, and serialize by the class of the value."""
        return core_schema.no_info_plain_validator_function(parse_model)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return one alternative for each registered model, distinguished by `name`."""
        alternatives = [handler(part) for part in _core_schemas()]
        return {"oneOf": alternatives, "discriminator": {"propertyName": "name"}}


def parse_model(value: object) -> ModelHyperparameters:
    """Return the hyper-parameters that a `model` section describes.

    Args:
        value: a mapping with the key `name`, or hyper-parameters, which are returned as they are.

    Raises:
        ValidationError: if a key is unknown or missing, or its value is not allowed.
        ValueError: if no model has that name, or it cannot be loaded.
    """
    if isinstance(value, ModelHyperparameters):
        return value
    if not isinstance(value, dict):
        raise _mistake("model_type", (), value, {"class_name": "model"})
    if "name" not in value:
        raise _mistake("missing", ("name",), value)
    if not isinstance(value["name"], str):
        raise _mistake("string_type", ("name",), value["name"])
    return registry.parse_hyperparameters(value["name"], value)


def _mistake(kind: str, location: tuple[str, ...], value: object, context: dict[str, Any] | None = None) -> ValueError:
    details = InitErrorDetails(type=kind, loc=location, input=value, ctx=context or {})
    return ValidationError.from_exception_data("model", [details])


def _core_schemas() -> list[CoreSchema]:
    return [spec.hyperparameters.__pydantic_core_schema__ for spec in registry.specs()]


ModelConfig = Annotated[ModelHyperparameters, RegisteredModel()]
"""Type of a section that configures one model; its value is an instance of the hyper-parameters in the model's spec."""
