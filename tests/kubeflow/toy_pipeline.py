"""A pipeline with everything that compiling must complete: a value of another step, run parameters, and training."""

from tfx.components import Trainer
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2
from tfx.types.standard_artifacts import String
from tfx.v1.dsl.components import OutputArtifact, Parameter, component

from interestflow.kubeflow.step_rules import RunParameter, StepRules
from tests.pipeline.dag.toy_steps import Number, WriteExamples

RULES = StepRules(
    uncached=frozenset({"Find"}),
    conditions={"WriteExamples": "inputs.artifacts['number'].artifacts[0].metadata['large'] == 1.0"},
    parameters=(
        RunParameter("span", "", "Span of the log."),
        RunParameter("rate", 0.5, "Learning rate."),
        RunParameter("scheduled_time", "", "Time of a recurring run."),
    ),
)


@component
def Find(text: OutputArtifact[String], span: Parameter[str]) -> None:
    raise NotImplementedError


@component
def Read(number: OutputArtifact[Number], text: Parameter[str], rate: Parameter[float]) -> None:
    raise NotImplementedError


def toy_pipeline() -> Pipeline:
    """Build the pipeline; its components can be compiled once."""
    find = Find(span=RuntimeParameter("span", str))
    read = Read(text=find.outputs["text"].future()[0].value, rate=RuntimeParameter("rate", float))
    examples = WriteExamples(number=read.outputs["number"])
    trainer = Trainer(
        examples=examples.outputs["examples"], run_fn="somewhere.run_fn",
        train_args=trainer_pb2.TrainArgs(), eval_args=trainer_pb2.EvalArgs(),
    )  # fmt: skip
    return Pipeline(
        "toy",
        "gs://toys/root",
        components=[find, read, examples, trainer],
        enable_cache=True,
        beam_pipeline_args=["--runner=FnApiRunner"],
    )
