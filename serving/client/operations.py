"""Operations of the client: how each is split into requests, and how their outputs are joined to one result."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from interestflow.serving.client import rows as packing
from interestflow.serving.client.client_error import ClientError
from interestflow.serving.client.metadata import Metadata, TensorInfo
from interestflow.serving.client.results import Outputs, Ranking, RetrievedItems, Scores, Vectors, to_text
from interestflow.serving.client.rows import Arrays, Row
from interestflow.transforms.feature_names import ITEM

Result = TypeVar("Result")


class Operation(Generic[Result]):
    """One operation on a model, independent of the version that performs it.

    Attributes:
        signature: name of the signature that performs it.
    """

    signature: str

    def signature_for(self, metadata: Metadata, arrays: Arrays) -> str:
        """Return the signature for one of the operation's requests."""
        return self.signature

    def missing_features(self, metadata: Metadata) -> tuple[str, ...]:
        """Return the features that training always had and that the operation lacks."""
        raise NotImplementedError

    def pack_requests(self, metadata: Metadata) -> list[Arrays]:
        """Return the inputs of each request; no request where the result is known without asking.

        Raises:
            ClientError: for features that the model does not accept.
        """
        raise NotImplementedError

    def join_outputs(self, metadata: Metadata, outputs: Sequence[Outputs]) -> Result:
        """Join the outputs of all requests to the result.

        Raises:
            ClientError: for outputs that do not fit the operation.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class ScoreOperation(Operation[Scores]):
    """Scores rows by the signature `predict`."""

    rows: Sequence[Row]
    signature = "predict"

    @classmethod
    def build(cls, rows: Sequence[Row]) -> ScoreOperation:
        """Check `rows` and build the operation.

        Raises:
            ClientError: where `rows` is not a list of rows.
        """
        return cls(packing.as_rows("rows", rows))

    def missing_features(self, metadata: Metadata) -> tuple[str, ...]:
        """Return the features that training always had and that a row lacks."""
        return packing.missing_features(metadata, metadata.signature("predict").inputs, self.rows)

    def pack_requests(self, metadata: Metadata) -> list[Arrays]:
        """Pack at most `max_rows` of the rows in each request."""
        return [packing.pack_predict(metadata, part) for part in _split(self.rows, _max_rows(metadata))]

    def join_outputs(self, metadata: Metadata, outputs: Sequence[Outputs]) -> Scores:
        """Join the probabilities of all rows, by task."""
        tasks = metadata.signature("predict").outputs
        by_task = {task: _join_rows(task, tasks[task], outputs, len(self.rows)) for task in sorted(tasks)}
        return Scores(by_task, metadata.version, self.missing_features(metadata))


@dataclass(frozen=True)
class EncodeOperation(Operation[Vectors]):
    """Encodes users by the signature `encode_user`, or items by `encode_items`."""

    signature: str
    output: str
    rows: Sequence[Row]

    @classmethod
    def build_for_users(cls, rows: Sequence[Row]) -> EncodeOperation:
        """Check `rows` and build the operation.

        Raises:
            ClientError: where `rows` is not a list of rows.
        """
        return cls("encode_user", "user", packing.as_rows("users", rows))

    @classmethod
    def build_for_items(cls, rows: Sequence[Row | str]) -> EncodeOperation:
        """Check `rows` and build the operation.

        Raises:
            ClientError: where `rows` is not a list of rows or ids.
        """
        return cls("encode_items", "item", packing.as_candidates(rows))

    def missing_features(self, metadata: Metadata) -> tuple[str, ...]:
        """Return the features that training always had and that a row lacks."""
        return packing.missing_features(metadata, metadata.signature(self.signature).inputs, self.rows)

    def pack_requests(self, metadata: Metadata) -> list[Arrays]:
        """Pack at most `max_rows` of the rows in each request."""
        pack = packing.pack_encode_user if self.signature == "encode_user" else packing.pack_encode_items
        return [pack(metadata, part) for part in _split(self.rows, _max_rows(metadata))]

    def join_outputs(self, metadata: Metadata, outputs: Sequence[Outputs]) -> Vectors:
        """Join the vectors of all rows."""
        known = metadata.signature(self.signature).outputs
        if self.output not in known:
            raise ClientError(f"`{self.signature}` should answer `{self.output}`, the model's has {', '.join(known)}")
        vectors = _join_rows(self.output, known[self.output], outputs, len(self.rows))
        return Vectors(vectors, metadata.version, self.missing_features(metadata))


@dataclass(frozen=True)
class RankOperation(Operation[Ranking]):
    """Scores one user's candidates by the signature `rank`, or by the signature for just their number."""

    user: Row
    candidates: Sequence[Row]
    signature = "rank"

    def signature_for(self, metadata: Metadata, arrays: Arrays) -> str:
        """Return `rank`, or the signature of just this number of candidates where the model has one."""
        return packing.rank_signature(metadata, arrays[ITEM].shape[1])

    @classmethod
    def build(cls, user: Row, candidates: Sequence[Row | str]) -> RankOperation:
        """Check the arguments and build the operation.

        Raises:
            ClientError: where `user` is not a row, or `candidates` not a list of rows or ids.
        """
        packing.check_row("the user", user)
        return cls(user, packing.as_candidates(candidates))

    def missing_features(self, metadata: Metadata) -> tuple[str, ...]:
        """Return the features that training always had and that a row lacks."""
        candidate_inputs = metadata.candidate_inputs()
        user_inputs = metadata.signature("rank").inputs.keys() - candidate_inputs
        missing = {
            *packing.missing_features(metadata, user_inputs, [self.user]),
            *packing.missing_features(metadata, candidate_inputs, self.candidates),
        }
        always_given = () if metadata.description is None else metadata.description.always_given
        return tuple(name for name in always_given if name in missing)

    def pack_requests(self, metadata: Metadata) -> list[Arrays]:
        """Pack the user with as many candidates in each request as the largest of the model's sizes."""
        if not self.candidates:
            packing.pack_rank(metadata, self.user, [])  # still refuses a user with wrong features
            return []
        return [
            packing.pack_rank(metadata, self.user, part)
            for part in _split(self.candidates, self._most_candidates(metadata))
        ]

    def join_outputs(self, metadata: Metadata, outputs: Sequence[Outputs]) -> Ranking:
        """Join the probabilities of all candidates, by task, without those of the padding."""
        ids = tuple(to_text(row[ITEM]) for row in self.candidates)
        counts = [len(part) for part in _split(self.candidates, self._most_candidates(metadata))]
        by_task = {}
        for task in sorted(metadata.signature("rank").outputs):
            parts = [_row(task, output)[:count] for output, count in zip(outputs, counts, strict=True)]
            by_task[task] = _concatenate(task, parts, len(ids), np.zeros(0, np.float32))
        return Ranking(ids, by_task, metadata.version, self.missing_features(metadata))

    def _most_candidates(self, metadata: Metadata) -> int:
        sizes = () if metadata.description is None else metadata.description.candidate_sizes
        return max(sizes, default=max(len(self.candidates), 1))


