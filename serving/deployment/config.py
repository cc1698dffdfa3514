"""The section `deployment` of a configuration. Imports no TensorFlow, so that it reads fast."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

PositiveInt = Annotated[int, Field(ge=1)]
STOCK_IMAGE = re.compile(r"(docker\.io/)?tensorflow/serving([:@].+)?")
OBJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
LABEL = re.compile(r"[A-Za-z0-9_.-]+")
GRPC_THREADS = 64
"""Were enough for 32 clients at once on two CPUs. TensorFlow Serving's own default, four for each CPU, refused most."""


class BatchingConfig(BaseModel):
    """Batching in TensorFlow Serving: requests that arrive together are computed together.

    Attributes:
        max_batch_size: the most rows of a batch, and so of a single request.
        batch_timeout_micros: how long a batch waits for more requests, in microseconds.
        max_enqueued_batches: batches that wait for a thread before new requests are rejected as UNAVAILABLE.
        num_batch_threads: batches computed at the same time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_batch_size: PositiveInt = 128
    batch_timeout_micros: Annotated[int, Field(ge=0)] = 1000
    max_enqueued_batches: PositiveInt = 100
    num_batch_threads: PositiveInt = 4


class TLSConfig(BaseModel):
    """PEM files for TLS on gRPC. With `client_authority`, clients must show a certificate that it has signed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Path
    key: Path
    client_authority: Path | None = None


class DeploymentConfig(BaseModel):
    """How TensorFlow Serving runs on Kubernetes, or under Compose.

    With `gpus`, the stock `image` is replaced by its variant `-gpu`; any other image is used as it is. Models come from
    `model_path`: a folder of the volume claim `volume_claim`, or a bucket (gs://), whose key is in the secret
    `credentials_secret` unless the service account `service_account` may read the bucket itself.

    The `num_versions` newest versions are served. Where `labels` or `versions` are given, only the labelled versions,
    such as stable and canary, and those in `versions` are served.

    `tls` names PEM files, from which TensorFlow Serving's `ssl.config` is rendered. `tls_secret` is the secret of
    Kubernetes that holds `ssl.config`; gRPC is in plain text with neither.

    `grpc_threads` bounds the requests in flight over gRPC; it is 64, or `batching.max_batch_size` if that is more. A
    pod has `startup_seconds` to load its models and answer their warm-up requests. Without `batching`, each request is
    computed by itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    namespace: str = "default"
    image: str = "tensorflow/serving:2.21.0"
    model_path: str = "/models"
    volume_claim: str | None = "models"
    credentials_secret: str | None = None
    service_account: str | None = None
    tls: TLSConfig | None = None
    tls_secret: str | None = None
    num_versions: PositiveInt = 2
    versions: tuple[PositiveInt, ...] = ()
    labels: dict[str, PositiveInt] = Field({})
    replicas: PositiveInt = 2
    max_replicas: PositiveInt = 10
    target_cpu_percent: Annotated[int, Field(ge=1, le=100)] = 60
    cpu: str = "2"
    memory: str = "4Gi"
    gpus: Annotated[int, Field(ge=0)] = 0
    batching: BatchingConfig | None = None
    grpc_threads: PositiveInt | None = None
    poll_seconds: PositiveInt = 30
    startup_seconds: PositiveInt = 300

    @property
    def max_grpc_threads(self) -> int:
        """`grpc_threads`, or its default."""
        if self.grpc_threads is not None:
            return self.grpc_threads
        return GRPC_THREADS if self.batching is None else max(GRPC_THREADS, self.batching.max_batch_size)

    @property
    def uses_tls(self) -> bool:
        return self.tls is not None or self.tls_secret is not None

    @property
    def pinned_versions(self) -> list[int]:
        """The versions to serve, rising; none where the newest ones are served."""
        return sorted({*self.versions, *self.labels.values()})

    def resolve_paths(self, folder: Path) -> DeploymentConfig:
        """Return the configuration with its relative paths taken from `folder`, where its file lies."""
        if self.tls is None:
            return self
        paths = {key: None if path is None else folder / path.expanduser() for key, path in self.tls}
        return self.model_copy(update={"tls": TLSConfig(**paths)})

    @model_validator(mode="before")
    @classmethod
    def _refuse_batching_outside_its_section(cls, values: Any) -> Any:
        moved = [key for key in BatchingConfig.model_fields if isinstance(values, dict) and key in values]
        if moved:
            raise ValueError(f"`{moved[0]}` should stand in the section `batching`, received it beside that section")
        return values

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
        if self.max_replicas < self.replicas:
            raise ValueError(
                f"`max_replicas` should be at least `replicas`, {self.replicas}, received {self.max_replicas}"
            )
        return self

    @model_validator(mode="after")
    def _threads_fill_a_batch(self) -> DeploymentConfig:
        # A request that waits in a batch keeps its thread, so that fewer threads never fill a batch of single rows,
        # and each such batch waits until its timeout.
        if self.batching is not None and self.max_grpc_threads < self.batching.max_batch_size:
            raise ValueError(
                f"`grpc_threads` should be at least `batching.max_batch_size`, {self.batching.max_batch_size}, "
                f"received {self.grpc_threads}"
            )
        return self
