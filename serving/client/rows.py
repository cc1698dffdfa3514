"""Packing of rows into the input arrays of a model's signatures.

All users of an exported model pack rows here: the client, `Scorer`, the warm-up requests and the benchmarks.

Where the model has a description, the arrays have few shapes, so that a server can batch requests of different users:
histories are cut to the newest steps and padded to the model's length, other lists are cut to their first values and
padded, and candidates are padded to the next of the model's sizes. Models ignore that padding.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from interestflow.serving.client.client_error import ClientError
from interestflow.serving.client.metadata import Metadata, TensorInfo
from interestflow.serving.client.values import STRING, as_list, as_single, is_missing, missing_value, to_column
from interestflow.serving.description import Description, sized_rank_signature
from interestflow.transforms.feature_names import HISTORY_ITEM, ITEM

HISTORY = "history_"
COUNT = "k"
"""Input of `retrieve`: the number of items to return."""
MAX_COUNT = 2**31 - 1
Row = Mapping[str, Any]
Arrays = dict[str, np.ndarray]


def pack_predict(metadata: Metadata, rows: Sequence[Row]) -> Arrays:
    """Pack rows, each with its own user and item, for the signature `predict`.

    Args:
        metadata: metadata of the model.
        rows: raw features by name, such as `{"item": "12", "history_item": ["3"], "history_age": [60]}`; values that
            are left out, None, empty text or NaN count as missing.

    Returns:
        Arrays by name of the input: `[N]`, or `[N, L]` for lists.

    Raises:
        ClientError: for a feature that the model does not know, or a value that is not of its dtype.
    """
    return _pack_rows(metadata.signature("predict").inputs, rows, metadata.description, "rows")


def pack_rank(metadata: Metadata, user: Row, candidates: Sequence[Row]) -> Arrays:
    """Pack one user and candidates for the signature `rank`.

    Args:
        metadata: metadata of the model.
        user: raw features of the user, the request and the history.
        candidates: raw features of each, `item` among them. They are not padded where they are more than the largest
            of the model's sizes.

    Returns:
        `[1]` or `[1, L]` for the user's features, `[1, N]` or `[1, N, L]` for those of the candidates.

    Raises:
        ClientError: as `pack_predict`, and for a feature on the wrong side.
    """
    inputs = metadata.signature("rank").inputs
    candidate_inputs = metadata.candidate_inputs()
    user_tensors = {name: tensor for name, tensor in inputs.items() if name not in candidate_inputs}
    candidate_tensors = {name: _without_first_axis(inputs[name]) for name in inputs if name in candidate_inputs}
    check_feature_names([user], user_tensors, "the user")
    check_feature_names(candidates, candidate_tensors, "candidates")
    padded = [*candidates, *[{}] * (candidate_count(metadata.description, len(candidates)) - len(candidates))]
    arrays = _pack(candidate_tensors, padded, metadata.description)
    return _pack(user_tensors, [user], metadata.description) | {
        name: array[np.newaxis] for name, array in arrays.items()
    }


def rank_signature(metadata: Metadata, count: int) -> str:
    """Return the signature that ranks `count` candidates: the one for just this number where the model has it.

    TensorFlow Serving keeps a queue of batches for each signature, and fails a batch of requests of unequal shapes. So
    requests with different numbers of candidates should use different signatures.
    """
    sized = sized_rank_signature(count)
    sizes = () if metadata.description is None else metadata.description.candidate_sizes
    return sized if count in sizes and sized in metadata.signatures else "rank"


def pack_retrieve(metadata: Metadata, user: Row, count: int) -> Arrays:
    """Pack one user for the signature `retrieve`, which never returns items of the history.

    Args:
        metadata: metadata of the model.
        user: raw features of the user, the request and the history.
        count: number of items to return. One more is requested for each item of the truncated part of the history,
            since the model cannot exclude those; see `truncated_items`.

    Returns:
        As `pack_encode_user`, and `k`, int32 `[1]`.

    Raises:
        ClientError: as `pack_predict`, and for more items than int32 can count.
    """
    inputs = {name: tensor for name, tensor in metadata.signature("retrieve").inputs.items() if name != COUNT}
    requested = count + len(truncated_items(metadata, user))
    if requested > MAX_COUNT:
        raise ClientError(f"`count` should be at most {MAX_COUNT}, received {count}")
    return _pack_rows(inputs, [user], metadata.description, "the user") | {COUNT: np.array([requested], np.int32)}


def pack_encode_user(metadata: Metadata, rows: Sequence[Row]) -> Arrays:
    """Pack users for the signature `encode_user`; see `pack_predict`."""
    return _pack_rows(metadata.signature("encode_user").inputs, rows, metadata.description, "users")


def pack_encode_items(metadata: Metadata, rows: Sequence[Row]) -> Arrays:
    """Pack items for the signature `encode_items`; see `pack_predict`."""
    return _pack_rows(metadata.signature("encode_items").inputs, rows, metadata.description, "items")


def as_rows(name: str, rows: Sequence[Row]) -> list[Row]:
    """Return `rows` as a list, once it is checked to hold rows.

    Args:
        name: name of the argument, for errors.
        rows: features by name, of each row.

    Raises:
        ClientError: where it is not a list of rows.
    """
    listed = _as_list_argument(name, rows)
    for row in listed:
        check_row(name, row)
    return listed


def as_candidates(candidates: Sequence[Row | str]) -> list[Row]:
    """Return candidates as rows; an id becomes a row without other features.

    Raises:
        ClientError: for a candidate without an item.
    """
    listed = _as_list_argument("candidates", candidates)
    rows = [candidate if isinstance(candidate, Mapping) else {ITEM: candidate} for candidate in listed]
    for position, row in enumerate(rows):
        item = row.get(ITEM)
        if is_missing(item) or isinstance(item, list | tuple | dict | set):
            raise ClientError(f"candidate {position} should have an `{ITEM}`, received {dict(row)!r}")
    return rows


def candidate_count(description: Description | None, count: int) -> int:
    """Return the size that `count` candidates are padded to: the next of the model's sizes, if there is one."""
    sizes = () if description is None else description.candidate_sizes
    return min((size for size in sizes if size >= count), default=count)


