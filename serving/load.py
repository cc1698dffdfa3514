"""Scores raw rows with an exported model; needs TensorFlow alone, as a server does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from serving.raw_inputs import RawInput
from transforms.feature_names import HISTORY_ITEM

PROVENANCE = "assets.extra/interestflow.json"
"""Under the model's folder: where it comes from and what it is asked with."""
PADDING: dict[str, Any] = {"string": b"", "int64": 0, "float32": np.nan}


class ScoringError(Exception):
    """A folder that holds no model, or rows that it cannot score."""


def read_provenance(folder: str | Path) -> dict[str, Any]:
    """What an exported model says of itself.

    Raises:
        ScoringError: where there is no exported model in `folder`.
    """
    if not tf.io.gfile.exists(f"{folder}/saved_model.pb") or not tf.io.gfile.exists(f"{folder}/{PROVENANCE}"):
        raise ScoringError(f"{folder} should hold saved_model.pb and {PROVENANCE}, as the pipeline exports them")
    with tf.io.gfile.GFile(f"{folder}/{PROVENANCE}") as file:
        content: dict[str, Any] = json.load(file)
    return content


class Scorer:
    """An exported model.

    Args:
        folder: of the SavedModel, such as the newest version in a pushed folder.

    Raises:
        ScoringError: where there is no exported model in `folder`.
    """

    def __init__(self, folder: str | Path) -> None:
        self.provenance = read_provenance(folder)
        self.inputs = tuple(RawInput(**raw) for raw in self.provenance["raw_inputs"])
        self._model = tf.saved_model.load(str(folder))  # its signatures live only as long as it does

    def score(self, rows: Sequence[Mapping[str, Any]], signature: str = "serving_default") -> dict[str, np.ndarray]:
        """Scores rows such as `{"user": "7", "item": "12", "history_item": ["3", "5"], "history_age": [60, 7]}`.

        Args:
            rows: raw features by name: one value, or a list. What is missing or None gets the model's default.
            signature: `serving_default` or `predict`; they give the same.

        Returns:
            Probability by task, float32 `[len(rows)]`.

        Raises:
            ScoringError: for a feature that the model does not know, a list where one value is expected, or one along
                the history that is not as long as the history.
        """
        known = {raw.name for raw in self.inputs}
        unknown = {name for row in rows for name in row} - known
        if unknown:
            raise ScoringError(f"rows have {', '.join(sorted(unknown))}; the model knows {', '.join(sorted(known))}")
        if signature == "serving_default":
            examples = [self._example(row).SerializeToString() for row in rows]
            outputs = self._model.signatures[signature](examples=tf.constant(examples, tf.string, shape=[len(rows)]))
        elif signature == "predict":
            outputs = self._model.signatures[signature](**{raw.name: self._tensor(raw, rows) for raw in self.inputs})
        else:
            raise ScoringError(f"`signature` should be serving_default or predict, received {signature!r}")
        return {task: output.numpy() for task, output in outputs.items()}

    def rank(self, user: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
        """Scores candidates of one user by the signature `rank`, which computes the user's part once.

        Args:
            user: raw features of the user, the request and the history.
            candidates: raw features of each.

        Returns:
            Probability by task, float32 `[len(candidates)]`.

        Raises:
            ScoringError: as `score`, and for a feature on the wrong side.
        """
        sides = {"user": [user], "candidate": candidates}
        for side, rows in sides.items():
            known = {raw.name for raw in self.inputs if raw.side == side}
            unknown = {name for row in rows for name in row} - known
            if unknown:
                shown = f"{', '.join(sorted(unknown))}; the model knows {', '.join(sorted(known))}"
                raise ScoringError(f"the {side} has {shown}")
        tensors = {raw.name: self._tensor(raw, sides[raw.side]) for raw in self.inputs}
        tensors |= {raw.name: tensors[raw.name][tf.newaxis] for raw in self.inputs if raw.side == "candidate"}
        outputs = self._model.signatures["rank"](**tensors)
        return {task: output.numpy()[0] for task, output in outputs.items()}

    def _example(self, row: Mapping[str, Any]) -> tf.train.Example:
        example = tf.train.Example()
        for raw in self.inputs:
            values = _values(raw, row)
            if not values:
                continue
            feature = example.features.feature[raw.name]
            if raw.dtype == "string":
                feature.bytes_list.value.extend(values)
            elif raw.dtype == "int64":
                feature.int64_list.value.extend(values)
            else:
                feature.float_list.value.extend(values)
        return example

    def _tensor(self, raw: RawInput, rows: Sequence[Mapping[str, Any]]) -> tf.Tensor:
        lists = [_values(raw, row) for row in rows]
        if raw.kind == "value":
            return tf.constant([values[0] if values else raw.default for values in lists], raw.dtype)
        length = max((len(values) for values in lists), default=0)
        if raw.kind == "history":  # all features along the history are as long as the longest history
            steps = [len(row.get(HISTORY_ITEM) or ()) for row in rows]
            length = max(steps, default=0)
            for values, own in zip(lists, steps, strict=True):
                if values and len(values) != own:
                    raise ScoringError(
                        f"`{raw.name}` should have as many values as `{HISTORY_ITEM}`, {own}, received {len(values)}"
                    )
        padded = [values + [PADDING[raw.dtype]] * (length - len(values)) for values in lists]
        return tf.constant(padded, raw.dtype, shape=[len(rows), length])


def _values(raw: RawInput, row: Mapping[str, Any]) -> list[Any]:
    """The values of a row's feature, text as UTF-8; none where it is missing or None."""
    value = row.get(raw.name)
    values = [] if value is None else list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
    if raw.kind == "value" and len(values) > 1:
        raise ScoringError(f"`{raw.name}` should be one value, received {values!r}")
    if raw.dtype == "string":
        return [value if isinstance(value, bytes) else str(value).encode() for value in values]
    try:
        return [int(value) if raw.dtype == "int64" else float(value) for value in values]
    except (TypeError, ValueError):
        raise ScoringError(f"`{raw.name}` should be {raw.dtype}, received {value!r}") from None
