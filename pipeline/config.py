"""Configuration of a pipeline: one YAML file, fully typed, whose mistakes are reported with file, line and key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from interestflow.kubeflow.config import KubeflowConfig
from interestflow.models import registry
from interestflow.models.model_config import ModelConfig
from interestflow.models.spec import ModelSpec
from interestflow.models.training_config import EmbeddingConfig, TrainingConfig
from interestflow.pipeline.beam_config import BeamConfig
from interestflow.pipeline.config_errors import describe, repeated_keys
from interestflow.pipeline.gate_config import DataValidationConfig, EvaluationConfig, GateConfig
from interestflow.pipeline.metrics.registry import FAMILIES, MetricFamily
from interestflow.pipeline.storage_config import StorageConfig
from interestflow.serving.config import ServingGateConfig
from interestflow.serving.deployment.config import DeploymentConfig
from interestflow.storage import is_remote
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.generator.config import LogGeneratorConfig

DATA_FOLDER_VARIABLE = "INTERESTFLOW_DATA"
RUNS_FOLDER_VARIABLE = "INTERESTFLOW_RUNS"


class ConfigurationError(Exception):
    """A configuration that cannot be used; the message has one line for each mistake."""


class PipelineConfig(IngestionConfig):
    """One configuration file."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] = Field(
        description="Name of the pipeline and of the served model, in lower-case letters, digits and -."
    )
    generate: LogGeneratorConfig | None = Field(
        None, description="Synthetic log that is generated into `data.folder` unless it is there already."
    )
    model: ModelConfig = Field(description="Model to train, by its `name`, and its hyper-parameters.")
    embeddings: dict[str, EmbeddingConfig] = Field(
        {},
        description="Layout of the embedding table of `item`, `user` or an attribute; by default one row for each id.",
    )
    training: TrainingConfig = Field(TrainingConfig(), description="How the model is trained.")
    baseline: ModelConfig | None = Field(
        None,
        description="Model that is trained too and compared with; by default the plain baseline, pooled for rankers "
        "and two_tower for matchers.",
    )
    baseline_training: TrainingConfig | None = Field(
        None, description="How the baseline is trained; by default as the model is."
    )
    data_validation: DataValidationConfig = Field(
        DataValidationConfig(), description="Validation of the data, by their statistics and schema."
    )
    evaluation: EvaluationConfig = Field(
        EvaluationConfig(), description="Evaluation of the model, and the bounds that it must reach to be pushed."
    )
    serving: ServingGateConfig = Field(
        ServingGateConfig(), description="How clients call the model, and what it must do on a server to be pushed."
    )
    storage: StorageConfig = Field(StorageConfig(), description="Folders of pushed models and of training backups.")
    beam: BeamConfig = Field(BeamConfig(), description="Runner of the Beam jobs, and its options.")
    kubeflow: KubeflowConfig = Field(KubeflowConfig(), description="Pipeline on Kubeflow Pipelines.")
    deployment: DeploymentConfig = Field(
        DeploymentConfig(), description="TensorFlow Serving on Kubernetes or under Compose."
    )

    @model_validator(mode="after")
    def _has_a_format_that_can_be_generated(self) -> PipelineConfig:
        if self.generate is not None and self.data.events.format == "tsv":
            raise ValueError("`data.events.format` should be parquet, csv or jsonl for a generated log, received 'tsv'")
        return self

    @model_validator(mode="after")
    def _has_known_slices(self) -> PipelineConfig:
        attributes = {attribute.name: attribute for attribute in self.features.target_attributes()}
        known = {"history_length", "user", "item"} | attributes.keys()
        for index, name in enumerate(self.evaluation.slices):
            if name not in known:
                raise ValueError(
                    f"`evaluation.slices.{index}` should be one of {', '.join(sorted(known))}, received {name!r}"
                )
            attribute = attributes.get(name)
            if attribute is not None and attribute.kind == "numeric" and attribute.boundaries is None:
                raise ValueError(
                    f"`evaluation.slices.{index}` {name!r} is a number, which can be sliced by its `boundaries` alone"
                )
        return self

    @model_validator(mode="after")
    def _has_known_embeddings(self) -> PipelineConfig:
        known = {attribute.name for attribute in self.features.attributes if not attribute.is_number}
        known |= {"item", "user"} if self.features.user.in_model else {"item"}
        for name in self.embeddings:
            if name not in known:
                raise ValueError(
                    f"`embeddings.{name}` should be the layout of one of {', '.join(sorted(known))}, received {name!r}"
                )
        for section, model in self._models.items():
            key = model.item_counts_key
            if key is not None and "item" in self.embeddings:
                raise ValueError(
                    f"`{section}.{key}` weighs the row of each item by how rare it is, "
                    "and with `embeddings.item` items have no rows of their own; one of the two should go"
                )
        return self

    @model_validator(mode="after")
    def _has_metrics_of_its_family(self) -> PipelineConfig:
        family, other_family = ("matcher", "rankers") if self.is_matcher else ("ranker", "matchers")
        known = self.metric_family.bounded
        gate = self.evaluation.gate
        bounds = {"at_least": gate.at_least, "at_most": gate.at_most, "champion_margin": gate.champion_margin or {}}
        for key, metrics in bounds.items():
            for metric in metrics:
                if metric not in known:
                    raise ValueError(
                        f"`evaluation.gate.{key}.{metric}` is a metric of {other_family}, but {self.model.name} is a "
                        f"{family}, whose metrics are {', '.join(known)}"
                    )
        allowed = self.metric_family.stopping
        for section, training in self._trainings.items():
            stopping_metric = None if training.early_stopping is None else training.early_stopping.metric
            if stopping_metric is not None and stopping_metric not in allowed:
                raise ValueError(
                    f"`{section}.early_stopping.metric` should be {' or '.join(allowed)} for a {family}, "
                    f"received {stopping_metric!r}"
                )
        return self

    @model_validator(mode="after")
    def _has_what_its_models_need(self) -> PipelineConfig:
        if self.baseline is not None and registry.spec(self.baseline.name).is_matcher != self.is_matcher:
            raise ValueError(
                f"`baseline.name` should be a {self.model_spec.family}, as {self.model.name} is, "
                f"received {self.baseline.name!r}"
            )
        for section, model in self._models.items():
            if registry.spec(model.name).needs_user_ids and not self.features.user.in_model:
                raise ValueError(
                    f"`features.user.in_model` should be true, since `{section}.name` {model.name} has a vector of "
                    "each user, received false"
                )
        return self

    @model_validator(mode="after")
    def _has_batches_that_hold_requests(self) -> PipelineConfig:
        batching, rows = self.deployment.batching, self.serving.max_rows
        if batching is not None and batching.max_batch_size < rows:
            raise ValueError(
                f"`deployment.batching.max_batch_size` should be at least `serving.max_rows`, {rows}, the rows that "
                f"clients send in one request, received {batching.max_batch_size}"
            )
        return self

    @model_validator(mode="after")
    def _has_xla_only_where_it_compiles(self) -> PipelineConfig:
        trainings = self._trainings
        for section, model in self._models.items():
            key = "baseline_training" if section == "baseline" and "baseline_training" in trainings else "training"
            reason = registry.spec(model.name).no_xla_reason
            if reason is not None and trainings[key].xla:
                raise ValueError(
                    f"`{key}.xla` should be false, since `{section}.name` {model.name} "
                    f"{reason}, which XLA cannot compile, received true"
                )
        return self

    @property
    def _models(self) -> dict[str, ModelConfig]:
        """The model and, where the file names one, its baseline, by their sections."""
        return {"model": self.model} | ({} if self.baseline is None else {"baseline": self.baseline})

    @property
    def _trainings(self) -> dict[str, TrainingConfig]:
        """The training of the model and, where the file has one, that of the baseline, by their sections."""
        baseline = {} if self.baseline_training is None else {"baseline_training": self.baseline_training}
        return {"training": self.training} | baseline

    @property
    def model_spec(self) -> ModelSpec:
        """Declaration of the model and of everything that it needs."""
        return registry.spec(self.model.name)

    @property
    def is_matcher(self) -> bool:
        """Whether the model retrieves items from the whole catalogue, rather than ranking candidates."""
        return self.model_spec.is_matcher

    @property
    def metric_family(self) -> MetricFamily:
        """Metrics of the model's family."""
        return FAMILIES[self.model_spec.family]

    @property
    def uses_graph(self) -> bool:
        """Whether the model or its baseline learns from a graph."""
        return any(registry.spec(model.name).needs_graph for model in self._models.values())

    @property
    def plain(self) -> ModelConfig:
        """Plain baseline of the model, with its defaults."""
        return registry.parse_hyperparameters(self.model_spec.baseline, {})

    def ingestion(self) -> IngestionConfig:
        """Return the part that `transforms` knows."""
        return IngestionConfig.model_validate({name: getattr(self, name) for name in IngestionConfig.model_fields})

    def with_seed(self, seed: int) -> PipelineConfig:
        """Return a copy with another training seed, for the model and for the baseline."""
        seeded = {name: training.model_copy(update={"seed": seed}) for name, training in self._trainings.items()}
        return self.model_copy(update=seeded)

    def for_training(self) -> PipelineConfig:
        """Return a copy without settings that do not affect training: only a new model has a new fingerprint."""
        unused: dict[str, Any] = {
            "data_validation": DataValidationConfig(), "evaluation": EvaluationConfig(slices=()),
            "kubeflow": KubeflowConfig(), "serving": self.serving.for_export(), "deployment": DeploymentConfig(),
            "storage": StorageConfig(), "generate": None, "baseline": None, "baseline_training": None,
            "beam": BeamConfig(),
        }  # fmt: skip
        return self.model_copy(update=unused)

    def for_baseline(self) -> PipelineConfig:
        """Return the copy of `for_training` for the baseline, which is trained on the same data."""
        training = self.baseline_training or self.training
        return self.for_training().model_copy(update={"model": self.baseline or self.plain, "training": training})

    def for_evaluation(self) -> PipelineConfig:
        """Return a copy without the settings that do not affect evaluation."""
        unused: dict[str, Any] = {
            "data_validation": DataValidationConfig(), "kubeflow": KubeflowConfig(), "generate": None,
            "serving": ServingGateConfig(), "deployment": DeploymentConfig(),
            "training": TrainingConfig(), "model": self.plain, "embeddings": {},
            "storage": StorageConfig(), "baseline": None, "baseline_training": None, "beam": BeamConfig(),
            "evaluation": self.evaluation.model_copy(update={"gate": GateConfig()}),
        }  # fmt: skip
        return self.model_copy(update=unused)


