"""Digests of code and configuration, by which an orchestrator decides whether an earlier result can be reused."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from interestflow.digests import code_digest
from interestflow.pipeline.config import PipelineConfig
from interestflow.transforms.reading.files import TableError
from interestflow.transforms.reading.input_files import find_input_files, input_digest

UNSEEN = "unseen"
"""State of input files that cannot be listed; the step that finds them then fails with the reason."""


@dataclass(frozen=True)
class Fingerprints:
    """Digests of code that are given to the steps, so that a step runs again when its code has changed.

    Attributes:
        ingestion_code: digest of the code that reads logs and transforms examples.
        training_code: digest of the code that trains and exports models.
        evaluation_code: digest of the code that evaluates, serves and judges models.
    """

    ingestion_code: str
    training_code: str
    evaluation_code: str

    @classmethod
    def of_code(cls) -> Fingerprints:
        """Compute all digests for the code as it is now."""
        return cls(
            code_digest("transforms"),
            code_digest("transforms", "models", "serving"),
            code_digest("pipeline", "serving"),
        )


def input_state(config: PipelineConfig) -> str:
    """Return the digest of the input files as they are now, or `UNSEEN`."""
    try:
        return input_digest(find_input_files(config.with_span()))
    except TableError as error:
        logging.warning("the input files are not visible: %s", error)
        return UNSEEN