def truncated_items(metadata: Metadata, user: Row) -> frozenset[bytes]:
    """Return the items that are only in the older part of a history, beyond the model's length."""
    items = [item for item in to_column(HISTORY_ITEM, STRING, as_list(user.get(HISTORY_ITEM))) if item]
    length = _history_length(metadata.description)
    if length is None or len(items) <= length:
        return frozenset()
    start = len(items) - length
    return frozenset(items[:start]) - frozenset(items[start:])


def missing_features(metadata: Metadata, names: Collection[str], rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the features among `names` that training always had and that some row lacks."""
    always_given = () if metadata.description is None else metadata.description.always_given
    return tuple(name for name in always_given if name in names and any(is_missing(row.get(name)) for row in rows))


def check_row(whose: str, row: object) -> None:
    """Check that a row is a mapping of features by name.

    Raises:
        ClientError: where it is something else.
    """
    if not isinstance(row, Mapping):
        raise ClientError(f"{whose} should be features by name, received {row!r}")


def check_feature_names(rows: Sequence[Row], known: Collection[str], whose: str) -> None:
    """Check that rows have only features that a model knows.

    Raises:
        ClientError: for another feature, and for a row that is not a mapping.
    """
    for row in rows:
        check_row(whose, row)
    unknown = sorted({str(name) for row in rows for name in row if name not in known})
    if unknown:
        verb = "has" if whose == "the user" else "have"
        raise ClientError(f"{whose} {verb} {', '.join(unknown)}; the model knows {', '.join(sorted(known))}")


def _as_list_argument(name: str, values: Any) -> list[Any]:
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise ClientError(f"`{name}` should be a list, received {values!r}")
    return list(values)


def _pack_rows(
    inputs: Mapping[str, TensorInfo], rows: Sequence[Row], description: Description | None, whose: str
) -> Arrays:
    check_feature_names(rows, inputs, whose)
    return _pack(inputs, rows, description)


def _pack(inputs: Mapping[str, TensorInfo], rows: Sequence[Row], description: Description | None) -> Arrays:
    """Pack known features of rows: `[N]` for single values and, padded, `[N, L]` for lists."""
    histories = _Histories(rows, _history_length(description))
    lengths = {} if description is None else description.lengths
    arrays = {}
    for name, tensor in inputs.items():
        if tensor.rank == 1:
            arrays[name] = to_column(name, tensor.dtype, [as_single(name, row.get(name)) for row in rows])
        elif tensor.rank == 2 and name.startswith(HISTORY):
            arrays[name] = _pad(name, tensor.dtype, histories.values(name), histories.length)
        elif tensor.rank == 2:
            lists = [as_list(row.get(name)) for row in rows]
            if name in lengths:
                lists = [_first_values(values, lengths[name]) for values in lists]
            arrays[name] = _pad(name, tensor.dtype, lists, lengths.get(name, max(map(len, lists), default=0)))
        else:
            axes = "an unknown number of" if tensor.rank is None else tensor.rank
            raise ClientError(f"`{name}` should have one or two axes for rows, the model's has {axes}")
    return arrays


class _Histories:
    """Steps of the rows' histories that are sent.

    A step exists where `history_item` is not empty. Where the model's length is known, other steps are left out, so
    that they do not use up the length.
    """

    def __init__(self, rows: Sequence[Row], length: int | None) -> None:
        """Find the steps of `rows`, the newest `length` of each where it is not None."""
        self._rows = rows
        items = [as_list(row.get(HISTORY_ITEM)) for row in rows]
        self._counts = [len(values) for values in items]
        self._positions: list[list[int]] | None = None
        if length is None:
            self.length = max(self._counts, default=0)
        else:
            self.length = length
            self._positions = [_newest_steps(values, length) for values in items]

    def values(self, name: str) -> list[list[Any]]:
        """Return the values of a feature along the history, for each row.

        Raises:
            ClientError: where a row does not have one value for each step.
        """
        lists = [as_list(row.get(name)) for row in self._rows]
        for values, count in zip(lists, self._counts, strict=True):
            if values and len(values) != count:
                raise ClientError(
                    f"`{name}` should have as many values as `{HISTORY_ITEM}`, {count}, received {len(values)}"
                )
        if self._positions is None:
            return lists
        return [
            [values[position] for position in positions] if values else []
            for values, positions in zip(lists, self._positions, strict=True)
        ]


def _history_length(description: Description | None) -> int | None:
    return None if description is None else description.lengths.get(HISTORY_ITEM)


def _newest_steps(items: list[Any], length: int) -> list[int]:
    """Return the positions of the newest `length` steps that exist."""
    positions = [position for position, item in enumerate(items) if not is_missing(item)]
    return positions[max(len(positions) - length, 0) :]


def _first_values(values: list[Any], length: int) -> list[Any]:
    return [value for value in values if not is_missing(value)][:length]


def _pad(name: str, dtype: str, lists: list[list[Any]], length: int) -> np.ndarray:
    """Return an array `[N, length]`, with missing values after those of shorter lists."""
    padding = [missing_value(dtype)] * length
    values = [value for items in lists for value in (*items, *padding[len(items) :])]
    return to_column(name, dtype, values).reshape(len(lists), length)


def _without_first_axis(tensor: TensorInfo) -> TensorInfo:
    return TensorInfo(tensor.dtype, None if tensor.shape is None else tensor.shape[1:])
