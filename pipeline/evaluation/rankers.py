"""How well an exported model does on the test split: TFMA on the model's own serving signature, by task and slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import apache_beam as beam
import tensorflow as tf
import tensorflow_model_analysis as tfma
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_model_analysis.extractors import slice_key_extractor
from tensorflow_model_analysis.proto import config_pb2

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.evaluation.result import (
    Evaluation,
    EvaluationError,
    ModelEvaluation,
    RankingMetrics,
    SliceMetrics,
    TaskEvaluation,
)
from interestflow.pipeline.evaluation.scoring import BatchScorer, ScoreFiles, SliceBlocks
from interestflow.pipeline.evaluation.slices import Slice, slices_of
from interestflow.pipeline.metrics.tfma_metrics import METRICS, BestPossibleMetrics
from interestflow.serving.provenance import ScoringError, read_provenance
from interestflow.serving.raw_inputs import raw_inputs
from interestflow.transforms import feature_names
from interestflow.transforms.feature_spec import raw_feature_spec

MODEL, CHAMPION = "model", "champion"
"""Folders beside `evaluation.json` with TFMA's own results, which `tfma.load_eval_result` reads."""


def evaluate(
    config: PipelineConfig,
    model: str,
    champion: str | None,
    test_files: Sequence[str],
    output: str,
    options: PipelineOptions,
) -> Evaluation:
    """Evaluates a model, and the champion beside it, and writes what was found into `output`.

    Args:
        config: tasks, features and slices; `PipelineConfig.for_evaluation` has all that matters.
        model: folder of the exported model.
        champion: folder of the model to compare with, or None.
        test_files: TFRecord files of raw examples.
        output: an empty folder.
        options: of Beam.

    Raises:
        EvaluationError: where the model cannot be evaluated. That the champion cannot is no error but found.
    """
    evaluated = evaluate_model(config, model, test_files, f"{output}/{MODEL}", options)
    against, problem = of_champion(
        champion, lambda folder: evaluate_model(config, folder, test_files, f"{output}/{CHAMPION}", options)
    )
    overall = next(iter(evaluated.tasks.values())).overall
    result = Evaluation(
        model=evaluated,
        champion=against,
        champion_problem=problem,
        examples=overall.examples + getattr(overall, "unlabelled", 0),
    )
    result.write(output)
    return result


def of_champion(
    champion: str | None, evaluate_one: Callable[[str], ModelEvaluation]
) -> tuple[ModelEvaluation | None, str | None]:
    """The evaluation of the champion, where there is one, or why it cannot be evaluated, which is no error.

    Args:
        champion: its folder, or None.
        evaluate_one: evaluates the model in a folder.
    """
    if champion is None:
        return None, None
    try:
        return evaluate_one(champion), None
    except EvaluationError as error:
        return None, str(error)


def evaluate_model(
    config: PipelineConfig, folder: str, test_files: Sequence[str], output: str, options: PipelineOptions
) -> ModelEvaluation:
    """Evaluates the model in `folder`; the other arguments are those of `evaluate`.

    Raises:
        EvaluationError: naming the model and what is wrong with it, or that there are no examples.
    """
    try:
        provenance = read_provenance(folder)
    except ScoringError as error:
        raise EvaluationError(str(error)) from None
    check_inputs(config, folder, provenance)
    slices = slices_of(config)
    scorer = BatchScorer(
        folder=folder,
        tasks=tuple(task.name for task in config.tasks),
        masked_tasks=tuple(task.name for task in config.tasks if task.mask is not None),
        slices=slices,
        true_probability=config.data.events.true_probability is not None,
    )
    # Beam would report what goes wrong inside it as the text of a traceback.
    scorer.check(test_files)
    eval_config = _eval_config(config)
    writers = tfma.default_writers(
        output_path=output,
        eval_shared_model=tfma.types.EvalSharedModel(model_path=folder),
        eval_config=eval_config,
        display_only_data_location=test_files[0].rpartition("/")[0],
    )
    extractors = [
        tfma.extractors.Extractor("ScoreFiles", beam.ParDo(ScoreFiles(scorer))),
        tfma.extractors.Extractor(slice_key_extractor.SLICE_KEY_EXTRACTOR_STAGE_NAME, beam.ParDo(SliceBlocks(scorer))),
    ]
    with beam.Pipeline(options=options) as pipeline:
        _ = (
            pipeline
            | "TestFiles" >> beam.Create([{tfma.INPUT_KEY: file.encode()} for file in test_files])
            | "Spread" >> beam.Reshuffle()
            | "Evaluate"
            >> tfma.ExtractEvaluateAndWriteResults(
                eval_config=eval_config, extractors=extractors, writers=writers, output_path=output
            )
        )
    return ModelEvaluation(
        name=provenance["model"]["name"],
        fingerprint=provenance["fingerprint"],
        folder=folder,
        tasks=_read_tasks(output, scorer.tasks, slices),
    )