@dataclass(frozen=True)
class RetrieveOperation(Operation[RetrievedItems]):
    """Retrieves the best of all items for one user by the signature `retrieve`."""

    user: Row
    count: int
    signature = "retrieve"

    @classmethod
    def build(cls, user: Row, count: int) -> RetrieveOperation:
        """Check the arguments and build the operation.

        Raises:
            ClientError: where `count` is not a whole number from 0 on, or `user` not a row.
        """
        packing.check_row("the user", user)
        try:
            item_count = -1 if isinstance(count, bool) else operator.index(count)
        except TypeError:
            item_count = -1
        if item_count < 0:
            raise ClientError(f"`count` should be a whole number from 0 on, received {count!r}")
        return cls(user, item_count)

    def missing_features(self, metadata: Metadata) -> tuple[str, ...]:
        """Return the features that training always had and that a row lacks."""
        return packing.missing_features(metadata, metadata.signature("retrieve").inputs, [self.user])

    def pack_requests(self, metadata: Metadata) -> list[Arrays]:
        """Pack the user in one request; no request for no items."""
        arrays = packing.pack_retrieve(metadata, self.user, self.count)
        return [arrays] if self.count else []

    def join_outputs(self, metadata: Metadata, outputs: Sequence[Outputs]) -> RetrievedItems:
        """Return the best items that the whole history, truncated items included, does not hold."""
        missing = self.missing_features(metadata)
        if not outputs:
            return RetrievedItems((), np.zeros(0, np.float32), metadata.version, missing)
        truncated = packing.truncated_items(metadata, self.user)
        # A server that batches returns as many columns as the largest request of the batch asked for.
        requested = self.count + len(truncated)
        items, scores = (_row(name, outputs[0])[:requested] for name in ("items", "scores"))
        positions = [position for position, item in enumerate(items) if item and item not in truncated][: self.count]
        return RetrievedItems(
            tuple(to_text(items[position]) for position in positions), scores[positions], metadata.version, missing
        )


def _max_rows(metadata: Metadata) -> int | None:
    return None if metadata.description is None else metadata.description.max_rows


def _split(rows: Sequence[Row], most: int | None) -> list[Sequence[Row]]:
    """Split rows into parts of at most `most`; no part where there are no rows."""
    size = max(len(rows), 1) if most is None else most
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _join_rows(name: str, tensor: TensorInfo, outputs: Sequence[Outputs], count: int) -> np.ndarray:
    """Concatenate the outputs `[N, ...]` of all requests; an array without rows where there were no requests."""
    axes = [size or 0 for size in (tensor.shape or ())[1:]]
    empty = np.zeros([0, *axes], np.float32 if tensor.dtype == "float32" else object)
    return _concatenate(name, [_output(name, output) for output in outputs], count, empty)


def _concatenate(name: str, parts: Sequence[np.ndarray], count: int, empty: np.ndarray) -> np.ndarray:
    if not parts:
        return empty
    if any(part.ndim == 0 for part in parts) or sum(len(part) for part in parts) != count:
        shapes = ", ".join(str(list(part.shape)) for part in parts)
        raise ClientError(f"`{name}` should have {count} values, the server answered shapes {shapes}")
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _row(name: str, output: Outputs) -> np.ndarray:
    """Return an output of a request of one user, `[1, N]`, as `[N]`."""
    array = _output(name, output)
    if array.ndim != 2 or len(array) != 1:
        raise ClientError(f"`{name}` should have the shape [1, N], the server answered {list(array.shape)}")
    values: np.ndarray = array[0]
    return values


def _output(name: str, output: Outputs) -> np.ndarray:
    if name not in output.arrays:
        raise ClientError(f"the server should answer `{name}`, it answered {', '.join(sorted(output.arrays))}")
    return output.arrays[name]
