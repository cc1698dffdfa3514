"""The whole configuration: one YAML file, typed, every mistake named with file, line and key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from interestflow.kubeflow.config import KubeflowConfig
from interestflow.models import registry
from interestflow.models.model_config import ModelConfig
from interestflow.models.spec import ModelSpec
from interestflow.models.training_config import EmbeddingConfig, TrainingConfig
from interestflow.pipeline.config_errors import describe, repeated_keys
from interestflow.pipeline.metrics.registry import FAMILIES, Metric, MetricFamily
from interestflow.serving.config import ServingGateConfig
from interestflow.serving.deployment.config import DeploymentConfig
from interestflow.transforms.config import IngestionConfig, Section
from interestflow.transforms.generator.config import LogGeneratorConfig

DATA_FOLDER_VARIABLE = "INTERESTFLOW_DATA"
RUNS_FOLDER_VARIABLE = "INTERESTFLOW_RUNS"
Severity = Literal["error", "warning", "never"]


class ConfigurationError(Exception):
    """A configuration that cannot be used; the message has one line a mistake."""


class DataValidationConfig(Section):
    """When statistics and schema stop the run: at anomalies of this severity or above."""

    fail_on: Severity = "error"
    schema_file: str | None = Field(
        None,
        description="A curated schema (pbtxt) to hold the data against, instead of the one inferred; its path from "
        "the configuration's own folder.",
    )


class GateConfig(Section):
    """What a model must reach to be blessed, in every task.

    `at_least` and `at_most` are absolute bounds by metric. `champion_margin` is by how much a metric may be worse than
    the champion's, wider than seed noise; where it is not given, AUC by 0.005 or, for matchers, recall@50 by 0.01.
    `slice_margin` widens that margin for the configured slices that have at least `min_slice_examples` examples;
    without it, slices are not held against the champion.
    """

    at_least: dict[Metric, float] = Field({})
    at_most: dict[Metric, float] = Field({})
    champion_margin: dict[Metric, Annotated[float, Field(ge=0.0)]] | None = None
    slice_margin: Annotated[float, Field(ge=0.0)] | None = None
    min_slice_examples: Annotated[int, Field(ge=1)] = 1000

    def margins(self, default: Mapping[str, float]) -> Mapping[str, float]:
        """`champion_margin`, or the default of the kind of model."""
        if self.champion_margin is None:
            return default
        return {str(metric): margin for metric, margin in self.champion_margin.items()}


class EvaluationConfig(Section):
    slices: tuple[str, ...] = Field(
        ("history_length", "user", "item"),
        description="`history_length`, `user` (new or known), `item` (cold or known), or an attribute of the target; "
        "a numeric one by its `boundaries`.",
    )
    compare_with_baseline: bool = True
    gate: GateConfig = GateConfig()


class PipelineConfig(IngestionConfig):
    """One configuration file."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    generate: LogGeneratorConfig | None = Field(
        None, description="Make the log first, into `data.folder`, where it is not there yet."
    )
    model: ModelConfig
    embeddings: dict[str, EmbeddingConfig] = Field(
        {}, description="Layout of the embedding table of `item`, `user` or an attribute, where it is not a row an id."
    )
    training: TrainingConfig = TrainingConfig()
    baseline: ModelConfig | None = Field(
        None,
        description="The plain model trained beside it, to compare with; where it is not given, pooled for rankers and "
        "two_tower for matchers.",
    )
    baseline_training: TrainingConfig | None = None
    data_validation: DataValidationConfig = DataValidationConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    serving: ServingGateConfig = ServingGateConfig()
    kubeflow: KubeflowConfig = KubeflowConfig()
    deployment: DeploymentConfig = DeploymentConfig()

    @model_validator(mode="after")
    def _can_be_generated(self) -> PipelineConfig:
        if self.generate is not None and self.data.events.format == "tsv":
            raise ValueError("`data.events.format` should be parquet, csv or jsonl for a generated log, received 'tsv'")
        return self

    @model_validator(mode="after")
    def _slices_exist(self) -> PipelineConfig:
        attributes = {attribute.name: attribute for attribute in self.features.with_target()}
        known = {"history_length", "user", "item"} | attributes.keys()
        for number, name in enumerate(self.evaluation.slices):
            if name not in known:
                raise ValueError(
                    f"`evaluation.slices.{number}` should be one of {', '.join(sorted(known))}, received {name!r}"
                )
            attribute = attributes.get(name)
            if attribute is not None and attribute.kind == "numeric" and attribute.boundaries is None:
                raise ValueError(
                    f"`evaluation.slices.{number}` {name!r} is a number, which can be sliced by its `boundaries` alone"
                )
        return self

    @model_validator(mode="after")
    def _embeddings_exist(self) -> PipelineConfig:
        known = {attribute.name for attribute in self.features.attributes if not attribute.is_number}
        known |= {"item", "user"} if self.features.user.in_model else {"item"}
        for name in self.embeddings:
            if name not in known:
                raise ValueError(
                    f"`embeddings.{name}` should be the layout of one of {', '.join(sorted(known))}, received {name!r}"
                )
        for role, model in {"model": self.model, "baseline": self.baseline}.items():
            key = None if model is None else model.item_counts_key
            if key is not None and "item" in self.embeddings:
                raise ValueError(
                    f"`{role}.{key}` weighs the row of each item by how rare it is, "
                    "and with `embeddings.item` items have no rows of their own; one of the two should go"
                )
        return self

    @model_validator(mode="after")
    def _one_kind_of_model(self) -> PipelineConfig:
        kind, others = ("matcher", "rankers") if self.is_matcher else ("ranker", "matchers")
        known = self.metric_family.bounded
        gate = self.evaluation.gate
        bounds = {"at_least": gate.at_least, "at_most": gate.at_most, "champion_margin": gate.champion_margin or {}}
        for where, metrics in bounds.items():
            for bounded in metrics:
                if bounded not in known:
                    raise ValueError(
                        f"`evaluation.gate.{where}.{bounded}` is a metric of {others}, but {self.model.name} is a "
                        f"{kind}, whose metrics are {', '.join(known)}"
                    )
        allowed = self.metric_family.stopping
        for section, training in (("training", self.training), ("baseline_training", self.baseline_training)):
            stopping = None if training is None else training.early_stopping
            metric = None if stopping is None else stopping.metric
            if metric is not None and metric not in allowed:
                raise ValueError(
                    f"`{section}.early_stopping.metric` should be {' or '.join(allowed)} for a {kind}, "
                    f"received {metric!r}"
                )
        if self.baseline is not None and registry.spec(self.baseline.name).is_matcher != self.is_matcher:
            raise ValueError(
                f"`baseline.name` should be a {kind}, as {self.model.name} is, received {self.baseline.name!r}"
            )
        for section, model in (("model", self.model), ("baseline", self.baseline)):
            if model is not None and registry.spec(model.name).needs_user_ids and not self.features.user.in_model:
                raise ValueError(
                    f"`features.user.in_model` should be true, since `{section}.name` {model.name} has a vector of "
                    "each user, received false"
                )
        return self

    @model_validator(mode="after")
    def _batches_hold_requests(self) -> PipelineConfig:
        batching, rows = self.deployment.batching, self.serving.max_rows
        if batching is not None and batching.max_batch_size < rows:
            raise ValueError(
                f"`deployment.batching.max_batch_size` should be at least `serving.max_rows`, {rows}, the rows that "
                f"clients send in one request, received {batching.max_batch_size}"
            )
        return self

    @model_validator(mode="after")
    def _can_be_compiled(self) -> PipelineConfig:
        key, training = "training", self.training
        trained = [("model", self.model, key, training)]
        if self.baseline is not None and self.baseline_training is not None:
            key, training = "baseline_training", self.baseline_training
        if self.baseline is not None:
            trained.append(("baseline", self.baseline, key, training))
        for section, model, key, training in trained:
            reason = registry.spec(model.name).no_xla_reason
            if reason is not None and training.xla:
                raise ValueError(
                    f"`{key}.xla` should be false, since `{section}.name` {model.name} "
                    f"{reason}, which XLA cannot compile, received true"
                )
        return self

    @property
    def model_spec(self) -> ModelSpec:
        """Declaration of the model: what it is and what it needs."""
        return registry.spec(self.model.name)

    @property
    def is_matcher(self) -> bool:
        """Whether the model finds items among all, rather than ranking those that it is given."""
        return self.model_spec.is_matcher

    @property
    def metric_family(self) -> MetricFamily:
        """Metrics of the model's family."""
        return FAMILIES[self.model_spec.family]

    @property
    def uses_graph(self) -> bool:
        """Whether the model, or the one it is compared with, learns from a graph."""
        models = [self.model] if self.baseline is None else [self.model, self.baseline]
        return any(registry.spec(model.name).needs_graph for model in models)

    @property
    def plain(self) -> ModelConfig:
        """Plain baseline of the model, with its defaults."""
        return registry.parse_hyperparameters(self.model_spec.baseline, {})

    def ingestion(self) -> IngestionConfig:
        """The part that `transforms` knows."""
        return IngestionConfig.model_validate({name: getattr(self, name) for name in IngestionConfig.model_fields})

    def with_seed(self, seed: int) -> PipelineConfig:
        """The same with another seed for training, of the model and of the baseline."""
        update: dict[str, Any] = {"training": self.training.model_copy(update={"seed": seed})}
        if self.baseline_training is not None:
            update["baseline_training"] = self.baseline_training.model_copy(update={"seed": seed})
        return self.model_copy(update=update)

    def for_training(self) -> PipelineConfig:
        """Without what training does not depend on, so that its fingerprint changes only when the model would."""
        unused: dict[str, Any] = {
            "data_validation": DataValidationConfig(), "evaluation": EvaluationConfig(slices=()),
            "kubeflow": KubeflowConfig(), "serving": self.serving.for_export(), "deployment": DeploymentConfig(),
            "generate": None, "baseline": None, "baseline_training": None,
        }  # fmt: skip
        return self.model_copy(update=unused)

    def for_baseline(self) -> PipelineConfig:
        """The same for the plain baseline, trained on the same data."""
        training = self.baseline_training or self.training
        return self.for_training().model_copy(update={"model": self.baseline or self.plain, "training": training})

    def for_evaluation(self) -> PipelineConfig:
        """Without what evaluation does not depend on."""
        unused: dict[str, Any] = {
            "data_validation": DataValidationConfig(), "kubeflow": KubeflowConfig(), "generate": None,
            "serving": ServingGateConfig(), "deployment": DeploymentConfig(),
            "training": TrainingConfig(), "model": self.plain, "embeddings": {},
            "baseline": None, "baseline_training": None,
            "evaluation": self.evaluation.model_copy(update={"gate": GateConfig()}),
        }  # fmt: skip
        return self.model_copy(update=unused)


def load(path: str | Path, data_folder: str | None = None) -> PipelineConfig:
    """Reads and checks the configuration at `path`.

    Args:
        path: the YAML file.
        data_folder: where the data are, instead of `data.folder`, $INTERESTFLOW_DATA or the file's own folder (in
            that order).

    Returns:
        The configuration, with `data.folder` an absolute path or URL.

    Raises:
        ConfigurationError: naming file, line and key of every mistake.
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
            str(folder) if "://" in str(folder) else str(Path(str(folder)).expanduser().resolve())
        )
    validation = document.get("data_validation")
    if isinstance(validation, dict) and isinstance(validation.get("schema_file"), str):
        validation["schema_file"] = str(path.parent.resolve() / Path(validation["schema_file"]).expanduser())
    try:
        return PipelineConfig.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError("\n".join(describe(error.errors(), PipelineConfig, tree, path))) from None
