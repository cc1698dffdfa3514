"""TFX's Trainer with a knowledge graph as an additional input."""

from typing import Any, ClassVar

from tfx.components.trainer import executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import trainer_pb2
from tfx.types import artifact_utils, channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter
from tfx.types.standard_component_specs import TrainerSpec
from tfx.utils import json_utils

from interestflow.pipeline.artifacts import types as artifacts

KNOWLEDGE_GRAPH = "knowledge_graph"
"""The input, and the key of `custom_config` under which `run_fn` finds the graph's folder."""


class GraphTrainerSpec(TrainerSpec):
    """Inputs, parameters and outputs of TFX's Trainer, with a `KnowledgeGraphArtifact` as an additional input."""

    INPUTS: ClassVar[dict[str, ChannelParameter]] = {
        **TrainerSpec.INPUTS,
        KNOWLEDGE_GRAPH: ChannelParameter(type=artifacts.KnowledgeGraphArtifact),
    }


class GraphTrainerExecutor(executor.GenericExecutor):
    """TFX's executor, which passes the folder of the graph to `run_fn` in `custom_config`."""

    def _GetFnArgs(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> Any:
        arguments = super()._GetFnArgs(input_dict, output_dict, exec_properties)
        folder = artifact_utils.get_single_uri(input_dict[KNOWLEDGE_GRAPH])
        arguments.custom_config = {**arguments.custom_config, KNOWLEDGE_GRAPH: folder}
        return arguments


class GraphTrainer(base_component.BaseComponent):
    """Trainer with a knowledge graph. TFX's own constructor accepts no additional inputs.

    Args:
        knowledge_graph: channel of a `KnowledgeGraphArtifact`.
        examples, transform_graph, schema, run_fn, train_args, eval_args, custom_config: as in TFX's Trainer.
    """

    SPEC_CLASS = GraphTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(GraphTrainerExecutor)

    def __init__(
        self,
        knowledge_graph: channel.BaseChannel,
        examples: channel.BaseChannel,
        transform_graph: channel.BaseChannel,
        schema: channel.BaseChannel,
        run_fn: str,
        train_args: trainer_pb2.TrainArgs,
        eval_args: trainer_pb2.EvalArgs,
        custom_config: dict[str, Any],
    ) -> None:
        """Build the step's specification, with the outputs `model` and `model_run` of TFX's Trainer."""
        super().__init__(
            spec=GraphTrainerSpec(
                knowledge_graph=knowledge_graph,
                examples=examples,
                transform_graph=transform_graph,
                schema=schema,
                train_args=train_args,
                eval_args=eval_args,
                run_fn=run_fn,
                custom_config=json_utils.dumps(custom_config),
                model=channel.Channel(type=standard_artifacts.Model),
                model_run=channel.Channel(type=standard_artifacts.ModelRun),
            )
        )
