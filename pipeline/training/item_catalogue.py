"""Items that a matcher retrieves from, as the transform encoded them."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.pipeline.training.records import PARSING_BATCH, TrainingDataError, matching_files, read_records
from interestflow.transforms.feature_names import ITEM, ITEM_TEXT
from interestflow.transforms.splits import ITEMS_SPLIT


@dataclass(frozen=True)
class CatalogueItems:
    """All N items, ordered by their encoded id, and those that share one by their text.

    Attributes:
        ids: Ids as in the logs, UTF-8, object array `[N]`.
        tensors: `ModelInputs.candidate_tensors` by name, `[N, ...]`.
    """

    ids: np.ndarray
    tensors: dict[str, np.ndarray]

    @classmethod
    def read(cls, train_patterns: Sequence[str], inputs: ModelInputs) -> CatalogueItems:
        """Read the split of items from the folder next to that of the training split.

        Args:
            train_patterns: Patterns of the files of the training split, such as `.../Split-train/*`.
            inputs: Inputs of the model.

        Raises:
            TrainingDataError: If there is no such split, or no item in it.
        """
        patterns = [
            posixpath.join(posixpath.dirname(posixpath.dirname(pattern)), f"Split-{ITEMS_SPLIT}", "*")
            for pattern in train_patterns
        ]
        shapes = inputs.tensors()
        spec = {name: tf.io.FixedLenFeature(*shapes[name]) for name in sorted(inputs.candidate_tensors)}
        spec[ITEM_TEXT] = tf.io.FixedLenFeature([], tf.string)
        parts = [
            {name: tensor.numpy() for name, tensor in tf.io.parse_example(batch, spec).items()}
            for batch in read_records(matching_files(patterns)).batch(PARSING_BATCH)
        ]
        if not parts:
            raise TrainingDataError(f"the files that match {', '.join(patterns)} hold no items")
        columns = {name: np.concatenate([part[name] for part in parts]) for name in spec}
        order = np.lexsort((columns[ITEM_TEXT].astype("S"), columns[ITEM]))
        ids = columns.pop(ITEM_TEXT)[order]
        return cls(ids, {name: values[order] for name, values in columns.items()})

    def catalogue(self, inputs: ModelInputs, counts: np.ndarray) -> Catalogue:
        """Return the catalogue for models, whose row i describes the item with the encoded id i.

        Items that share an id, as unknown ones do, are described by the first of them. The row of an id that no item
        has, such as padding's, is zero.

        Args:
            inputs: Inputs of the model.
            counts: Number of training positives with each item id as the target, `[item_rows]`.
        """
        ids, first = np.unique(self.tensors[ITEM], return_index=True)
        described = {}
        for name, values in self.tensors.items():
            described[name] = np.zeros((inputs.item_rows, *values.shape[1:]), values.dtype)
            described[name][ids] = values[first]
        described[ITEM] = np.arange(inputs.item_rows)
        return Catalogue(described, counts.astype(np.float32))

    def counts_by_id(self, inputs: ModelInputs) -> np.ndarray:
        """Return how many items have each encoded id, int64 `[item_rows]`."""
        return np.bincount(self.tensors[ITEM], minlength=inputs.item_rows)
