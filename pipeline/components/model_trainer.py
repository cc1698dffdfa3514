"""TFX's Trainer with a knowledge graph as an optional input, and with parameters that change from run to run."""

from typing import Any, ClassVar

from tfx.components.trainer import executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import trainer_pb2
from tfx.types import artifact_utils, channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.types.standard_component_specs import TrainerSpec
from tfx.utils import json_utils

from interestflow.pipeline.artifacts import types as artifacts

KNOWLEDGE_GRAPH = "knowledge_graph"
"""The input, and the key of `custom_config` under which `run_fn` finds the graph's folder."""
INPUT_FINGERPRINT, LEARNING_RATE = "input_fingerprint", "learning_rate"
"""Parameters of the step, and the keys of `custom_config` under which `run_fn` finds them."""


class ModelTrainerSpec(TrainerSpec):
    """Inputs, parameters and outputs of TFX's Trainer, and those of this project."""

    INPUTS: ClassVar[dict[str, ChannelParameter]] = {
        **TrainerSpec.INPUTS,
        KNOWLEDGE_GRAPH: ChannelParameter(type=artifacts.KnowledgeGraphArtifact, optional=True),
    }
    PARAMETERS: ClassVar[dict[str, ExecutionParameter]] = {
        **TrainerSpec.PARAMETERS,
        INPUT_FINGERPRINT: ExecutionParameter(type=str),
        LEARNING_RATE: ExecutionParameter(type=float),
    }


class ModelTrainerExecutor(executor.GenericExecutor):
    """TFX's executor, which passes the graph's folder and the parameters to `run_fn` in `custom_config`."""

    def _GetFnArgs(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> Any:
        arguments = super()._GetFnArgs(input_dict, output_dict, exec_properties)
        added = {name: exec_properties[name] for name in (INPUT_FINGERPRINT, LEARNING_RATE)}
        if input_dict.get(KNOWLEDGE_GRAPH):
            added[KNOWLEDGE_GRAPH] = artifact_utils.get_single_uri(input_dict[KNOWLEDGE_GRAPH])
        arguments.custom_config = {**arguments.custom_config, **added}
        return arguments


class ModelTrainer(base_component.BaseComponent):
    """Trainer of one model. TFX's own constructor accepts no additional inputs and parameters.

    Args:
        examples, transform_graph, schema, run_fn, train_args, eval_args, custom_config: as in TFX's Trainer.
        input_fingerprint: digest of the input files, or the output of the step that finds them.
        learning_rate: learning rate of the model's optimizer, or the run parameter.
        knowledge_graph: channel of a `KnowledgeGraphArtifact`; None for a model that learns from none.
    """

    SPEC_CLASS = ModelTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(ModelTrainerExecutor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        transform_graph: channel.BaseChannel,
        schema: channel.BaseChannel,
        run_fn: str,
        train_args: trainer_pb2.TrainArgs,
        eval_args: trainer_pb2.EvalArgs,
        custom_config: dict[str, Any],
        input_fingerprint: Any,
        learning_rate: Any,
        knowledge_graph: channel.BaseChannel | None = None,
    ) -> None:
        """Build the step's specification, with the outputs `model` and `model_run` of TFX's Trainer."""
        super().__init__(
            spec=ModelTrainerSpec(
                knowledge_graph=knowledge_graph,
                examples=examples,
                transform_graph=transform_graph,
                schema=schema,
                train_args=train_args,
                eval_args=eval_args,
                run_fn=run_fn,
                custom_config=json_utils.dumps(custom_config),
                input_fingerprint=input_fingerprint,
                learning_rate=learning_rate,
                model=channel.Channel(type=standard_artifacts.Model),
                model_run=channel.Channel(type=standard_artifacts.ModelRun),
            )
        )
