"""Results of the client's operations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from interestflow.serving.client.client_error import ClientError


@dataclass(frozen=True)
class Outputs:
    """Outputs of a signature, as `Client.run` returns them.

    Attributes:
        arrays: array by name of the output; text is bytes.
        version: version of the model that answered.
    """

    arrays: dict[str, np.ndarray]
    version: int


@dataclass(frozen=True)
class Scores:
    """Probabilities of rows.

    Attributes:
        by_task: float32 `[N]` by name of the task, in the order of the rows.
        version: version of the model that answered.
        missing: features that training always had and that a row lacked.
    """

    by_task: dict[str, np.ndarray]
    version: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ranking:
    """Probabilities of one user's candidates.

    Attributes:
        candidates: ids, in the order of the request.
        by_task: float32 `[N]` by name of the task, in the same order.
        version: version of the model that answered.
        missing: features that training always had and that the user or a candidate lacked.
    """

    candidates: tuple[str, ...]
    by_task: dict[str, np.ndarray]
    version: int
    missing: tuple[str, ...] = ()

    def best(self, count: int | None = None, task: str | None = None) -> list[tuple[str, float]]:
        """Return candidates and their probabilities, the best first.

        Args:
            count: number of candidates; all where None.
            task: task whose probability orders the candidates; the first where None.

        Raises:
            ClientError: for a task that the model does not have.
        """
        if task is not None and task not in self.by_task:
            raise ClientError(f"`task` should be one of {', '.join(self.by_task)}, received {task!r}")
        scores = self.by_task[task or next(iter(self.by_task))]
        order = np.argsort(-scores, kind="stable")[:count]
        return [(self.candidates[position], float(scores[position])) for position in order]


@dataclass(frozen=True)
class RetrievedItems:
    """Best of all items for a user.

    Attributes:
        items: ids, the best first; fewer than requested where the catalogue has no more.
        scores: float32 `[K]`.
        version: version of the model that answered.
        missing: features that training always had and that the user lacked.
    """

    items: tuple[str, ...]
    scores: np.ndarray
    version: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vectors:
    """Encoded users or items.

    Attributes:
        vectors: float32 `[N, K, d]`, K interests of each user, or `[N, d]` of items; in the order of the rows.
        version: version of the model that answered.
        missing: features that training always had and that a row lacked.
    """

    vectors: np.ndarray
    version: int
    missing: tuple[str, ...] = ()


def to_text(value: object) -> str:
    """Return an id as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
