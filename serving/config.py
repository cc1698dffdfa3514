"""The `serving` section of a configuration. Imports no TensorFlow, so that it reads fast."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from interestflow.serving.description import CANDIDATE_SIZES, MAX_ROWS

PositiveInt = Annotated[int, Field(ge=1)]


class ServingGateConfig(BaseModel):
    """How a model is asked, and what it must do on a server before it is pushed.

    `candidate_sizes` and `max_rows` are exported with the model. Clients fill the candidates of `rank` up to the next
    of these numbers, and split what has more candidates or rows, so that requests come in a few shapes and a server
    may batch them.

    `examples` of the test split are asked about over gRPC, and no answer may be further from the offline one than
    `tolerance`. `requests` with `candidates` each are timed: half of them may take `max_p50_ms`, one of a hundred
    `max_p99_ms`; the model's files may take `max_model_mb`. A limit that is left out holds nothing back.

    `address` names a TF Serving that already runs, instead of the project's own server, started for this; it should
    serve the model `model` from `base_path`, a folder that the pipeline can write versions to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    examples: PositiveInt = 200
    tolerance: Annotated[float, Field(ge=0.0)] = 1e-5
    candidates: PositiveInt = 100
    requests: PositiveInt = 100
    max_p50_ms: Annotated[float, Field(gt=0.0)] | None = None
    max_p99_ms: Annotated[float, Field(gt=0.0)] | None = None
    max_model_mb: Annotated[float, Field(gt=0.0)] | None = None
    address: str | None = None
    model: str = "candidate"
    base_path: str | None = None
    timeout_seconds: Annotated[float, Field(gt=0.0)] = 120.0
    candidate_sizes: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = CANDIDATE_SIZES
    max_rows: PositiveInt = MAX_ROWS

    @field_validator("candidate_sizes")
    @classmethod
    def _sizes_rise(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError(f"should rise, received {', '.join(map(str, value))}")
        return value

    def for_export(self) -> ServingGateConfig:
        """The part that an exported model depends on."""
        return ServingGateConfig(candidate_sizes=self.candidate_sizes, max_rows=self.max_rows)
