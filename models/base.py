"""What rankers and matchers have in common: a Keras model that is made from `ModelInputs` and its hyper-parameters."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import keras
from keras import ops

from interestflow.models.hyperparameters import ModelHyperparameters
from interestflow.models.inputs import ModelInputs
from interestflow.models.replicas import LossesByReplica


class DescribedModel(LossesByReplica, keras.Model):
    """A model whose weights and whose saved form follow from what it is described by.

    A subclass names its hyper-parameters' class, whose instance it is given.

    Args:
        inputs: which tensors there are, and their sizes.
        hyperparameters: an instance of `Hyperparameters`.
    """

    Hyperparameters: ClassVar[type[ModelHyperparameters]]

    def __init__(self, inputs: ModelInputs, hyperparameters: ModelHyperparameters, name: str | None = None) -> None:
        super().__init__(name=name)
        if not isinstance(hyperparameters, self.Hyperparameters):
            expected, received = self.Hyperparameters.__name__, type(hyperparameters).__name__
            raise ValueError(f"`hyperparameters` should be {expected}, received {received}")
        self.inputs_description = inputs
        self.hyperparameters: Any = hyperparameters

    def build(self, input_shape: Any = None) -> None:
        """Makes all weights, whose shapes follow from `inputs` alone."""
        tensors = self.inputs_description.tensors().items()
        self.call({name: ops.zeros((1, *shape), dtype) for name, (shape, dtype) in tensors}, training=False)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {
            "inputs": self.inputs_description.to_json(),
            "hyperparameters": self.hyperparameters.model_dump(mode="json"),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, **beside: Any) -> Self:
        """`beside` is what else a subclass's constructor needs of what it keeps in its config."""
        return cls(
            ModelInputs.from_json(config["inputs"]),
            cls.Hyperparameters.model_validate(config["hyperparameters"]),
            name=config.get("name"),
            **beside,
        )
