"""What the `deployment` section of a configuration may say."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

PositiveInt = Annotated[int, Field(ge=1)]


class DeploymentConfig(BaseModel):
    """How TF Serving is to run on Kubernetes, or under Compose.

    `image` is the stock one; the GPU variant is the same with `-gpu`. Models come from `model_path`: a folder of the
    volume claim `volume_claim`, or a bucket (gs://, s3://), whose credentials are in the secret `credentials_secret`.
    The `versions_kept` newest versions are served, or those that have `labels`, such as stable and canary.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str = "default"
    image: str = "tensorflow/serving:2.19.1"
    model_path: str = "/models"
    volume_claim: str | None = "models"
    credentials_secret: str | None = None
    versions_kept: PositiveInt = 2
    labels: dict[str, PositiveInt] = Field({})
    replicas: PositiveInt = 2
    most_replicas: PositiveInt = 10
    target_cpu_percent: Annotated[int, Field(ge=1, le=100)] = 60
    cpu: str = "2"
    memory: str = "4Gi"
    gpus: Annotated[int, Field(ge=0)] = 0
    max_batch_size: PositiveInt = 64
    batch_timeout_micros: Annotated[int, Field(ge=0)] = 1000
    poll_seconds: PositiveInt = 30

    @model_validator(mode="after")
    def _models_come_from_somewhere(self) -> DeploymentConfig:
        if "://" not in self.model_path and self.volume_claim is None:
            raise ValueError(
                f"`model_path` should be a bucket where there is no `volume_claim`, received {self.model_path!r}"
            )
        if self.most_replicas < self.replicas:
            raise ValueError(
                f"`most_replicas` should be at least `replicas`, {self.replicas}, received {self.most_replicas}"
            )
        return self
