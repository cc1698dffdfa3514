"""Entry point of TFX's Trainer: trains on transformed examples and exports the model and a summary of its training."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from interestflow.models.inputs import ModelInputs
from interestflow.models.matchers.base import Matcher
from interestflow.models.rankers.base import Ranker
from interestflow.models.registry import build_matcher, build_ranker
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.folders import TRAINING_SUMMARY
from interestflow.pipeline.run_parameters import with_learning_rate
from interestflow.pipeline.training.backup import discard
from interestflow.pipeline.training.collaborative_graph import build_collaborative_graph
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.fingerprint import model_fingerprint
from interestflow.pipeline.training.item_catalogue import CatalogueItems
from interestflow.pipeline.training.loop import TrainingResult, train
from interestflow.pipeline.training.matcher import MatcherTraining, target_counts
from interestflow.pipeline.training.model_inputs import always_given, describe_inputs, item_counts, out_of_vocabulary
from interestflow.serving.description import Description
from interestflow.serving.export.compact_tables import compact_tables
from interestflow.serving.export.matcher import IndexedItems, export_matcher
from interestflow.serving.export.ranker import export_ranker
from interestflow.transforms.feature_spec import raw_feature_spec


@dataclass(frozen=True)
class ExportInputs:
    """Trained model and the other inputs of its export.

    Attributes:
        result: The model and its summary.
        description: Description of the model for its clients.
        items: Items that a matcher retrieves from; None for a ranker.
    """

    result: TrainingResult
    description: Description
    items: CatalogueItems | None = None


def run_fn(fn_args: Any) -> None:
    """Train and export one model; the Trainer gets `run_fn="interestflow.pipeline.training.run_fn.run_fn"`.

    Args:
        fn_args: TFX's `FnArgs`. `train_files`, `eval_files` and `transform_output` are what to train on,
            `serving_model_dir` and `model_run_dir` the folders of the model and of its logs. `custom_config` holds
            `config`, a `PipelineConfig` as JSON, narrowed to the model to train; `learning_rate`, which replaces that
            of `config`; `role`, the model's name while training; `input_fingerprint` and `code_fingerprint`, digests
            of what else the model is made from; `backup_folder`, where an interrupted training is resumed from (a
            second attempt gets new folders for all else), or nothing for no backup; `keep_backup`, whether it stays
            when the model is exported; and, for a model of graphs, the folder of the `knowledge_graph`, where there is
            one.

    Raises:
        TrainingError: If the training cannot continue.
        TrainingDataError: If there is nothing to train on.
        ExportError: If the model cannot be served.
    """
    custom = fn_args.custom_config
    config = with_learning_rate(PipelineConfig.model_validate_json(custom["config"]), custom["learning_rate"])
    fingerprint = model_fingerprint(config, custom["input_fingerprint"], custom["code_fingerprint"])
    backup_folder = custom.get("backup_folder")
    transform_output = tft.TFTransformOutput(fn_args.transform_output)
    inputs = describe_inputs(config, transform_output)
    origin = {
        "name": config.name,
        "role": custom["role"],
        "fingerprint": fingerprint,
        "model": config.model.model_dump(mode="json"),
    }
    options = {
        "name": f"{custom['role']} {config.model.name}",
        "key": fingerprint,
        "backup_folder": backup_folder,
        "log_folder": fn_args.model_run_dir,
    }
    trained = train_model(config, inputs, fn_args, options)
    # The model is needed for nothing else, so that its tables make room for those that are written and checked.
    export_model(config, trained, inputs, transform_output, origin, fn_args.serving_model_dir, consume=True)
    tf.io.gfile.makedirs(fn_args.model_run_dir)
    with tf.io.gfile.GFile(posixpath.join(fn_args.model_run_dir, TRAINING_SUMMARY), "w") as file:
        file.write(json.dumps(origin | trained.result.summary, indent=2) + "\n")
    if backup_folder is not None and not custom.get("keep_backup"):
        discard(backup_folder)


def cache_limit_mb(config: PipelineConfig) -> int:
    """Return the memory, in MB, that a split may be cached in: at most a quarter of what the process may take."""
    return min(config.training.cache_limit_mb, config.memory_bytes // 2**22)


def train_model(config: PipelineConfig, inputs: ModelInputs, fn_args: Any, options: dict[str, Any]) -> ExportInputs:
    """Train a model of either family.

    Args:
        config: Configuration of the model to train.
        inputs: Inputs of the model.
        fn_args: See `run_fn`.
        options: Further arguments of `train`.
    """
    return (_train_matcher if config.is_matcher else _train_ranker)(config, inputs, fn_args, options)


def export_model(
    config: PipelineConfig,
    trained: ExportInputs,
    inputs: ModelInputs,
    transform_output: tft.TFTransformOutput,
    origin: Mapping[str, Any],
    folder: str,
    consume: bool = False,
) -> None:
    """Export a trained model of either family into `folder`.

    Args:
        config: Its `serving.table_dtype` is the type of the exported tables.
        trained: The model and what `train_model` returned with it.
        inputs: Inputs of the model.
        transform_output: Output of the transform that it was trained on.
        origin: Provenance, to which a summary of the training is added.
        folder: Folder to write to.
        consume: Whether the memory of the model's variables is freed on the way; the model does not work afterwards.
    """
    raw_spec = raw_feature_spec(config.ingestion(), with_labels=False)
    model = trained.result.model
    provenance = {**origin, "training": _short_summary(trained.result), "table_dtype": config.serving.table_dtype}
    with compact_tables(model, config.serving.table_dtype, free=consume):
        about = (folder, provenance, trained.description)
        if trained.items is None:
            export_ranker(model, transform_output, raw_spec, inputs, *about, consume=consume)
            return
        indexed = IndexedItems.encode(model, trained.items.ids, trained.items.tensors)
        export_matcher(model, transform_output, raw_spec, inputs, indexed, *about, consume=consume)


def _train_ranker(config: PipelineConfig, inputs: ModelInputs, fn_args: Any, options: dict[str, Any]) -> ExportInputs:
    """Train a ranker on all examples."""
    training, validation = (
        Split.read(files, inputs, cache_limit_mb(config)) for files in (fn_args.train_files, fn_args.eval_files)
    )
    unknown = out_of_vocabulary(config, training)
    counts = None if config.model.item_counts_key is None else item_counts(training)

    def build() -> Ranker:
        return build_ranker(config.model.name, inputs, config.model, counts)

    result = train(config.training, build, training, validation, **options)
    result = replace(result, summary=result.summary | {"out_of_vocabulary": unknown})
    return ExportInputs(result, _description(config, training))


def _train_matcher(config: PipelineConfig, inputs: ModelInputs, fn_args: Any, options: dict[str, Any]) -> ExportInputs:
    """Train a matcher on only the positives of the first task."""
    task, limit = inputs.tasks[0], cache_limit_mb(config)
    training = Split.read(fn_args.train_files, inputs, limit, positives_of=task)
    validation = Split.read(fn_args.eval_files, inputs, limit, positives_of=task)
    unknown = out_of_vocabulary(config, training)
    items = CatalogueItems.read(fn_args.train_files, inputs)
    catalogue = items.catalogue(inputs, target_counts(training))
    graph = None
    if config.model_spec.needs_graph:
        graph = build_collaborative_graph(fn_args.custom_config.get("knowledge_graph"), training, items)

    def build() -> Matcher:
        return build_matcher(config.model.name, inputs, config.model, catalogue, graph)

    def wrap(matcher: Matcher) -> MatcherTraining:
        return MatcherTraining(matcher, catalogue, items.counts_by_id(inputs))

    result = train(config.training, build, training, validation, wrap=wrap, **options)
    details = {
        "task": task,
        "left_out": training.left_out,
        "validation_left_out": validation.left_out,
        "items": len(items.ids),
        "out_of_vocabulary": unknown,
    }
    result = replace(result, summary=result.summary | details)
    return ExportInputs(result, _description(config, training), items)


def _description(config: PipelineConfig, training: Split) -> Description:
    """Return the description of the model for its clients, without the lengths, which the exporter adds."""
    return Description(
        candidate_sizes=config.serving.candidate_sizes,
        max_rows=config.serving.max_rows,
        always_given=always_given(training),
    )


def _short_summary(result: TrainingResult) -> dict[str, Any]:
    """Return the part of the summary that is exported with the model."""
    return {name: result.summary[name] for name in ("epochs", "best_epoch", "validation", "examples", "seconds")}
