"""Training progress is a bar on a terminal, and one line per epoch elsewhere."""

import io

import keras
import numpy as np
from rich.console import Console

from interestflow.pipeline.training.progress import TrainingProgress, show_training_on


def fit(console: Console, epochs: int = 2, steps: int = 25) -> TrainingProgress:
    """Fit a line to 100 points in batches of 4."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = np.linspace(0.0, 1.0, 100, dtype=np.float32)[:, None]
    with show_training_on(console), TrainingProgress("model pooled", epochs, steps, 4, 100) as progress:
        for epoch in range(epochs):
            model.fit(data, data, batch_size=4, verbose=0, initial_epoch=epoch, epochs=epoch + 1, callbacks=[progress])
            progress.finish_epoch(epoch, {"loss": 0.25, "validation auc": 0.75})
    return progress


def test_a_log_gets_one_line_an_epoch() -> None:
    text = io.StringIO()
    fit(Console(file=text, force_terminal=False, width=200))
    lines = text.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("model pooled epoch 2/2  ")
    assert "examples/s" in lines[1]
    assert lines[1].endswith("loss 0.2500  validation auc 0.7500")


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    text = io.StringIO()
    fit(Console(file=text, force_terminal=True, width=200))
    shown = text.getvalue()
    assert "step " in shown
    assert "/25" in shown
    assert "model pooled epoch 2/2" in shown
    assert "\x1b[2K" in shown  # lines are erased


def test_time_is_measured_from_the_second_step_on() -> None:
    """The first step of an epoch is left out, so 96 of the 100 examples are timed, twice."""
    progress = fit(Console(file=io.StringIO()))
    assert progress.timed_examples == 2 * 96
    assert progress.timed_seconds > 0.0


def test_an_epoch_that_was_interrupted_counts_what_is_left() -> None:
    progress = TrainingProgress("model", 1, 25, 4, 100)
    progress.begin_at(20)
    progress.on_epoch_begin(0)
    for batch in range(5):
        progress.on_train_batch_end(batch)
    progress.on_epoch_end(0)
    assert progress.timed_examples == 16
