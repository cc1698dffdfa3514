"""Batches gathered by several threads, in an order that depends only on a seed."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from interestflow.pipeline.training.batching import group_by_length
from interestflow.pipeline.training.example_block import ExampleBlock

Arrays = dict[str, np.ndarray]
Loader = Callable[[], ExampleBlock]


@dataclass(frozen=True)
class Window:
    """Examples that are in memory together, and shuffled together.

    Attributes:
        rows: Number of examples.
        loaders: Functions that return the parts of the window.
    """

    rows: int
    loaders: tuple[Loader, ...]


@dataclass(frozen=True)
class BatchPlan:
    """How the examples of windows become batches. A batch may begin in one window and end in the next.

    Attributes:
        batch_size: Examples in a batch.
        seed: Seeds of the order; None keeps the order of the files.
        first_batch: Batches left out at the beginning; windows that they fill are not loaded.
        drop_remainder: Whether a last batch that is not full is left out.
        by_length: Whether batches are of histories of similar length, without the padding that they share.
    """

    batch_size: int
    seed: tuple[int, ...] | None = None
    first_batch: int = 0
    drop_remainder: bool = False
    by_length: bool = False

    def order(self, window: int, rows: int) -> np.ndarray:
        """Return the order of the examples of a window, before they are grouped by length."""
        if self.seed is None:
            return np.arange(rows)
        return self._random(window).permutation(rows)

    def batches(self, window: int, block: ExampleBlock, order: np.ndarray) -> list[np.ndarray]:
        """Return the rows of each batch of a window.

        Args:
            window: Position of the window.
            block: Examples of the window, and those before it that are in no batch yet.
            order: Order of the examples; those after the last full batch are left for the next window.
        """
        full = len(order) // self.batch_size * self.batch_size
        order = order[:full]
        if self.by_length:
            lengths = block.page_counts[order]
            if self.seed is None:
                order = order[np.argsort(lengths, kind="stable")]
            else:
                order = group_by_length(order, lengths, self.batch_size, self._random(window, 1))
        return list(order.reshape(-1, self.batch_size))

    def _random(self, *parts: int) -> np.random.Generator:
        """Return the random numbers of a window and a purpose."""
        assert self.seed is not None
        return np.random.default_rng([*self.seed, *parts])


def stream_batches(windows: Sequence[Window], plan: BatchPlan) -> Iterator[Future[Arrays]]:
    """Yield batches in order, each as a future, some of them before they are complete.

    All but the last window should have at least as many rows as a batch.

    Args:
        windows: All examples.
        plan: How they become batches.
    """
    threads = available_cores()
    pool = ThreadPoolExecutor(threads, "batches")
    ahead: deque[Future[Arrays]] = deque()
    try:
        for batch in _submit_batches(windows, plan, pool):
            ahead.append(batch)
            if len(ahead) > 2 * threads:
                yield ahead.popleft()
        yield from ahead
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _submit_batches(windows: Sequence[Window], plan: BatchPlan, pool: ThreadPoolExecutor) -> Iterator[Future[Arrays]]:
    """Yield each batch once the pool was given it, and load each window while batches of the one before are made."""
    first, skipped, carried_rows = _find_first_window(windows, plan)
    carried = _load_carried(windows, plan, first, carried_rows)
    loading = [pool.submit(loader) for loader in windows[first].loaders] if windows else []
    for window in range(first, len(windows)):
        parts = [*carried, *(part.result() for part in loading)]
        block = parts[0] if len(parts) == 1 else ExampleBlock.concatenate(parts)
        before = len(block) - windows[window].rows
        order = np.concatenate([np.arange(before), before + plan.order(window, windows[window].rows)])
        batches = plan.batches(window, block, order)
        rest = order[len(batches) * plan.batch_size :]
        following: Sequence[Loader] = ()
        if window + 1 < len(windows):
            following = windows[window + 1].loaders
            carried = [block.take(rest)] if len(rest) else []
        elif len(rest) and not plan.drop_remainder:
            batches.append(rest)
        loading = []
        for position, rows in enumerate(batches):
            # Loading is spread over the batches of a window, so that it never delays one for long.
            for loader in following[len(loading) : -(-len(following) * (position + 1) // len(batches))]:
                loading.append(pool.submit(loader))
            if position >= skipped:
                yield pool.submit(block.gather, rows, plan.by_length)
        loading += [pool.submit(loader) for loader in following[len(loading) :]]
        skipped = 0


def _find_first_window(windows: Sequence[Window], plan: BatchPlan) -> tuple[int, int, int]:
    """Return where the first batch lies: its window, its position there, and the rows carried into that window."""
    left, carried = plan.first_batch, 0
    for position, window in enumerate(windows):
        batches, rest = divmod(carried + window.rows, plan.batch_size)
        if left < batches or position + 1 == len(windows):
            return position, left, carried
        left, carried = left - batches, rest
    return 0, 0, 0


def _load_carried(windows: Sequence[Window], plan: BatchPlan, first: int, rows: int) -> list[ExampleBlock]:
    """Return the last examples of the window before `first`, which are in no batch of its own."""
    if not rows:
        return []
    window = windows[first - 1]
    block = ExampleBlock.concatenate([loader() for loader in window.loaders])
    return [block.take(plan.order(first - 1, window.rows)[-rows:])]


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
