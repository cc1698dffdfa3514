"""Record batches of a split's files: which there are, how many examples each has, and their examples in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from interestflow.pipeline.training.example_block import ExampleBlock
from interestflow.pipeline.training.example_layout import ExampleLayout
from interestflow.transforms import feature_names
from interestflow.transforms.transformed.reader import matching_files, open_columns


class TrainingDataError(Exception):
    """Examples that cannot be trained on; the message says which and why."""


@dataclass(frozen=True)
class BatchReference:
    """Place of a record batch: its file, and its position there."""

    path: str
    position: int


@dataclass(frozen=True)
class ExampleFiles:
    """Files of a split, and which of their examples belong to it.

    Attributes:
        paths: Paths of the files, in the order in which they are read.
        layout: Layout of the examples in memory.
        selected_by: Columns that are all 1 in an example of the split: label and mask of a task whose positives are
            wanted; none for all examples.
    """

    paths: tuple[str, ...]
    layout: ExampleLayout
    selected_by: tuple[str, ...] = ()

    @classmethod
    def find(cls, patterns: Sequence[str], layout: ExampleLayout, positives_of: str | None) -> ExampleFiles:
        """Find the files that match.

        Args:
            patterns: Patterns of the files.
            layout: Layout of the examples in memory.
            positives_of: Task whose positives belong to the split; None for all examples.

        Raises:
            TrainingDataError: If no file matches.
        """
        paths = find_files(patterns)
        columns = () if positives_of is None else (feature_names.label(positives_of), feature_names.mask(positives_of))
        return cls(tuple(paths), layout, tuple(name for name in columns if name in layout.columns))

    def references(self) -> list[BatchReference]:
        """Return the record batches of all files, in order.

        Raises:
            TransformedFormatError: If a file does not have the format, or not the columns of the layout.
        """
        references = []
        for path in self.paths:
            with open_columns(path) as file:
                file.check(self.layout.columns)
                references += [BatchReference(path, position) for position in range(file.batches)]
        return references

    def load(self, reference: BatchReference) -> tuple[ExampleBlock, int]:
        """Return the examples of a record batch that belong to the split, and the number of all its examples."""
        with open_columns(reference.path) as file:
            batch = file.read(reference.position, list(self.layout.columns))
        total = batch.num_rows
        if self.selected_by:
            batch = batch.filter(pa.array(_is_selected(batch, self.selected_by)))
        return ExampleBlock.from_batch(self.layout, batch, reference.path), total

    def count(self, references: Sequence[BatchReference]) -> Iterator[tuple[int, int]]:
        """Yield how many examples of each record batch belong to the split, and how many it has, reading little."""
        names = self.selected_by or (self.layout.single_names[0],)
        for reference in references:
            with open_columns(reference.path) as file:
                batch = file.read(reference.position, names)
            yield int(_is_selected(batch, self.selected_by).sum()), batch.num_rows


def find_files(patterns: Sequence[str]) -> list[str]:
    """Return the files of columns that match, sorted.

    Raises:
        TrainingDataError: If no file matches.
    """
    paths = matching_files(patterns)
    if not paths:
        raise TrainingDataError(f"no file of examples matches {', '.join(patterns)}")
    return paths


def _is_selected(batch: pa.RecordBatch, names: Sequence[str]) -> np.ndarray:
    """Return in which rows all columns `names` are 1, bool `[B]`."""
    is_selected = np.ones(batch.num_rows, bool)
    for name in names:
        is_selected &= batch.column(name).to_numpy() > 0.5
    return is_selected
