"""Base class of rankers and matchers: a Keras model built from `ModelInputs` and its hyper-parameters."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import keras
from keras import ops

from interestflow.models.hyperparameters import ModelHyperparameters
from interestflow.models.inputs import ModelInputs
from interestflow.models.replicas import LossesByReplica
from interestflow.models.tensor import Shape


class DescribedModel(LossesByReplica, keras.Model):
    """Model whose weights and saved form are determined by the description of its inputs and its hyper-parameters.

    A subclass names the class of its hyper-parameters in `Hyperparameters`.

    Args:
        inputs: description of the input tensors.
        hyperparameters: an instance of `Hyperparameters`.

    Raises:
        ValueError: if `hyperparameters` is of another class.
    """

    Hyperparameters: ClassVar[type[ModelHyperparameters]]
    hyperparameters: ModelHyperparameters

    def __init__(self, inputs: ModelInputs, hyperparameters: ModelHyperparameters, name: str | None = None) -> None:
        """Store the description and the hyper-parameters."""
        super().__init__(name=name)
        if not isinstance(hyperparameters, self.Hyperparameters):
            expected, received = self.Hyperparameters.__name__, type(hyperparameters).__name__
            raise ValueError(f"`hyperparameters` should be {expected}, received {received}")
        self.inputs_description = inputs
        self.hyperparameters = hyperparameters

    def build(self, input_shape: Shape | None = None) -> None:
        """Build all weights, whose shapes depend only on the description of the inputs."""
        tensors = self.inputs_description.tensors().items()
        self.call({name: ops.zeros((1, *shape), dtype) for name, (shape, dtype) in tensors}, training=False)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """Return the description of the inputs and the hyper-parameters, both in their JSON form."""
        return {
            "inputs": self.inputs_description.to_json(),
            "hyperparameters": self.hyperparameters.model_dump(mode="json"),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, **arguments: Any) -> Self:
        """Build the model of a configuration that `get_config` returned.

        Args:
            config: the configuration.
            custom_objects: unused; Keras passes it.
            arguments: further arguments of a subclass's constructor, from what it adds to its configuration.
        """
        return cls(
            ModelInputs.from_json(config["inputs"]),
            cls.Hyperparameters.model_validate(config["hyperparameters"]),
            name=config.get("name"),
            **arguments,
        )
