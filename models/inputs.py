"""What a model is given: the names, shapes and sizes of its input tensors.

A model never reads the configuration of the logs; it is built from these descriptions alone. All ids start at 1,
0 is padding; histories run from oldest to newest and are padded at the end.

| tensor | shape | dtype |
|---|---|---|
| `user` (if `user_rows`) | [B] | int64 |
| `item` | [B] | int64 |
| `history_item` | [B, T] | int64 |
| `history_age` | [B, T] | int64, log2 bucket of the time to the event, from 1 |
| categorical NAME with the target | [B] or [B, V] | int64 |
| categorical NAME along the history: `history_NAME` | [B, T] or [B, T, V] | int64 |
| numeric NAME | [B] | float32 |
| with `history_negatives`, training only: `history_negative_item` | [B, T] | int64, an item drawn for each step or 0 |
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
    """The layout of a table in two small ones, of `ceil(rows / buckets)` and of `buckets` rows.

    See `models/layers/embedding/quotient_remainder.py`.
    """

    buckets: int
    combine: Literal["product", "sum"] = "product"


@dataclass(frozen=True)
class CategoricalInput:
    """A category with ids 1 to `rows - 1`, 0 meaning none; `values` is V where it is a list, else None.

    `side` says what it describes. With `in_target` it comes beside the target, with `in_history` along the history;
    with both, one table serves both. `layout` is of that table; None is a row for every id.
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
    name: str
    side: Side


@dataclass(frozen=True)
class ModelInputs:
    """All inputs of a model. `item_rows` and `user_rows` count the rows of their tables, padding's row 0 included.

    `item_layout` and `user_layout` are of those tables; None is a row for every id.
    `history_negatives`: whether training, and training alone, has an item drawn beside each behaviour.
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
        """Categories of the item that come both with the target and along the history: part of an item's vector."""
        return tuple(c for c in self.categorical if c.side == "item" and c.in_target and c.in_history)

    @property
    def behaviour_attributes(self) -> tuple[CategoricalInput, ...]:
        """Categories along the history that are not in an item's vector, such as the rating it was given."""
        return tuple(c for c in self.categorical if c.in_history and c not in self.item_attributes)

    @property
    def other_categories(self) -> tuple[CategoricalInput, ...]:
        """Categories beside the target that are not part of an item's vector: profile, context."""
        return tuple(c for c in self.categorical if c.in_target and c not in self.item_attributes)

    @property
    def candidate_tensors(self) -> frozenset[str]:
        """Names of the tensors that describe the candidate; all others are of the user, the request or the history."""
        categories = (c.name for c in self.categorical if c.side == "item" and c.in_target)
        return frozenset({"item", *categories, *(n.name for n in self.numeric if n.side == "item")})

    def tensors(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape, without the batch's axis, and dtype of every input tensor by name; labels and masks are not inputs."""
        along = (self.history_length,)
        tensors: dict[str, tuple[tuple[int, ...], str]] = {"item": ((), "int64")}
        if self.user_rows is not None:
            tensors["user"] = ((), "int64")
        tensors["history_item"] = tensors["history_age"] = (along, "int64")
        for category in self.categorical:
            values = () if category.values is None else (category.values,)
            if category.in_target:
                tensors[category.name] = (values, "int64")
            if category.in_history:
                tensors[f"history_{category.name}"] = ((*along, *values), "int64")
        for number in self.numeric:
            tensors[number.name] = ((), "float32")
        return tensors

    def rows(self) -> dict[str, int]:
        """Rows of the table that each of `tensors` holds ids of, padding's row 0 included, by the tensor's name."""
        rows = {"item": self.item_rows, "history_item": self.item_rows, "history_age": self.history_age_buckets + 1}
        if self.user_rows is not None:
            rows["user"] = self.user_rows
        for category in self.categorical:
            rows |= dict.fromkeys((category.name, f"history_{category.name}"), category.rows)
        return {name: rows[name] for name, (_, dtype) in self.tensors().items() if dtype == "int64"}

    def training_tensors(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """As `tensors`, of what is there in training alone: an item drawn beside each behaviour, as in the history."""
        if not self.history_negatives:
            return {}
        all_tensors = self.tensors()
        names = ("item", *(attribute.name for attribute in self.item_attributes))
        return {f"history_negative_{name}": all_tensors[f"history_{name}"] for name in names}

    def along_history(self) -> tuple[str, ...]:
        """Names of the tensors with an axis of behaviours, those of training alone included."""
        categories = (f"history_{category.name}" for category in self.categorical if category.in_history)
        return ("history_item", "history_age", *categories, *self.training_tensors())

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ModelInputs:
        values = json.loads(text)
        values["categorical"] = tuple(
            CategoricalInput(**_with_layout(entry, "layout")) for entry in values["categorical"]
        )
        values["numeric"] = tuple(NumericInput(**entry) for entry in values["numeric"])
        for name in ("tasks", "masked_tasks"):
            values[name] = tuple(values[name])
        return cls(**_with_layout(values, "item_layout", "user_layout"))


def _with_layout(values: dict[str, Any], *names: str) -> dict[str, Any]:
    """`values` of JSON, with the layouts that have one of `names`; what was written before there were any has none."""
    return values | {name: QuotientRemainder(**values[name]) for name in names if values.get(name)}
