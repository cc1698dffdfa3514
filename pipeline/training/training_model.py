"""Base class of the models that training optimises: a model with its loss and its validation."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import keras

from interestflow.pipeline.metrics.registry import MetricFamily
from interestflow.pipeline.training.data import Split


class TrainingModel(keras.Model):
    """Model wrapped with its loss over all replicas and its metrics of the validation split.

    Args:
        model: The model to train.

    Attributes:
        FAMILY: Metrics of the model's family: which of them training shows and can stop early by.
        VALIDATION_NEEDS: What a validation split should have for these metrics to be defined, as a clause of an error.
    """

    FAMILY: ClassVar[MetricFamily]
    VALIDATION_NEEDS: ClassVar[str]

    def __init__(self, model: keras.Model) -> None:
        """Store the model."""
        super().__init__(name="training")
        self.model = model

    @abstractmethod
    def validate(self, validation: Split, batch_size: int, by_length: bool = False) -> dict[str, float]:
        """Return the metrics of the validation split by name; NaN where one is undefined.

        Args:
            validation: The validation split.
            batch_size: Examples in a batch.
            by_length: Whether batches are of histories of similar length, see `Split.in_order`.
        """

    def begin_epoch(self, epoch: int) -> None:
        """Prepare an epoch, counted from 0; called outside of any graph before its first step."""

    def end_epoch(self, epoch: int) -> None:
        """Finish an epoch; called outside of any graph after its last step, before validation and backup."""
