"""Scoring of raw rows with an exported model in this process, which needs only TensorFlow, as a server does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from interestflow.serving.client import ClientError
from interestflow.serving.client.metadata import Metadata
from interestflow.serving.client.rows import (
    Arrays,
    Row,
    as_candidates,
    check_feature_names,
    pack_encode_user,
    pack_predict,
    pack_rank,
)
from interestflow.serving.examples import pack_examples
from interestflow.serving.provenance import ScoringError, parse_description, parse_raw_inputs, read_provenance
from interestflow.serving.session_model import ModelLoadError, SessionModel


class Scorer:
    """An exported model, loaded through a session as TensorFlow Serving loads it.

    Example:
        scorer = Scorer("runs/demo/serving/demo/1732500000")
        scorer.score([{"item": "i12", "history_item": ["i7"], "history_age": [60]}])["click"]  # float32 [1]

    Args:
        folder: folder of the SavedModel, such as the newest version in a pushed folder.

    Attributes:
        provenance: content of the JSON file beside the model.
        inputs: raw features that the model takes.
        metadata: signatures and description of the model, by which rows are packed.
        model: the loaded model.

    Raises:
        ScoringError: where there is no exported model in `folder`, or it cannot be loaded.
    """

    def __init__(self, folder: str | Path) -> None:
        """Load the model."""
        self.provenance = read_provenance(folder)
        self.inputs = parse_raw_inputs(self.provenance)
        try:
            self.model = SessionModel(folder)
        except ModelLoadError as error:
            raise ScoringError(str(error)) from error
        self.metadata = Metadata.from_signatures(0, self.model.signatures, parse_description(self.provenance))

    def score(self, rows: Sequence[Row], signature: str = "serving_default") -> dict[str, np.ndarray]:
        """Score rows such as `{"user": "7", "item": "12", "history_item": ["3", "5"], "history_age": [60, 7]}`.

        Args:
            rows: raw features by name: one value, or a list. Features that are missing or None get the model's default.
            signature: `serving_default` or `predict`, which return the same.

        Returns:
            Probability by task, float32 `[len(rows)]`.

        Raises:
            ScoringError: for a feature that the model does not know, a list where one value is expected, or one along
                the history that is not as long as the history.
        """
        if signature == "predict":
            return self._run(signature, lambda: pack_predict(self.metadata, rows))
        if signature != "serving_default":
            raise ScoringError(f"`signature` should be serving_default or predict, received {signature!r}")
        return self._run(signature, lambda: self._pack_examples(rows))

    def rank(self, user: Row, candidates: Sequence[Row | str]) -> dict[str, np.ndarray]:
        """Score candidates of one user by the signature `rank`, which computes the user's part once.

        Args:
            user: raw features of the user, the request and the history.
            candidates: ids, or raw features of each.

        Returns:
            Probability by task, float32 `[len(candidates)]`.

        Raises:
            ScoringError: as `score`, and for a feature on the wrong side.
        """
        outputs = self._run("rank", lambda: pack_rank(self.metadata, user, as_candidates(candidates)))
        return {task: values[0, : len(candidates)] for task, values in outputs.items()}

    def encode_user(self, users: Sequence[Row]) -> np.ndarray:
        """Encode users with a matcher.

        Args:
            users: raw features of each user, the request and the history.

        Returns:
            Their interests, float32 `[len(users), K, d]`.

        Raises:
            ScoringError: as `score`.
        """
        return self._run("encode_user", lambda: pack_encode_user(self.metadata, users))["user"]

    def _run(self, signature: str, pack: Callable[[], Arrays]) -> dict[str, np.ndarray]:
        if signature not in self.model.signatures:
            known = ", ".join(sorted(self.metadata.signatures))
            raise ScoringError(f"the model should have the signature {signature}, it has {known}")
        try:
            arrays = pack()
        except ClientError as error:
            raise ScoringError(str(error)) from None
        return self.model.run(signature, arrays)

    def _pack_examples(self, rows: Sequence[Row]) -> Arrays:
        check_feature_names(rows, {raw.name for raw in self.inputs}, "rows")
        return pack_examples(rows, self.inputs)
