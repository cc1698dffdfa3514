"""The items that a matcher retrieves from, as the transform has encoded them."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.pipeline.training.data import TrainingDataError, matching_files, records_of
from interestflow.transforms.feature_names import ITEM, ITEM_TEXT
from interestflow.transforms.splits import ITEMS_SPLIT

COUNTING_BATCH = 4096


@dataclass(frozen=True)
class CatalogueItems:
    """All N items, ordered by their numbers, those that share one by their ids.

    ids: as in the logs, UTF-8, object array `[N]`.
    tensors: `ModelInputs.candidate_tensors` by name, `[N, ...]`.
    """

    ids: np.ndarray
    tensors: dict[str, np.ndarray]

    @classmethod
    def read(cls, train_patterns: Sequence[str], inputs: ModelInputs) -> CatalogueItems:
        """Reads the split of items that stands beside the training split.

        Args:
            train_patterns: of the files of the training split, such as `.../Split-train/*`.
            inputs: what models are given.

        Raises:
            TrainingDataError: where there is no such split, or no item in it.
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
            for batch in records_of(matching_files(patterns)).batch(COUNTING_BATCH)
        ]
        if not parts:
            raise TrainingDataError(f"the files that match {', '.join(patterns)} hold no items")
        whole = {name: np.concatenate([part[name] for part in parts]) for name in spec}
        order = np.lexsort((whole[ITEM_TEXT].astype("S"), whole[ITEM]))
        ids = whole.pop(ITEM_TEXT)[order]
        return cls(ids, {name: values[order] for name, values in whole.items()})

    def catalogue(self, inputs: ModelInputs, counts: np.ndarray) -> Catalogue:
        """As models take it: row i describes the item of number i.

        Items that share a number, as unknown ones do, are described by the first of them; a number that no item has,
        like padding's, by zeros.

        Args:
            inputs: what models are given.
            counts: `[item_rows]`, in how many training positives each item is the target.
        """
        numbers, first = np.unique(self.tensors[ITEM], return_index=True)
        described = {}
        for name, values in self.tensors.items():
            described[name] = np.zeros((inputs.item_rows, *values.shape[1:]), values.dtype)
            described[name][numbers] = values[first]
        described[ITEM] = np.arange(inputs.item_rows)
        return Catalogue(described, counts.astype(np.float32))

    def sharing(self, inputs: ModelInputs) -> np.ndarray:
        """How many items have each number, int64 `[item_rows]`."""
        return np.bincount(self.tensors[ITEM], minlength=inputs.item_rows)
