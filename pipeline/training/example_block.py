"""Examples in memory with ragged histories, and batches gathered from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from interestflow.pipeline.training.batch_memory import THREAD_MEMORY
from interestflow.pipeline.training.example_layout import FIRST_PAGE, PAGE_COUNT, ExampleLayout
from interestflow.transforms.transformed.format import TransformedFormatError
from interestflow.transforms.transformed.reader import list_values, padded_tensor


@dataclass
class ExampleBlock:
    """N examples.

    Attributes:
        layout: How they are kept.
        records: Their single values and the places of their histories, `[N]` of type `layout.record`.
        pages: Their histories, `[P, page_steps]` of type `layout.step`; page 0 is zero.
    """

    layout: ExampleLayout
    records: np.ndarray
    pages: np.ndarray

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.records)

    @property
    def nbytes(self) -> int:
        """Memory of the examples in bytes."""
        return self.records.nbytes + self.pages.nbytes

    @property
    def page_counts(self) -> np.ndarray:
        """Number of pages of each example's history, uint8 `[N]`: its length, rounded up to whole pages."""
        return self.records[PAGE_COUNT]

    @classmethod
    def empty(cls, layout: ExampleLayout) -> ExampleBlock:
        """Return a block without examples, to append others to."""
        return cls(layout, np.zeros(0, layout.record), np.zeros((1, layout.page_steps), layout.step))

    @classmethod
    def from_batch(cls, layout: ExampleLayout, batch: pa.RecordBatch, path: str) -> ExampleBlock:
        """Return the examples of a record batch.

        Args:
            layout: How they are to be kept.
            batch: Record batch with the columns of the layout.
            path: Path of its file, for errors.

        Raises:
            TransformedFormatError: If a history is too long, or an id has no row in its table.
        """
        records = np.zeros(batch.num_rows, layout.record)
        for name in layout.single_names:
            tensor = padded_tensor(batch.column(name), layout.columns[name])
            _check_ids(name, tensor, layout, path)
            records[name] = tensor
        histories = {name: list_values(batch.column(name)) for name in layout.history_names}
        lengths = np.max([np.diff(offsets) for offsets, _ in histories.values()], axis=0)
        if lengths.max(initial=0) > layout.history_length:
            expected = f"should have histories of at most {layout.history_length} behaviours"
            raise TransformedFormatError(f"{path} {expected}, received {lengths.max()}")
        counts = -(-lengths.astype(np.int64) // layout.page_steps)
        records[PAGE_COUNT] = counts
        records[FIRST_PAGE] = first_pages = 1 + np.cumsum(counts) - counts
        pages = np.zeros((1 + int(counts.sum()), layout.page_steps), layout.step)
        steps, known_offsets, index = pages.reshape(-1), np.zeros(0), np.zeros(0)
        for name, (offsets, values) in histories.items():
            _check_ids(name, values, layout, path)
            if not np.array_equal(offsets, known_offsets):
                shifts = first_pages * layout.page_steps - offsets[:-1]
                index, known_offsets = np.repeat(shifts, np.diff(offsets)) + np.arange(offsets[-1]), offsets
            steps[name][index] = values
        return cls(layout, records, pages)

    @classmethod
    def concatenate(cls, blocks: Sequence[ExampleBlock]) -> ExampleBlock:
        """Return the examples of at least one block in one."""
        records = np.concatenate([block.records for block in blocks])
        begin, shift = 0, 0
        for block in blocks:
            records[FIRST_PAGE][begin : begin + len(block)] += shift
            begin, shift = begin + len(block), shift + len(block.pages) - 1
        pages = np.concatenate([blocks[0].pages[:1], *(block.pages[1:] for block in blocks)])
        return cls(blocks[0].layout, records, pages)

    def append(self, block: ExampleBlock) -> None:
        """Add the examples of another block in place: the kernel moves a large array's memory, nothing copies it."""
        size, shift = len(self), len(self.pages) - 1
        self.records.resize(size + len(block), refcheck=False)
        self.records[size:] = block.records
        self.records[FIRST_PAGE][size:] += shift
        self.pages.resize((shift + len(block.pages), self.layout.page_steps), refcheck=False)
        self.pages[shift + 1 :] = block.pages[1:]

    def take(self, rows: np.ndarray) -> ExampleBlock:
        """Return the examples at `rows` as a block of its own."""
        records = self.records[rows]
        counts = records[PAGE_COUNT].astype(np.int64)
        first_pages = 1 + np.cumsum(counts) - counts
        index = np.repeat(records[FIRST_PAGE] - first_pages, counts) + np.arange(1, 1 + counts.sum())
        records[FIRST_PAGE] = first_pages
        return ExampleBlock(self.layout, records, np.concatenate([self.pages[:1], self.pages[index]]))

    def gather(self, rows: np.ndarray, cut_histories: bool = False) -> dict[str, np.ndarray]:
        """Return the examples at `rows` as padded tensors by name, int64 or float32 `[B, ...]`.

        Args:
            rows: Positions of the examples, `[B]`.
            cut_histories: Whether histories end with the last page that an example of the batch has.
        """
        layout, memory = self.layout, THREAD_MEMORY
        records = np.take(self.records, rows)
        counts = records[PAGE_COUNT]
        pages = max(1, int(counts.max(initial=1))) if cut_histories else layout.pages
        positions = np.arange(pages)
        index = np.where(positions < counts[:, None], records[FIRST_PAGE][:, None] + positions, 0)
        scratch = memory.scratch.tensors({"steps": ((*index.shape, layout.page_steps), layout.step)})["steps"]
        # Clipping changes no index; with it, NumPy writes to `out` without a buffer in between.
        np.take(self.pages, index, axis=0, out=scratch, mode="clip")
        steps = scratch.reshape(len(rows), pages * layout.page_steps)[:, : layout.history_length]
        batch = memory.batches.tensors(layout.tensor_types(len(rows), steps.shape[1]))
        for name, tensor in batch.items():
            tensor[...] = steps[name] if name in layout.history_names else records[name]
        return batch


def _check_ids(name: str, values: np.ndarray, layout: ExampleLayout, path: str) -> None:
    """Check that ids have rows in their table, without which they would not fit their type.

    Raises:
        TransformedFormatError: If one has not.
    """
    rows = layout.table_rows.get(name)
    # Read as unsigned numbers, negative ids are larger than any table.
    if rows is not None and values.view(np.uint32).max(initial=0) >= rows:
        received = values.min() if values.min() < 0 else values.max()
        raise TransformedFormatError(
            f"column `{name}` of {path} should hold ids from 0 to {rows - 1}, received {received}"
        )
