"""Logs of training for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

SPLITS = ("train", "validation")


class TensorBoardLog:
    """Writes metrics of each epoch to one subfolder for each split.

    Args:
        folder: Folder that TensorBoard reads; None to write nothing.
    """

    def __init__(self, folder: str | None) -> None:
        """Open one writer for each split."""
        splits = () if folder is None else SPLITS
        self._writers = {name: tf.summary.create_file_writer(tf.io.gfile.join(folder, name)) for name in splits}

    def write(self, split: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write metrics of a split after an epoch, counted from 1."""
        writer = self._writers.get(split)
        if writer is None:
            return
        with writer.as_default(step=epoch):
            for name, value in metrics.items():
                tf.summary.scalar(name, value)
        writer.flush()
