"""What TFX's Trainer runs: transformed examples in, an exported model and a summary of its training out."""

from __future__ import annotations

import json
import posixpath
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from models.ranker import Ranker
from models.registry import build_ranker
from pipeline.backup import discard
from pipeline.config import PipelineConfig
from pipeline.folders import TRAINING_SUMMARY
from pipeline.model_inputs import describe_inputs, item_counts, out_of_vocabulary
from pipeline.training import train
from pipeline.training_data import Split
from serving.export import export
from transforms.raw_schema import raw_feature_spec


def run_fn(fn_args: Any) -> None:
    """Trains and exports one model; the Trainer is given `run_fn="pipeline.trainer.run_fn"`.

    Args:
        fn_args: TFX's `FnArgs`. `train_files`, `eval_files` and `transform_output` are what to train on,
            `serving_model_dir` and `model_run_dir` where the model and its logs go. `custom_config` holds `config`, a
            `PipelineConfig` as JSON, narrowed to the model to train; `role`, its name while training; `fingerprint`,
            of all that the model comes from; and `backup_folder`, where a training that was stopped is found again
            (a second attempt is given new folders for all else), or nothing for none.

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
    training = Split.read(fn_args.train_files, inputs, config.training.memory_megabytes)
    validation = Split.read(fn_args.eval_files, inputs, config.training.memory_megabytes)
    unknown = out_of_vocabulary(config, training)
    hyperparameters = config.model.hyperparameters
    counts = item_counts(training) if getattr(hyperparameters, "mini_batch_aware_l2", 0.0) > 0.0 else None

    def build() -> Ranker:
        return build_ranker(config.model.name, inputs, hyperparameters, counts)

    trained = train(
        config.training,
        build,
        training,
        validation,
        name=f"{role} {config.model.name}",
        key=fingerprint,
        backup_folder=backup_folder,
        log_folder=fn_args.model_run_dir,
    )
    about = {
        "name": config.name,
        "role": role,
        "fingerprint": fingerprint,
        "model": config.model.model_dump(mode="json"),
    }
    summary = about | trained.summary | {"out_of_vocabulary": unknown}
    short = {name: trained.summary[name] for name in ("epochs", "best_epoch", "validation", "examples", "seconds")}
    raw_spec = raw_feature_spec(config.ingestion(), with_labels=False)
    export(trained.ranker, transform_output, raw_spec, inputs, fn_args.serving_model_dir, about | {"training": short})
    tf.io.gfile.makedirs(fn_args.model_run_dir)
    with tf.io.gfile.GFile(posixpath.join(fn_args.model_run_dir, TRAINING_SUMMARY), "w") as file:
        file.write(json.dumps(summary, indent=2) + "\n")
    if backup_folder is not None:
        discard(backup_folder)
