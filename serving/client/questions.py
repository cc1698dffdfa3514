"""What the client's methods ask a model: how each is split into requests, and how their outputs become one answer."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from interestflow.serving.client import rows as packing
from interestflow.serving.client.answers import Outputs, Ranking, Retrieved, Scores, Vectors, to_text
from interestflow.serving.client.client_error import ClientError
from interestflow.serving.client.metadata import Metadata, Tensor
from interestflow.serving.client.rows import Arrays, Row
from interestflow.transforms.feature_names import ITEM

Answer = TypeVar("Answer")


class Question(Generic[Answer]):
    """One question to a model, whatever the version that answers it.

    Attributes:
        signature: name of the signature that answers it.
    """

    signature: str

    def signature_for(self, metadata: Metadata, arrays: Arrays) -> str:
        """Return the signature that answers one of the question's requests."""
        return self.signature

    def missing(self, metadata: Metadata) -> tuple[str, ...]:
        """Return the features that training always had and that the question lacks."""
        raise NotImplementedError

    def requests(self, metadata: Metadata) -> list[Arrays]:
        """Return the inputs of each request; none where the answer is known without asking.

        Raises:
            ClientError: for features that the model does not take as they are.
        """
        raise NotImplementedError

    def answer(self, metadata: Metadata, outputs: Sequence[Outputs]) -> Answer:
        """Join the outputs of the requests.

        Raises:
            ClientError: for outputs that do not fit the question.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class ScoreQuestion(Question[Scores]):
    """Probabilities of rows by `predict`."""

    rows: Sequence[Row]
    signature = "predict"

    @classmethod
    def of(cls, rows: Sequence[Row]) -> ScoreQuestion:
        """Check that `rows` is a list of rows."""
        return cls(packing.as_rows("rows", rows))

    def missing(self, metadata: Metadata) -> tuple[str, ...]:
        return packing.missing_features(metadata, metadata.signature("predict").inputs, self.rows)

    def requests(self, metadata: Metadata) -> list[Arrays]:
        return [packing.pack_predict(metadata, part) for part in _split(self.rows, _max_rows(metadata))]

    def answer(self, metadata: Metadata, outputs: Sequence[Outputs]) -> Scores:
        tasks = metadata.signature("predict").outputs
        by_task = {task: _join_rows(task, tasks[task], outputs, len(self.rows)) for task in sorted(tasks)}
        return Scores(by_task, metadata.version, self.missing(metadata))


@dataclass(frozen=True)
class EncodeQuestion(Question[Vectors]):
    """Vectors of users by `encode_user`, or of items by `encode_items`."""

    signature: str
    output: str
    rows: Sequence[Row]

    @classmethod
    def of_users(cls, rows: Sequence[Row]) -> EncodeQuestion:
        """Check that `rows` is a list of rows."""
        return cls("encode_user", "user", packing.as_rows("users", rows))

    @classmethod
    def of_items(cls, rows: Sequence[Row | str]) -> EncodeQuestion:
        """Check that `rows` is a list of rows or ids."""
        return cls("encode_items", "item", packing.as_candidates(rows))

    def missing(self, metadata: Metadata) -> tuple[str, ...]:
        return packing.missing_features(metadata, metadata.signature(self.signature).inputs, self.rows)

    def requests(self, metadata: Metadata) -> list[Arrays]:
        pack = packing.pack_encode_user if self.signature == "encode_user" else packing.pack_encode_items
        return [pack(metadata, part) for part in _split(self.rows, _max_rows(metadata))]

    def answer(self, metadata: Metadata, outputs: Sequence[Outputs]) -> Vectors:
        known = metadata.signature(self.signature).outputs
        if self.output not in known:
            raise ClientError(f"`{self.signature}` should answer `{self.output}`, the model's has {', '.join(known)}")
        vectors = _join_rows(self.output, known[self.output], outputs, len(self.rows))
        return Vectors(vectors, metadata.version, self.missing(metadata))


@dataclass(frozen=True)
class RankQuestion(Question[Ranking]):
    """Probabilities of one user's candidates by `rank`, or its signature of their number."""

    user: Row
    candidates: Sequence[Row]
    signature = "rank"

    def signature_for(self, metadata: Metadata, arrays: Arrays) -> str:
        return packing.rank_signature(metadata, arrays[ITEM].shape[1])

    @classmethod
    def of(cls, user: Row, candidates: Sequence[Row | str]) -> RankQuestion:
        """Check that `user` is a row and `candidates` a list of rows or ids."""
        packing.check_row("the user", user)
        return cls(user, packing.as_candidates(candidates))

    def missing(self, metadata: Metadata) -> tuple[str, ...]:
        of_candidates = metadata.candidate_inputs()
        of_user = metadata.signature("rank").inputs.keys() - of_candidates
        lacking = {
            *packing.missing_features(metadata, of_user, [self.user]),
            *packing.missing_features(metadata, of_candidates, self.candidates),
        }
        always_given = () if metadata.description is None else metadata.description.always_given
        return tuple(name for name in always_given if name in lacking)

    def requests(self, metadata: Metadata) -> list[Arrays]:
        if not self.candidates:
            packing.pack_rank(metadata, self.user, [])  # a user whose features are wrong is refused all the same
            return []
        return [
            packing.pack_rank(metadata, self.user, part)
            for part in _split(self.candidates, self._most_candidates(metadata))
        ]

    def answer(self, metadata: Metadata, outputs: Sequence[Outputs]) -> Ranking:
        ids = tuple(to_text(row[ITEM]) for row in self.candidates)
        counts = [len(part) for part in _split(self.candidates, self._most_candidates(metadata))]
        by_task = {}
        for task in sorted(metadata.signature("rank").outputs):
            parts = [_row(task, output)[:count] for output, count in zip(outputs, counts, strict=True)]
            by_task[task] = _concatenate(task, parts, len(ids), np.zeros(0, np.float32))
        return Ranking(ids, by_task, metadata.version, self.missing(metadata))

    def _most_candidates(self, metadata: Metadata) -> int:
        sizes = () if metadata.description is None else metadata.description.candidate_sizes
        return max(sizes, default=max(len(self.candidates), 1))


