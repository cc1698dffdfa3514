"""Step that evaluates a model on the test split, and the champion too if there is one."""

import apache_beam as beam
from tfx.types import standard_artifacts
from tfx.utils import path_utils
from tfx.v1.dsl.components import BeamComponentParameter, InputArtifact, OutputArtifact, Parameter, component

from interestflow.pipeline.artifacts import types as artifacts
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.evaluation.evaluate import evaluate
from interestflow.pipeline.gates.champion import Champion


@component(use_beam=True)
def Evaluator(
    evaluation: OutputArtifact[artifacts.EvaluationArtifact],
    examples: InputArtifact[standard_artifacts.Examples],
    model: InputArtifact[standard_artifacts.Model],
    config: Parameter[str],
    code_fingerprint: Parameter[str],
    champion: Parameter[str] = "",
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Write `evaluation.json`, and TFMA's own results to the folders `model` and `champion` next to it.

    Args:
        evaluation: folder to write to.
        examples: raw examples, with the split test.
        model: the exported model.
        config: `PipelineConfig` as JSON, of which tasks, features and slices matter.
        code_fingerprint: digest of the code; an earlier result is reused while it is the same.
        champion: the model to compare with, a `Champion` as JSON; "" for none.
        beam_pipeline: Beam pipeline with its options, given by TFX.

    Raises:
        EvaluationError: if the model cannot be evaluated.
    """
    del code_fingerprint  # TFX compares it
    champion_model = Champion.model_validate_json(champion) if champion else Champion()
    pipeline_config = PipelineConfig.model_validate_json(config)
    folder = path_utils.serving_model_path(model.uri)
    evaluate(pipeline_config, folder, champion_model.folder, examples.uri, evaluation.uri, beam_pipeline.options)