def files_of_test_split(examples: str) -> list[str]:
    """The files of the test split below the folder of examples, sorted.

    Raises:
        EvaluationError: where there are none.
    """
    pattern = f"{examples}/Split-test/*"
    files = sorted(tf.io.gfile.glob(pattern))
    if not files:
        raise EvaluationError(f"no file of test examples matches {pattern}")
    return files


def check_inputs(config: PipelineConfig, folder: str, provenance: Mapping[str, Any]) -> None:
    """A feature that the examples no longer have would count as missing in every one of them."""
    there = {raw.name: raw for raw in raw_inputs(raw_feature_spec(config.ingestion(), with_labels=True))}
    for needed in provenance["raw_inputs"]:
        name = needed["name"]
        if name not in there:
            raise EvaluationError(f"the model in {folder} needs the feature `{name}`, which the examples do not have")
        found = there[name]
        if (needed["dtype"], needed["kind"]) != (found.dtype, found.kind):
            raise EvaluationError(
                f"the model in {folder} needs the feature `{name}` as {needed['kind']} of {needed['dtype']}, "
                f"the examples have it as {found.kind} of {found.dtype}"
            )


def _eval_config(config: PipelineConfig) -> config_pb2.EvalConfig:
    tasks = [task.name for task in config.tasks]
    with_truth = config.data.events.true_probability is not None
    truth = {"true_probability_key": feature_names.TRUE_PROBABILITY} if with_truth else {}
    shared = [metric(**truth) for metric in METRICS if metric is not BestPossibleMetrics]
    # The true probability is of the first task's label.
    first = [BestPossibleMetrics(**truth)] if with_truth else []
    specs = tfma.metrics.specs_from_metrics(
        {task: [*shared, *first] if task == tasks[0] else shared for task in tasks},
        include_example_count=False,
        include_weighted_example_count=False,
    )
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                signature_name="serving_default", label_keys={task: feature_names.label(task) for task in tasks}
            )
        ],
        metrics_specs=specs,
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=[name]) for name in config.evaluation.slices),
        ],
    )


def _read_tasks(output: str, tasks: Sequence[str], slices: Sequence[Slice]) -> dict[str, TaskEvaluation]:
    """What TFMA wrote, in the order of the configuration."""
    found: dict[tuple[str, str], dict[str, RankingMetrics]] = {}
    for by_slice in tfma.load_metrics(output):
        keys = by_slice.slice_key.single_slice_keys
        part = (keys[0].column, keys[0].bytes_value.decode()) if keys else ("", "")
        figures: dict[str, dict[str, float]] = {}
        for entry in by_slice.metric_keys_and_values:
            figures.setdefault(entry.key.output_name, {})[entry.key.name] = entry.value.double_value.value
        found[part] = {task: _metrics(values) for task, values in figures.items()}
    ordered = [
        part
        for each in slices
        for part in sorted((part for part in found if part[0] == each.name), key=lambda part: each.order(part[1]))
    ]
    return {
        task: TaskEvaluation(
            overall=found["", ""][task],
            slices=tuple(SliceMetrics(name=name, value=value, metrics=found[name, value][task])
                         for name, value in ordered),
        )
        for task in tasks
    }  # fmt: skip


def _metrics(figures: Mapping[str, float]) -> RankingMetrics:
    counts = {name: int(figures[name]) for name in ("positives", "unlabelled", "gauc_users", "gauc_dropped_users")}
    names = ("auc", "gauc", "log_loss", "ece", "calibration", "best_possible_auc", "best_possible_log_loss")
    values = {name: None if (value := figures.get(name)) is None or value != value else value for name in names}
    return RankingMetrics(examples=int(figures["example_count"]), **counts, **values)
