"""What TFX's Trainer runs: transformed examples in, an exported model and a summary of its training out."""

from __future__ import annotations

import json
import posixpath
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from interestflow.models.inputs import ModelInputs
from interestflow.models.matchers.base import Matcher
from interestflow.models.rankers.base import Ranker
from interestflow.models.registry import build_matcher, build_ranker
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.folders import TRAINING_SUMMARY
from interestflow.pipeline.training.backup import discard
from interestflow.pipeline.training.collaborative_graph import collaborative_graph
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.item_catalogue import CatalogueItems
from interestflow.pipeline.training.loop import TrainingResult, train
from interestflow.pipeline.training.matcher import MatcherTraining, target_counts
from interestflow.pipeline.training.model_inputs import always_given, describe_inputs, item_counts, out_of_vocabulary
from interestflow.serving.description import Description
from interestflow.serving.export.matcher import IndexedItems, export_matcher
from interestflow.serving.export.ranker import export_ranker
from interestflow.transforms.feature_spec import raw_feature_spec


def run_fn(fn_args: Any) -> None:
    """Trains and exports one model; the Trainer is given `run_fn="interestflow.pipeline.training.run_fn.run_fn"`.

    Args:
        fn_args: TFX's `FnArgs`. `train_files`, `eval_files` and `transform_output` are what to train on,
            `serving_model_dir` and `model_run_dir` where the model and its logs go. `custom_config` holds `config`, a
            `PipelineConfig` as JSON, narrowed to the model to train; `role`, its name while training; `fingerprint`,
            of all that the model comes from; and `backup_folder`, where a training that was stopped is found again
            (a second attempt is given new folders for all else), or nothing for none; and, for a model of graphs, the
            folder of the `knowledge_graph`, where there is one.

    Raises:
        TrainingError: where the training cannot go on.
        TrainingDataError: where there is nothing to train on.
        ExportError: where the model cannot be served.
    """
    custom = fn_args.custom_config
    config = PipelineConfig.model_validate_json(custom["config"])
    role, fingerprint, backup_folder = custom["role"], custom["fingerprint"], custom.get("backup_folder")
    transform_output = tft.TFTransformOutput(fn_args.transform_output)
    inputs = describe_inputs(config, transform_output)
    raw_spec = raw_feature_spec(config.ingestion(), with_labels=False)
    about = {
        "name": config.name,
        "role": role,
        "fingerprint": fingerprint,
        "model": config.model.model_dump(mode="json"),
    }
    options = {
        "name": f"{role} {config.model.name}",
        "key": fingerprint,
        "backup_folder": backup_folder,
        "log_folder": fn_args.model_run_dir,
    }
    if config.is_matcher:
        trained, items, description = _train_matcher(config, inputs, fn_args, options)
        summary = about | trained.summary
        about = about | {"training": _in_short(trained)}
        indexed = IndexedItems.encode(trained.model, items.ids, items.tensors)
        folder = fn_args.serving_model_dir
        export_matcher(trained.model, transform_output, raw_spec, inputs, indexed, folder, about, description)
    else:
        trained, description = _train_ranker(config, inputs, fn_args, options)
        summary = about | trained.summary
        about = about | {"training": _in_short(trained)}
        export_ranker(trained.model, transform_output, raw_spec, inputs, fn_args.serving_model_dir, about, description)
    tf.io.gfile.makedirs(fn_args.model_run_dir)
    with tf.io.gfile.GFile(posixpath.join(fn_args.model_run_dir, TRAINING_SUMMARY), "w") as file:
        file.write(json.dumps(summary, indent=2) + "\n")
    if backup_folder is not None:
        discard(backup_folder)


def _train_ranker(
    config: PipelineConfig, inputs: ModelInputs, fn_args: Any, options: dict[str, Any]
) -> tuple[TrainingResult, Description]:
    training = Split.read(fn_args.train_files, inputs, config.training.cache_limit_mb)
    validation = Split.read(fn_args.eval_files, inputs, config.training.cache_limit_mb)
    unknown = out_of_vocabulary(config, training)
    counts = None if config.model.item_counts_key is None else item_counts(training)

    def build() -> Ranker:
        return build_ranker(config.model.name, inputs, config.model, counts)

    trained = train(config.training, build, training, validation, **options)
    return TrainingResult(trained.model, trained.summary | {"out_of_vocabulary": unknown}), _description(
        config, training
    )


def _train_matcher(
    config: PipelineConfig, inputs: ModelInputs, fn_args: Any, options: dict[str, Any]
) -> tuple[TrainingResult, CatalogueItems, Description]:
    """Train on the positives of the first task alone; return what to retrieve from as well."""
    task, megabytes = inputs.tasks[0], config.training.cache_limit_mb
    training = Split.read(fn_args.train_files, inputs, megabytes, positives_of=task)
    validation = Split.read(fn_args.eval_files, inputs, megabytes, positives_of=task)
    unknown = out_of_vocabulary(config, training)
    items = CatalogueItems.read(fn_args.train_files, inputs)
    catalogue = items.catalogue(inputs, target_counts(training))

    graph = None
    if config.model_spec.needs_graph:
        graph = collaborative_graph(fn_args.custom_config.get("knowledge_graph"), training, items)

    def build() -> Matcher:
        return build_matcher(config.model.name, inputs, config.model, catalogue, graph)

    def around(matcher: Matcher) -> MatcherTraining:
        return MatcherTraining(matcher, catalogue, items.sharing(inputs))

    trained = train(config.training, build, training, validation, around=around, **options)
    beside = {
        "task": task,
        "left_out": training.left_out,
        "validation_left_out": validation.left_out,
        "items": len(items.ids),
        "out_of_vocabulary": unknown,
    }
    return TrainingResult(trained.model, trained.summary | beside), items, _description(config, training)


def _description(config: PipelineConfig, training: Split) -> Description:
    """What clients are told of the model, but for the lengths, which the exporter knows."""
    return Description(
        candidate_sizes=config.serving.candidate_sizes,
        max_rows=config.serving.max_rows,
        always_given=always_given(training),
    )


def _in_short(trained: TrainingResult) -> dict[str, Any]:
    return {name: trained.summary[name] for name in ("epochs", "best_epoch", "validation", "examples", "seconds")}
