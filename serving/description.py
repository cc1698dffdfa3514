"""Description of an exported model for its clients: shapes to pad to, and features that training always had.

A model carries its description twice: as the output of its signature `describe`, for clients of a server, and in the
JSON file beside it, for readers of the folder. This module needs nothing of TensorFlow, so that clients can import it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT = 1
DESCRIBE = "describe"
"""Signature from `rows`, int32 `[N]`, to `description`, string `[N]`, which repeats the same JSON text."""
RANK = "rank"
CANDIDATE_SIZES = (10, 50, 100, 200, 500, 1000)
MAX_ROWS = 128


def sized_rank_signature(count: int) -> str:
    """Return the name of the signature that ranks exactly `count` candidates, such as "rank_100".

    Each size has a signature of its own, since servers keep a queue of batches for each signature and cannot join
    requests of different sizes.
    """
    return f"{RANK}_{count}"


@dataclass(frozen=True)
class Description:
    """Facts that a client needs beyond the signatures of a model.

    Attributes:
        lengths: length that requests pad each list-valued input to, by name. Features along the history are cut to
            their newest values, other lists to their first.
        candidate_sizes: numbers of candidates that are ranked in one request, ascending, each by a signature of its own
            (`sized_rank_signature`). A request is padded to the next of them with candidates whose `item` is empty;
            these score 0.
        max_rows: largest number of rows in one request; more are split into several.
        always_given: single-valued features that no training example lacked.
    """

    lengths: Mapping[str, int] = field(default_factory=dict)
    candidate_sizes: tuple[int, ...] = CANDIDATE_SIZES
    max_rows: int = MAX_ROWS
    always_given: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the description as an object of JSON, with its format."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, content: str | bytes | Mapping[str, Any]) -> Description | None:
        """Parse a description; None for one of a later format, whose content is unknown."""
        values = json.loads(content) if isinstance(content, str | bytes) else content
        if values.get("format") != FORMAT:
            return None
        return cls(
            dict(values["lengths"]),
            tuple(values["candidate_sizes"]),
            int(values["max_rows"]),
            tuple(values["always_given"]),
        )
