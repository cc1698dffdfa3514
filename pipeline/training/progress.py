"""Display of a running training: a progress bar on a terminal, and a line for each epoch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

REFRESH_SECONDS = 0.5

_consoles: list[Console] = []


@contextmanager
def show_training_on(console: Console) -> Iterator[None]:
    """Show trainings inside the context on `console` rather than on standard error."""
    _consoles.append(console)
    try:
        yield
    finally:
        _consoles.pop()


def console() -> Console:
    """Return the console on which training is shown now."""
    return _consoles[-1] if _consoles else Console(stderr=True)


class TrainingProgress(keras.callbacks.Callback):
    """Callback that shows epoch, step, examples per second, loss and the last validation, and times the steps.

    Args:
        name: Name of what is trained.
        epochs: Largest number of epochs.
        steps_per_epoch: Batches in an epoch.
        batch_size: Examples in a (global) batch.
        examples: Examples in the training split.

    Attributes:
        timed_examples: Examples of all timed steps. The first execution of each epoch is not timed.
        timed_seconds: Duration of these steps.
    """

    def __init__(self, name: str, epochs: int, steps_per_epoch: int, batch_size: int, examples: int) -> None:
        """Store what to show; nothing is shown yet."""
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
        """Start the bar if the console is a terminal."""
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"))
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task(self._name, total=self._steps_per_epoch, figures="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the bar."""
        if self._bar is not None:
            self._bar.stop()

    def begin_at(self, step: int) -> None:
        """Set the step at which the next epoch begins."""
        self._first_step = step

    def finish_epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        """Print a line with the epoch, counted from 0, and its metrics."""
        self._validation = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        speed = f"{self._epoch_examples / self._epoch_seconds:,.0f} examples/s  " if self._epoch_seconds else ""
        line = f"{self._name} epoch {epoch + 1}/{self._epochs}  {speed}{self._validation}"
        self._console.print(line, highlight=False, soft_wrap=True)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Reset the measured time."""
        self._epoch = epoch
        self._began: float | None = None
        self._shown = 0.0
        self._epoch_examples = 0
        self._epoch_seconds = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Time the step and refresh the bar."""
        now = time.perf_counter()
        step = min(self._first_step + batch + 1, self._steps_per_epoch)
        done = min(step * self._batch_size, self._examples)
        if self._began is None:  # the first execution also traces the graph, so it is not timed
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
        """Add the epoch to the measured time."""
        if self._began is not None and self._epoch_examples:  # by now a GPU has finished too
            self._epoch_seconds = time.perf_counter() - self._began
        self.timed_examples += self._epoch_examples
        self.timed_seconds += self._epoch_seconds