def load(path: str | Path, data_folder: str | None = None) -> PipelineConfig:
    """Read and check the configuration at `path`.

    Args:
        path: the YAML file.
        data_folder: folder or URL of the data, instead of `data.folder`, $INTERESTFLOW_DATA or the file's own folder
            (in that order).

    Returns:
        The configuration, with `data.folder` an absolute path or URL.

    Raises:
        ConfigurationError: if the file cannot be read or has mistakes; it names file, line and key of each.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"{path}{line} is not valid YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path} should hold a mapping of sections (name, data, tasks, model, ...)")
    repeated = repeated_keys(tree)
    if repeated:
        raise ConfigurationError("\n".join(f"`{key}` is given twice ({path}, line {line})" for key, line in repeated))
    if isinstance(document.get("data"), dict):
        folder = data_folder or document["data"].get("folder") or os.environ.get(DATA_FOLDER_VARIABLE) or path.parent
        document["data"]["folder"] = (
            str(folder) if "://" in str(folder) else os.path.abspath(Path(str(folder)).expanduser())
        )
    validation = document.get("data_validation")
    if isinstance(validation, dict) and isinstance(validation.get("schema_file"), str):
        validation["schema_file"] = str(path.parent.resolve() / Path(validation["schema_file"]).expanduser())
    _resolve_places(document.get("storage"), path)
    try:
        return PipelineConfig.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError("\n".join(describe(error.errors(), PipelineConfig, tree, path))) from None


def _resolve_places(section: Any, path: Path) -> None:
    """Make the local paths of section `storage` absolute; relative ones are relative to the file at `path`."""
    for key, place in section.items() if isinstance(section, dict) else ():
        if isinstance(place, str) and place and not is_remote(place):
            section[key] = os.path.abspath(path.parent / Path(place).expanduser())