@dataclass(frozen=True)
class RetrieveQuestion(Question[Retrieved]):
    """The best of all items for one user by `retrieve`."""

    user: Row
    count: int
    signature = "retrieve"

    @classmethod
    def of(cls, user: Row, count: int) -> RetrieveQuestion:
        """Check the count.

        Raises:
            ClientError: where it is no whole number from 0 on, or the user is no row.
        """
        packing.check_row("the user", user)
        try:
            number = -1 if isinstance(count, bool) else operator.index(count)
        except TypeError:
            number = -1
        if number < 0:
            raise ClientError(f"`count` should be a whole number from 0 on, received {count!r}")
        return cls(user, number)

    def missing(self, metadata: Metadata) -> tuple[str, ...]:
        return packing.missing_features(metadata, metadata.signature("retrieve").inputs, [self.user])

    def requests(self, metadata: Metadata) -> list[Arrays]:
        arrays = packing.pack_retrieve(metadata, self.user, self.count)
        return [arrays] if self.count else []

    def answer(self, metadata: Metadata, outputs: Sequence[Outputs]) -> Retrieved:
        missing = self.missing(metadata)
        if not outputs:
            return Retrieved((), np.zeros(0, np.float32), metadata.version, missing)
        cut_off = packing.cut_off_items(metadata, self.user)
        # A server that batches answers as many columns as the largest request of the batch asked for.
        asked = self.count + len(cut_off)
        items, scores = (_row(name, outputs[0])[:asked] for name in ("items", "scores"))
        wanted = [position for position, item in enumerate(items) if item and item not in cut_off][: self.count]
        return Retrieved(
            tuple(to_text(items[position]) for position in wanted), scores[wanted], metadata.version, missing
        )


def _max_rows(metadata: Metadata) -> int | None:
    return None if metadata.description is None else metadata.description.max_rows


def _split(rows: Sequence[Row], most: int | None) -> list[Sequence[Row]]:
    """Parts of at most `most` rows; no part where there are no rows."""
    size = max(len(rows), 1) if most is None else most
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _join_rows(name: str, tensor: Tensor, outputs: Sequence[Outputs], count: int) -> np.ndarray:
    """Outputs `[N, ...]` of all requests as one array; one without rows where there were no requests."""
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
    """What a request of one user was answered, from `[1, N]` to `[N]`."""
    array = _output(name, output)
    if array.ndim != 2 or len(array) != 1:
        raise ClientError(f"`{name}` should have the shape [1, N], the server answered {list(array.shape)}")
    values: np.ndarray = array[0]
    return values


def _output(name: str, output: Outputs) -> np.ndarray:
    if name not in output.arrays:
        raise ClientError(f"the server should answer `{name}`, it answered {', '.join(sorted(output.arrays))}")
    return output.arrays[name]
