"""Training shown while it runs: a bar on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

REFRESH_SECONDS = 0.5

_shown_on: list[Console] = []


@contextmanager
def shown_on(console: Console) -> Iterator[None]:
    """Shows the training that happens inside on `console`; without it, standard error is used."""
    _shown_on.append(console)
    try:
        yield
    finally:
        _shown_on.pop()


def console() -> Console:
    """Where what happens in training is shown now."""
    return _shown_on[-1] if _shown_on else Console(stderr=True)


class TrainingProgress(keras.callbacks.Callback):
    """Epoch, step, examples per second, loss and the last validation; also measures the time that steps take.

    Args:
        name: what is trained.
        epochs: at most.
        steps_per_epoch: batches an epoch.
        batch_size: examples a (global) batch.
        examples: in the training split.
    """

    def __init__(self, name: str, epochs: int, steps_per_epoch: int, batch_size: int, examples: int) -> None:
        super().__init__()
        self._name = name
        self._epochs = epochs
        self._steps_per_epoch = steps_per_epoch
        self._batch_size = batch_size
        self._examples = examples
        self._console = console()
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._validation = ""
        self._first_step = 0
        self._epoch = 0
        self._epoch_examples = 0
        self._epoch_seconds = 0.0
        self.timed_examples = 0
        self.timed_seconds = 0.0

    def __enter__(self) -> TrainingProgress:
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"))
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task(self._name, total=self._steps_per_epoch, figures="")
            self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin_at(self, step: int) -> None:
        """The next epoch begins after `step` of its steps."""
        self._first_step = step

    def epoch_done(self, epoch: int, measures: dict[str, float]) -> None:
        """One line: the epoch (from 0), its training loss and its validation measures."""
        self._validation = "  ".join(f"{name} {value:.4f}" for name, value in measures.items())
        speed = f"{self._epoch_examples / self._epoch_seconds:,.0f} examples/s  " if self._epoch_seconds else ""
        line = f"{self._name} epoch {epoch + 1}/{self._epochs}  {speed}{self._validation}"
        self._console.print(line, highlight=False, soft_wrap=True)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch
        self._began: float | None = None
        self._shown = 0.0
        self._epoch_examples = 0
        self._epoch_seconds = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        now = time.perf_counter()
        step = min(self._first_step + batch + 1, self._steps_per_epoch)
        done = min(step * self._batch_size, self._examples)
        if self._began is None:  # the first execution also traces the graph and is not timed
            self._began, self._began_with = now, done
            return
        self._epoch_examples, self._epoch_seconds = done - self._began_with, now - self._began
        if self._bar is not None and now - self._shown >= REFRESH_SECONDS:
            self._shown = now
            loss = float((logs or {}).get("loss", float("nan")))
            speed = f"{self._epoch_examples / self._epoch_seconds:,.0f} examples/s"
            figures = f"step {step}/{self._steps_per_epoch}  {speed}  loss {loss:.4f}  {self._validation}"
            description = f"{self._name} epoch {self._epoch + 1}/{self._epochs}"
            self._bar.update(self._task, completed=step, description=description, figures=figures)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._began is not None and self._epoch_examples:  # now that a GPU too has finished
            self._epoch_seconds = time.perf_counter() - self._began
        self.timed_examples += self._epoch_examples
        self.timed_seconds += self._epoch_seconds
