"""Section `serving` of a configuration. Imports no TensorFlow, so that it reads fast."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from interestflow.section import NonNegative, Positive, PositiveInt, Section
from interestflow.serving.description import CANDIDATE_SIZES, MAX_ROWS

TableType = Literal["float32", "float16", "int8"]
"""Type of the numbers of exported embedding tables."""


class ServingGateConfig(Section):
    """How clients call a model, and what it must do on a server before it is pushed.

    A limit that is not given does not apply.
    """

    examples: PositiveInt = Field(
        200, description="Test examples whose answers over gRPC are compared with the offline ones."
    )
    tolerance: NonNegative = Field(
        1e-5, description="Largest absolute difference between an answer over gRPC and the offline one."
    )
    candidates: PositiveInt = Field(100, description="Candidates, or retrieved items, of each request that is timed.")
    requests: PositiveInt = Field(100, description="Requests that are timed.")
    max_p50_ms: Positive | None = Field(
        None, description="Largest median latency of a request on the server, in milliseconds."
    )
    max_p99_ms: Positive | None = Field(
        None, description="Largest 99th percentile of a request's latency on the server, in milliseconds."
    )
    max_model_mb: Positive | None = Field(None, description="Largest size of the model's files, in MB.")
    address: str | None = Field(
        None,
        description="host:port of a TensorFlow Serving that already runs and serves `model` from `base_path`; by "
        "default a server of this project is started for the check.",
    )
    model: str = Field("candidate", description="Name of the model on the server at `address`.")
    base_path: str | None = Field(
        None, description="Folder or URL to which versions are written for the server at `address`."
    )
    timeout_seconds: Positive = Field(
        120.0, description="Seconds within which the server must load the model, and answer a request."
    )
    candidate_sizes: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = Field(
        CANDIDATE_SIZES,
        description="Rising numbers of candidates that clients pad requests of `rank` to, so that they come in few "
        "shapes and a server can batch them; exported with the model.",
    )
    max_rows: PositiveInt = Field(
        MAX_ROWS, description="Largest number of rows in one request; clients split more. Exported with the model."
    )

    table_dtype: TableType = Field(
        "float32",
        description="Type of the numbers of embedding tables in the exported model: float16 takes half of the memory, "
        "int8 with a scale for each row about a quarter. Metrics and gates see the model that is exported.",
    )

    @field_validator("candidate_sizes")
    @classmethod
    def _has_rising_sizes(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError(f"should rise, received {', '.join(map(str, value))}")
        return value

    def for_export(self) -> ServingGateConfig:
        """Return the part that an exported model depends on."""
        return ServingGateConfig(
            candidate_sizes=self.candidate_sizes, max_rows=self.max_rows, table_dtype=self.table_dtype
        )
