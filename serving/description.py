"""What an exported model tells those who ask it: the shapes to pad to, and which features it always had in training.

A model carries its description twice: as the answer of its signature `describe`, for who has only the server, and in
the JSON file beside it, for who has the folder. This module needs nothing of TensorFlow, so that clients can read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT = 1
DESCRIBE = "describe"
"""The signature: `rows`, int32 `[N]`, to `description`, string `[N]`, which is the same JSON text in each."""
RANK = "rank"
CANDIDATE_SIZES = (10, 50, 100, 200, 500, 1000)
MAX_ROWS = 128


def sized_rank(count: int) -> str:
    """The signature that ranks exactly `count` candidates, such as "rank_100".

    Each size has a signature of its own, since servers keep a queue of batches for each signature and cannot join
    requests of different sizes.
    """
    return f"{RANK}_{count}"


@dataclass(frozen=True)
class Description:
    """What a client needs to know of a model beyond its signatures.

    Attributes:
        lengths: by name of each list-valued input, the length that requests pad it to. Features along the history are
            cut to their newest values, other lists to their first.
        candidate_sizes: rising; the numbers of candidates that are ranked in one request, each by a signature of its
            own (`sized_rank`). A request is filled up to the next of them with candidates whose `item` is empty, which
            score 0.
        max_rows: the most rows of one request; more are split into several.
        always_given: single-valued features that no training example lacked.
    """

    lengths: Mapping[str, int] = field(default_factory=dict)
    candidate_sizes: tuple[int, ...] = CANDIDATE_SIZES
    max_rows: int = MAX_ROWS
    always_given: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, content: str | bytes | Mapping[str, Any]) -> Description | None:
        """Read a description; None for one of a later format, which nothing can be told of."""
        values = json.loads(content) if isinstance(content, str | bytes) else content
        if values.get("format") != FORMAT:
            return None
        return cls(
            dict(values["lengths"]),
            tuple(values["candidate_sizes"]),
            int(values["max_rows"]),
            tuple(values["always_given"]),
        )
