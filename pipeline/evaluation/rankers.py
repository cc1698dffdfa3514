"""Evaluation of exported rankers: TFMA on the model's own serving signature, by task and slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apache_beam as beam
import tensorflow_model_analysis as tfma
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_model_analysis.extractors import slice_key_extractor
from tensorflow_model_analysis.proto import config_pb2

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.evaluation.common import (
    FamilyResult,
    check_inputs,
    files_of_test_split,
    read_model_provenance,
)
from interestflow.pipeline.evaluation.result import ModelEvaluation, RankingMetrics, SliceMetrics, TaskEvaluation
from interestflow.pipeline.evaluation.scoring import BatchScorer, ScoreFiles, SliceBlocks
from interestflow.pipeline.evaluation.slices import Slice, slices_of
from interestflow.pipeline.metrics.tfma_metrics import METRICS, BestPossibleMetrics
from interestflow.transforms import feature_names

COUNTS = ("positives", "unlabelled", "gauc_users", "gauc_dropped_users")
VALUES = ("auc", "gauc", "log_loss", "ece", "calibration", "best_possible_auc", "best_possible_log_loss")
"""Metrics that TFMA reports as NaN where they are undefined."""


def evaluate_ranker(
    config: PipelineConfig, folder: str, examples: str, output: str, options: PipelineOptions
) -> FamilyResult:
    """Evaluate the ranker in `folder` on the test split of `examples`.

    Args:
        config: Tasks, features and slices.
        folder: Folder of the exported model.
        examples: Folder of raw examples with the split test.
        output: Folder of TFMA's own results, which `tfma.load_eval_result` reads.
        options: Beam's options.

    Raises:
        EvaluationError: If the model cannot be evaluated, naming it and what is wrong, or if there are no examples.
    """
    test_files = files_of_test_split(examples)
    provenance = read_model_provenance(folder)
    check_inputs(config, folder, provenance)
    slices = slices_of(config)
    scorer = BatchScorer(
        folder=folder,
        tasks=tuple(task.name for task in config.tasks),
        masked_tasks=tuple(task.name for task in config.tasks if task.mask is not None),
        slices=slices,
        true_probability=config.data.events.true_probability is not None,
    )
    # Checked here first, because Beam would report a failure as the text of a traceback.
    scorer.check(test_files)
    _run_tfma(config, scorer, test_files, output, options)
    tasks = _read_tasks(output, scorer.tasks, slices)
    overall = next(iter(tasks.values())).overall
    assert isinstance(overall, RankingMetrics)
    model = ModelEvaluation(
        name=provenance["model"]["name"], fingerprint=provenance["fingerprint"], folder=folder, tasks=tasks
    )
    return FamilyResult(model, examples=overall.examples + overall.unlabelled)


def _run_tfma(
    config: PipelineConfig, scorer: BatchScorer, test_files: Sequence[str], output: str, options: PipelineOptions
) -> None:
    """Score the test files and write TFMA's results into `output`."""
    eval_config = _eval_config(config)
    writers = tfma.default_writers(
        output_path=output,
        eval_shared_model=tfma.types.EvalSharedModel(model_path=scorer.folder),
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


def _eval_config(config: PipelineConfig) -> config_pb2.EvalConfig:
    """Return TFMA's configuration: the metrics of every task, overall and by slice."""
    tasks = [task.name for task in config.tasks]
    with_truth = config.data.events.true_probability is not None
    truth = {"true_probability_key": feature_names.TRUE_PROBABILITY} if with_truth else {}
    shared = [metric(**truth) for metric in METRICS if metric is not BestPossibleMetrics]
    # The true probability is that of the first task's label.
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
    """Read what TFMA wrote, with slices in the order of the configuration."""
    metrics: dict[tuple[str, str], dict[str, RankingMetrics]] = {}
    for by_slice in tfma.load_metrics(output):
        keys = by_slice.slice_key.single_slice_keys
        part = (keys[0].column, keys[0].bytes_value.decode()) if keys else ("", "")
        figures: dict[str, dict[str, float]] = {}
        for entry in by_slice.metric_keys_and_values:
            figures.setdefault(entry.key.output_name, {})[entry.key.name] = entry.value.double_value.value
        metrics[part] = {task: _ranking_metrics(values) for task, values in figures.items()}
    ordered = [
        part
        for partition in slices
        for part in sorted(
            (part for part in metrics if part[0] == partition.name), key=lambda part: partition.sort_key(part[1])
        )
    ]
    return {
        task: TaskEvaluation(
            overall=metrics["", ""][task],
            slices=tuple(SliceMetrics(name=name, value=value, metrics=metrics[name, value][task])
                         for name, value in ordered),
        )
        for task in tasks
    }  # fmt: skip


def _ranking_metrics(figures: Mapping[str, float]) -> RankingMetrics:
    """Return TFMA's figures of one task and slice, with None where a metric is NaN or absent."""
    counts = {name: int(figures[name]) for name in COUNTS}
    values = {name: None if (value := figures.get(name)) is None or value != value else value for name in VALUES}
    return RankingMetrics(examples=int(figures["example_count"]), **counts, **values)
