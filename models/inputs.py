"""Description of a model's input: the names, shapes and sizes of its tensors.

A model never reads the configuration of the logs: it is built only from these descriptions. Ids start at 1, and 0 is
padding. Histories run from oldest to newest and are padded at the end.

| tensor | shape | dtype |
|---|---|---|
| `user` (if `user_rows`) | [B] | int64 |
| `item` | [B] | int64 |
| `history_item` | [B, T] | int64 |
| `history_age` | [B, T] | int64, log2 bucket of the time to the event, from 1 |
| categorical NAME with the target | [B] or [B, V] | int64 |
| categorical NAME along the history: `history_NAME` | [B, T] or [B, T, V] | int64 |
| numeric NAME | [B] | float32 |
| with `history_negatives`, training only: `history_negative_item` | [B, T] | int64, sampled for each behaviour, or 0 |
| likewise `history_negative_NAME` of item attributes | [B, T] or [B, T, V] | int64 |
| label `label_TASK`, mask `mask_TASK` | [B] | float32 |
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Side = Literal["item", "user", "event"]


@dataclass(frozen=True)
class QuotientRemainder:
    """Layout of an embedding table as two small ones, with `ceil(rows / buckets)` and `buckets` rows.

    See `models/layers/embedding/quotient_remainder.py`.
    """

    buckets: int
    combine: Literal["product", "sum"] = "product"


@dataclass(frozen=True)
class CategoricalInput:
    """Categorical input with ids 1 to `rows - 1`, where 0 means that there is none.

    Args:
        name: name of the attribute.
        rows: rows of its embedding table, padding's row 0 included.
        side: what the attribute describes.
        values: V for an attribute with a list of values; None for one with a single value.
        in_target: whether the target has it.
        in_history: whether each behaviour of the history has it; one table serves target and history.
        layout: layout of the embedding table; None is one row for each id.
    """

    name: str
    rows: int
    side: Side
    values: int | None = None
    in_target: bool = True
    in_history: bool = False
    layout: QuotientRemainder | None = None


@dataclass(frozen=True)
class NumericInput:
    """Numeric input of the target; `side` says whether it describes the item, the user or the event."""

    name: str
    side: Side


@dataclass(frozen=True)
class ModelInputs:
    """All inputs of a model.

    Args:
        tasks: names of the tasks, each of which has a logit.
        item_rows: rows of the item table, padding's row 0 included.
        history_length: T, behaviours of a padded history.
        history_age_buckets: buckets of `history_age`, which has the values 1 to this number.
        user_rows: rows of the user table, padding's row 0 included; None where the model has no user ids.
        categorical: categorical attributes.
        numeric: numeric attributes.
        masked_tasks: tasks that do not have a label for every example.
        history_negatives: whether training, and training alone, has an item sampled for each behaviour.
        item_layout: layout of the item table; None is one row for each id.
        user_layout: layout of the user table; None is one row for each id.

    Example:
        >>> inputs = ModelInputs(tasks=("click",), item_rows=100, history_length=20, history_age_buckets=8)
        >>> inputs.tensors()["history_item"]
        ((20,), 'int64')
    """

    tasks: tuple[str, ...]
    item_rows: int
    history_length: int
    history_age_buckets: int
    user_rows: int | None = None
    categorical: tuple[CategoricalInput, ...] = ()
    numeric: tuple[NumericInput, ...] = ()
    masked_tasks: tuple[str, ...] = ()
    history_negatives: bool = False
    item_layout: QuotientRemainder | None = None
    user_layout: QuotientRemainder | None = None

    @property
    def item_attributes(self) -> tuple[CategoricalInput, ...]:
        """Categories of the item that both the target and the history have: they are part of an item's vector."""
        return tuple(c for c in self.categorical if c.side == "item" and c.in_target and c.in_history)

    @property
    def behaviour_attributes(self) -> tuple[CategoricalInput, ...]:
        """Categories of behaviours that are not part of an item's vector, such as the rating."""
        return tuple(c for c in self.categorical if c.in_history and c not in self.item_attributes)

    @property
    def other_categories(self) -> tuple[CategoricalInput, ...]:
        """Categories of the target that are not part of an item's vector: profile and context."""
        return tuple(c for c in self.categorical if c.in_target and c not in self.item_attributes)

    @property
    def candidate_tensors(self) -> frozenset[str]:
        """Names of the tensors that describe the candidate; the others describe user, request or history."""
        categories = (c.name for c in self.categorical if c.side == "item" and c.in_target)
        return frozenset({"item", *categories, *(n.name for n in self.numeric if n.side == "item")})

    def tensors(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Return shape (without the batch axis) and dtype of each input tensor by name, without labels and masks."""
        history = (self.history_length,)
        tensors: dict[str, tuple[tuple[int, ...], str]] = {"item": ((), "int64")}
        if self.user_rows is not None:
            tensors["user"] = ((), "int64")
        tensors["history_item"] = tensors["history_age"] = (history, "int64")
        for category in self.categorical:
            values = () if category.values is None else (category.values,)
            if category.in_target:
                tensors[category.name] = (values, "int64")
            if category.in_history:
                tensors[f"history_{category.name}"] = ((*history, *values), "int64")
        for numeric in self.numeric:
            tensors[numeric.name] = ((), "float32")
        return tensors

    def rows(self) -> dict[str, int]:
        """Return the rows of the table that each id tensor indexes, padding's row 0 included, by the tensor's name."""
        rows = {"item": self.item_rows, "history_item": self.item_rows, "history_age": self.history_age_buckets + 1}
        if self.user_rows is not None:
            rows["user"] = self.user_rows
        for category in self.categorical:
            rows |= dict.fromkeys((category.name, f"history_{category.name}"), category.rows)
        return {name: rows[name] for name, (_, dtype) in self.tensors().items() if dtype == "int64"}

    def training_tensors(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Return, as `tensors` does, the tensors that only training has: the item sampled for each behaviour."""
        if not self.history_negatives:
            return {}
        all_tensors = self.tensors()
        names = ("item", *(attribute.name for attribute in self.item_attributes))
        return {f"history_negative_{name}": all_tensors[f"history_{name}"] for name in names}

    def history_tensors(self) -> tuple[str, ...]:
        """Return the names of the tensors with an axis of behaviours, including those that only training has."""
        categories = (f"history_{category.name}" for category in self.categorical if category.in_history)
        return ("history_item", "history_age", *categories, *self.training_tensors())

    def to_json(self) -> str:
        """Return the description as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ModelInputs:
        """Return the description that `to_json` wrote."""
        values = json.loads(text)
        values["categorical"] = tuple(
            CategoricalInput(**_with_layout(entry, "layout")) for entry in values["categorical"]
        )
        values["numeric"] = tuple(NumericInput(**entry) for entry in values["numeric"])
        for name in ("tasks", "masked_tasks"):
            values[name] = tuple(values[name])
        return cls(**_with_layout(values, "item_layout", "user_layout"))


def _with_layout(values: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return `values` with the layouts under the keys `names` parsed; older descriptions have no layouts."""
    return values | {name: QuotientRemainder(**values[name]) for name in names if values.get(name)}
