"""Evaluates a model on the test split, beside the champion where there is one."""

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
    champion: InputArtifact[artifacts.ChampionArtifact] = None,
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Writes `evaluation.json`, and TFMA's own results into the folders `model` and `champion` beside it.

    Args:
        evaluation: what was found.
        examples: raw examples, with the split test.
        model: as exported.
        config: `PipelineConfig` as JSON, of which tasks, features and slices matter.
        code_fingerprint: changes where the code does; otherwise an earlier result is used again.
        champion: what to compare with.
        beam_pipeline: says how Beam is to run.

    Raises:
        EvaluationError: where the model cannot be evaluated.
    """
    del code_fingerprint  # TFX compares it
    found = Champion.read(champion.uri) if champion else Champion()
    described = PipelineConfig.model_validate_json(config)
    folder = path_utils.serving_model_path(model.uri)
    evaluate(described, folder, found.folder, examples.uri, evaluation.uri, beam_pipeline.options)
