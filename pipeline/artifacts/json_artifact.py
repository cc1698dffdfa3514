"""Base class of the JSON documents that a step writes for later steps and for the report."""

from __future__ import annotations

from typing import ClassVar, Self

import tensorflow as tf
from pydantic import BaseModel, ConfigDict


class JsonArtifact(BaseModel):
    """Immutable document that is stored as JSON in the file `FILE` of an artifact's folder.

    The folder may be on any file system that TensorFlow writes to. Unknown keys are rejected.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    FILE: ClassVar[str]

    def write(self, folder: str) -> None:
        """Write the document to `FILE` in `folder`, which must exist."""
        with tf.io.gfile.GFile(f"{folder}/{self.FILE}", "w") as file:
            file.write(self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, folder: str) -> Self:
        """Return the document that `write` stored in `folder`."""
        with tf.io.gfile.GFile(f"{folder}/{cls.FILE}") as file:
            return cls.model_validate_json(file.read())
