"""Items that a matcher retrieves from, as the transform encoded them."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.pipeline.training.example_files import TrainingDataError, find_files
from interestflow.pipeline.training.example_layout import model_column
from interestflow.transforms.feature_names import ITEM, ITEM_TEXT
from interestflow.transforms.splits import ITEMS_SPLIT
from interestflow.transforms.transformed.format import Column
from interestflow.transforms.transformed.reader import open_columns, padded_tensor


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
            TransformedFormatError: If a file is damaged, or has other columns than the model reads.
        """
        patterns = [
            posixpath.join(posixpath.dirname(posixpath.dirname(pattern)), f"Split-{ITEMS_SPLIT}", "*")
            for pattern in train_patterns
        ]
        tensors = inputs.tensors()
        columns = {name: model_column(*tensors[name]) for name in sorted(inputs.candidate_tensors)}
        columns[ITEM_TEXT] = Column("binary")
        parts: dict[str, list[np.ndarray]] = {name: [] for name in columns}
        for path in find_files(patterns):
            with open_columns(path) as file:
                file.check(columns)
                for batch in file.read_all(list(columns)):
                    for name, column in columns.items():
                        parts[name].append(padded_tensor(batch.column(name), column))
        if not sum(map(len, parts[ITEM])):
            raise TrainingDataError(f"the files that match {', '.join(patterns)} hold no items")
        values = {name: np.concatenate(arrays) for name, arrays in parts.items()}
        values = {name: array.astype(np.int64) if array.dtype == np.int32 else array for name, array in values.items()}
        order = np.lexsort((values[ITEM_TEXT].astype("S"), values[ITEM]))
        ids = values.pop(ITEM_TEXT)[order]
        return cls(ids, {name: array[order] for name, array in values.items()})

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
