"""A model with what its training needs around it, whatever kind it is of."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import keras

from interestflow.pipeline.training.data import Split


class TrainingModel(keras.Model):
    """What `train` trains: `model`, with a loss over all replicas and figures of the validation split.

    DEFAULT_METRIC: what training stops early by where the configuration does not say.
    SHOWN: what is shown while training, by the figure's name.
    """

    DEFAULT_METRIC: ClassVar[str]
    SHOWN: ClassVar[Mapping[str, str]]
    UNDEFINED: ClassVar[str]
    """What a validation split should have for the metric to be defined."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__(name="training")
        self.model = model

    @abstractmethod
    def validate(self, validation: Split, batch_size: int, by_length: bool = False) -> dict[str, float]:
        """Figures of the validation split by name, batched as `Split.in_order` does; NaN where one is undefined."""

    def begin_epoch(self, epoch: int) -> None:
        """Called outside of any graph before the first step of each epoch, counted from 0."""

    def end_epoch(self, epoch: int) -> None:
        """Likewise after the last step of each epoch, before anything is measured or saved."""
