"""What the `deployment` section of a configuration may say. Imports no TensorFlow, so that it reads fast."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

PositiveInt = Annotated[int, Field(ge=1)]
STOCK_IMAGE = re.compile(r"(docker\.io/)?tensorflow/serving([:@].+)?")
OBJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
LABEL = re.compile(r"[A-Za-z0-9_.-]+")


class DeploymentConfig(BaseModel):
    """How TF Serving is to run on Kubernetes, or under Compose.

    `image` is the stock one, which `gpus` replace by its variant `-gpu`; any other is taken as it is. Models come from
    `model_path`: a folder of the volume claim `volume_claim`, or a bucket (gs://), whose key is in the secret
    `credentials_secret` where the service account `service_account` may not read it by itself.

    The `versions_kept` newest versions are served; or, where `labels` or `versions` are given, those that have labels,
    such as stable and canary, and `versions` beside them. `tls_secret` names a secret whose `ssl.config` is TF
    Serving's SSLConfig; gRPC is in plain text without it. A pod may take `startup_seconds` to load its models.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    namespace: str = "default"
    image: str = "tensorflow/serving:2.21.0"
    model_path: str = "/models"
    volume_claim: str | None = "models"
    credentials_secret: str | None = None
    service_account: str | None = None
    tls_secret: str | None = None
    versions_kept: PositiveInt = 2
    versions: tuple[PositiveInt, ...] = ()
    labels: dict[str, PositiveInt] = Field({})
    replicas: PositiveInt = 2
    most_replicas: PositiveInt = 10
    target_cpu_percent: Annotated[int, Field(ge=1, le=100)] = 60
    cpu: str = "2"
    memory: str = "4Gi"
    gpus: Annotated[int, Field(ge=0)] = 0
    max_batch_size: PositiveInt = 64
    batch_timeout_micros: Annotated[int, Field(ge=0)] = 1000
    max_enqueued_batches: PositiveInt = 100
    num_batch_threads: PositiveInt = 4
    poll_seconds: PositiveInt = 30
    startup_seconds: PositiveInt = 300

    @field_validator("namespace", "volume_claim", "credentials_secret", "service_account", "tls_secret")
    @classmethod
    def _names_an_object(cls, value: str | None) -> str | None:
        if value is not None and not OBJECT_NAME.fullmatch(value):
            raise ValueError(f"should be a name that Kubernetes allows, such as ranking-models, received {value!r}")
        return value

    @field_validator("cpu", "memory")
    @classmethod
    def _is_a_quantity(cls, value: str) -> str:
        if not QUANTITY.fullmatch(value):
            raise ValueError(f"should be a quantity such as 2, 500m or 4Gi, received {value!r}")
        return value

    @field_validator("labels")
    @classmethod
    def _labels_are_words(cls, value: dict[str, int]) -> dict[str, int]:
        for label in value:
            if not LABEL.fullmatch(label):
                raise ValueError(f"should be named in letters, digits, '_', '.' and '-', received {label!r}")
        return value

    @model_validator(mode="after")
    def _models_come_from_somewhere(self) -> DeploymentConfig:
        path = self.model_path
        if not path.startswith(("/", "gs://", "s3://")) or re.search(r"[\s\"\\]", path):
            raise ValueError(f"`model_path` should be an absolute folder or a bucket (gs://), received {path!r}")
        if path.startswith("/") and self.volume_claim is None:
            raise ValueError(f"`model_path` should be a bucket where there is no `volume_claim`, received {path!r}")
        if path.startswith("s3://") and STOCK_IMAGE.fullmatch(self.image):
            raise ValueError(
                "`model_path` should be a folder or gs:// with the stock image, which reads no s3://: mount the bucket "
                f"as a volume, or name an `image` that reads it; received {path!r}"
            )
        return self

    @model_validator(mode="after")
    def _replicas_rise(self) -> DeploymentConfig:
        if self.most_replicas < self.replicas:
            raise ValueError(
                f"`most_replicas` should be at least `replicas`, {self.replicas}, received {self.most_replicas}"
            )
        return self
