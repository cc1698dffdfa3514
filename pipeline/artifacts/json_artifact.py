"""What a step writes down for later steps and the report to read."""

from __future__ import annotations

from typing import ClassVar, Self

import tensorflow as tf
from pydantic import BaseModel, ConfigDict


class Stored(BaseModel):
    """Kept as JSON in the file `FILE` of an artifact's folder, on any file system that TensorFlow writes to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    FILE: ClassVar[str]

    def write(self, folder: str) -> None:
        with tf.io.gfile.GFile(f"{folder}/{self.FILE}", "w") as file:
            file.write(self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, folder: str) -> Self:
        with tf.io.gfile.GFile(f"{folder}/{cls.FILE}") as file:
            return cls.model_validate_json(file.read())
