"""Section `deployment` of a configuration. Imports no TensorFlow, so that it reads fast."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, field_validator, model_validator

from interestflow.section import NonNegativeInt, PositiveInt, Section

STOCK_IMAGE = re.compile(r"(docker\.io/)?tensorflow/serving([:@].+)?")
OBJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
LABEL = re.compile(r"[A-Za-z0-9_.-]+")
GRPC_THREADS = 64
"""Were enough for 32 clients at once on two CPUs. TensorFlow Serving's own default, four for each CPU, refused most."""


class BatchingConfig(Section):
    """Batching in TensorFlow Serving: requests that arrive together are computed together."""

    max_batch_size: PositiveInt = Field(128, description="Largest number of rows in a batch, and so in one request.")
    batch_timeout_micros: NonNegativeInt = Field(1000, description="Microseconds that a batch waits for more requests.")
    max_enqueued_batches: PositiveInt = Field(
        100, description="Batches that wait for a thread before new requests are rejected as UNAVAILABLE."
    )
    num_batch_threads: PositiveInt = Field(4, description="Batches that are computed at the same time.")


class TLSConfig(Section):
    """PEM files for TLS on gRPC; relative paths are taken from the configuration's folder."""

    certificate: Path = Field(description="PEM file of the server's certificate.")
    key: Path = Field(description="PEM file of the certificate's private key.")
    client_authority: Path | None = Field(
        None, description="PEM file of the authority that must have signed the certificate of every client."
    )


class DeploymentConfig(Section):
    """How TensorFlow Serving runs on Kubernetes, or under Compose."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    namespace: str = Field("default", description="Kubernetes namespace of all objects.")
    image: str = Field(
        "tensorflow/serving:2.21.0",
        description="Container image of TensorFlow Serving; with `gpus`, the stock image becomes its variant `-gpu`.",
    )
    model_path: str = Field(
        "/models",
        description="Folder of the volume, or bucket (gs://), that holds the folder of each model.",
    )
    volume_claim: str | None = Field(
        "models", description="Persistent volume claim with the models; null where they are in a bucket."
    )
    credentials_secret: str | None = Field(
        None, description="Kubernetes secret with the bucket's key, unless `service_account` may read the bucket."
    )
    service_account: str | None = Field(None, description="Kubernetes service account that the pods run as.")
    tls: TLSConfig | None = Field(
        None, description="PEM files from which TensorFlow Serving's `ssl.config` is rendered; by default plain text."
    )
    tls_secret: str | None = Field(
        None, description="Existing Kubernetes secret that holds `ssl.config`, instead of `tls`."
    )
    num_versions: PositiveInt = Field(
        2, description="Number of newest versions that are served, unless `labels` or `versions` are given."
    )
    versions: tuple[PositiveInt, ...] = Field(
        (), description="Versions that are served in addition to the labelled ones, instead of the newest."
    )
    labels: dict[str, PositiveInt] = Field(
        {}, description="Served version by label, such as stable or canary, instead of the newest."
    )
    replicas: PositiveInt = Field(2, description="Smallest number of pods.")
    max_replicas: PositiveInt = Field(10, description="Largest number of pods that the autoscaler starts.")
    target_cpu_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        60, description="Mean CPU use of the pods that the autoscaler aims at, in percent of the request."
    )
    cpu: str = Field("2", description="CPUs of a pod, as a Kubernetes quantity.")
    memory: str = Field("4Gi", description="Memory of a pod, as a Kubernetes quantity; two versions must fit.")
    gpus: NonNegativeInt = Field(0, description="GPUs of a pod.")
    batching: BatchingConfig | None = Field(
        None, description="Batching of requests; without it, each request is computed separately."
    )
    grpc_threads: PositiveInt | None = Field(
        None,
        description="Requests in flight over gRPC for each pod; by default 64, or `batching.max_batch_size` if that is "
        "more.",
    )
    poll_seconds: PositiveInt = Field(30, description="Seconds between checks for new versions.")
    startup_seconds: PositiveInt = Field(
        300, description="Seconds within which a pod must load its models and answer their warm-up requests."
    )

    @property
    def max_grpc_threads(self) -> int:
        """Value of `grpc_threads`, or its default."""
        if self.grpc_threads is not None:
            return self.grpc_threads
        return GRPC_THREADS if self.batching is None else max(GRPC_THREADS, self.batching.max_batch_size)

    @property
    def uses_tls(self) -> bool:
        """Whether gRPC is encrypted."""
        return self.tls is not None or self.tls_secret is not None

    @property
    def pinned_versions(self) -> list[int]:
        """Versions to serve in rising order; empty where the newest ones are served."""
        return sorted({*self.versions, *self.labels.values()})

    def resolve_paths(self, folder: Path) -> DeploymentConfig:
        """Return the configuration with its relative paths resolved against `folder`, where its file is."""
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
