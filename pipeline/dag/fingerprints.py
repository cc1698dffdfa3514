"""Digests of input files, code and configuration, by which TFX decides whether an earlier result can be reused."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from apache_beam.io.filesystems import FileSystems

from interestflow.digests import code_digest, text_digest
from interestflow.pipeline.config import PipelineConfig
from interestflow.transforms.config import TableConfig

UNSEEN = "unseen"
"""Digest of input files that cannot be listed from this machine."""


@dataclass(frozen=True)
class Fingerprints:
    """Digests that are given to the steps, so that a step runs again when its input or its code has changed.

    Attributes:
        inputs: digest of the input files, or `UNSEEN`.
        ingestion_code: digest of the code that reads logs and transforms examples.
        training_code: digest of the code that trains and exports models.
        evaluation_code: digest of the code that evaluates, serves and judges models.
    """

    inputs: str
    ingestion_code: str
    training_code: str
    evaluation_code: str

    @classmethod
    def from_config(cls, config: PipelineConfig) -> Fingerprints:
        """Compute all digests for a configuration and the code as it is now."""
        return cls(
            input_digest(config),
            code_digest("transforms"),
            code_digest("transforms", "models", "serving"),
            code_digest("pipeline", "serving"),
        )

    @property
    def has_unseen_inputs(self) -> bool:
        """Whether the input files could not be listed, so that a change of them would go unnoticed."""
        return self.inputs == UNSEEN

    def model_digest(self, config: PipelineConfig) -> str:
        """Return the fingerprint of the model that this configuration, code and input produce."""
        return text_digest(config.for_training().model_dump_json(), self.inputs, self.training_code)


def input_digest(config: PipelineConfig) -> str:
    """Return a digest of the names, sizes and modification times of all input files.

    Files that cannot be listed from here (a bucket, seen from the machine that compiles) give `UNSEEN`, and a warning
    with the reason.
    """
    data = config.data
    tables: list[TableConfig] = [table for table in (data.events, data.items, data.users) if table is not None]
    if data.knowledge_graph is not None:
        tables += [table for table in (data.knowledge_graph, data.knowledge_graph.links) if table is not None]
    patterns = [f"{data.folder}/{table.path}" for table in tables]
    try:
        matches = FileSystems.match(patterns)
    except Exception as error:  # each file system has its own errors; any of them means that no file is visible
        logging.warning("the input files cannot be listed from here: %s", error)
        return UNSEEN
    files = [
        f"{file.path} {file.size_in_bytes} {file.last_updated_in_seconds}"
        for match in matches
        for file in sorted(match.metadata_list, key=lambda file: file.path)
    ]
    if not files:
        logging.warning("no input file matches %s", ", ".join(patterns))
        return UNSEEN
    return text_digest(*files)
