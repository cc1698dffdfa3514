"""The graph: which step takes what from which, from raw logs to a pushed model.

The same graph runs on this machine and on Kubeflow Pipelines, so it holds to what both can do: no resolver nodes, no
custom drivers, every step found by its dotted path.
"""

from __future__ import annotations

from dataclasses import dataclass

from tfx.components import ExampleValidator, SchemaGen, StatisticsGen, Trainer, Transform
from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import pusher_pb2, trainer_pb2

from interestflow.pipeline.components.atomic_pusher import AtomicPusher
from interestflow.pipeline.components.champion_finder import ChampionFinder
from interestflow.pipeline.components.data_gate import DataGate
from interestflow.pipeline.components.evaluator import Evaluator
from interestflow.pipeline.components.expected_schema import ExpectedSchema
from interestflow.pipeline.components.graph_trainer import GraphTrainer
from interestflow.pipeline.components.knowledge_graph_gen import KnowledgeGraphGen
from interestflow.pipeline.components.leak_check import LeakCheck
from interestflow.pipeline.components.log_example_gen import LogExampleGen
from interestflow.pipeline.components.quality_gate import QualityGate
from interestflow.pipeline.components.serving_validator import ServingValidator
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag import fingerprints as fingerprint
from interestflow.pipeline.dag.schema_file import curated_schema_text
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.gates.champion import champion_state
from interestflow.transforms.examples.catalogue import ITEMS_SPLIT
from interestflow.transforms.preprocessing import transform_splits_config
from interestflow.transforms.schema.statistics_options import statistics_options


@dataclass(frozen=True)
class Fingerprints:
    """What decides whether a step's earlier result may be used again."""

    inputs: str
    ingestion_code: str
    training_code: str
    evaluation_code: str

    @classmethod
    def of(cls, config: PipelineConfig) -> Fingerprints:
        return cls(
            fingerprint.of_inputs(config),
            fingerprint.of_code("transforms"),
            fingerprint.of_code("transforms", "models", "serving"),
            fingerprint.of_code("pipeline", "serving"),
        )

    def of_model(self, config: PipelineConfig) -> str:
        """Names the model that this configuration, code and input make."""
        return fingerprint.of_text(config.for_training().model_dump_json(), self.inputs, self.training_code)


def build_components(config: PipelineConfig, folders: Folders, fingerprints: Fingerprints) -> list[BaseNode]:
    """The steps of `config`, from logs to push, each wired to those that it needs.

    Args:
        config: the whole configuration. Each step is given only the part that it depends on, so that a change
            elsewhere leaves its earlier result usable.
        folders: where models are pushed to and training is backed up.
        fingerprints: of input and code; a step is run again where they have changed.
    """
    ingestion = config.ingestion().model_dump_json()
    logs = LogExampleGen(
        config=ingestion,
        input_fingerprint=fingerprints.inputs,
        code_fingerprint=fingerprints.ingestion_code,
        with_items=int(config.is_matcher),
    )
    examples = logs.outputs["examples"]
    leak_check = LeakCheck(examples=examples, config=ingestion)

    no_examples = [ITEMS_SPLIT] if config.is_matcher else []
    statistics = StatisticsGen(examples=examples, stats_options=statistics_options(), exclude_splits=no_examples)
    inferred = SchemaGen(
        statistics=statistics.outputs["statistics"], infer_feature_shape=False, exclude_splits=["validation", "test"]
    )
    schema = ExpectedSchema(
        inferred=inferred.outputs["schema"], config=ingestion, curated=curated_schema_text(config.examination)
    )
    validator = ExampleValidator(statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"])
    data_gate = DataGate(anomalies=validator.outputs["anomalies"], stop_at=config.examination.stop_at)

    keep_item_text = {"keep_item_text": "yes"} if config.is_matcher else {}
    transform = Transform(
        examples=examples,
        schema=schema.outputs["schema"],
        preprocessing_fn="interestflow.transforms.preprocessing.preprocessing_fn",
        splits_config=transform_splits_config(config.is_matcher, config.uses_graph),
        custom_config={"ingestion": ingestion, "code": fingerprints.ingestion_code, **keep_item_text},
        disable_statistics=True,
        disable_analyzer_cache=True,  # what has not changed is not run again at all, and keeping it costs seconds
    )
    # Neither check makes anything that the transform reads, but nothing may be learned from data that they refuse.
    transform.add_upstream_nodes([leak_check, data_gate])

    knowledge: list[BaseNode] = []
    if config.uses_graph and config.data.knowledge_graph is not None:
        made = KnowledgeGraphGen(
            config=ingestion, input_fingerprint=fingerprints.inputs, code_fingerprint=fingerprints.ingestion_code
        )
        knowledge.append(made)

    def trainer(role: str, name: str) -> BaseNode:
        training_config = config.for_training() if role == "model" else config.for_baseline()
        arguments = {
            "run_fn": "interestflow.pipeline.training.run_fn.run_fn",
            "examples": transform.outputs["transformed_examples"],
            "transform_graph": transform.outputs["transform_graph"],
            "schema": schema.outputs["schema"],
            "train_args": trainer_pb2.TrainArgs(splits=["train"]),
            "eval_args": trainer_pb2.EvalArgs(splits=["validation"]),
            "custom_config": {
                "config": training_config.model_dump_json(),
                "role": role,
                "fingerprint": fingerprints.of_model(training_config),
                "backup_folder": f"{folders.backups}/{role}",
            },
        }
        if knowledge and training_config.model_spec.needs_graph:
            return GraphTrainer(knowledge_graph=knowledge[0].outputs["graph"], **arguments).with_id(name)
        return Trainer(**arguments).with_id(name)

    def evaluator(model: BaseNode, champion: BaseNode | None, name: str) -> BaseNode:
        beside = {"champion": champion.outputs["champion"]} if champion else {}
        return Evaluator(
            examples=examples,
            model=model.outputs["model"],
            config=config.for_evaluation().model_dump_json(),
            code_fingerprint=fingerprints.evaluation_code,
            **beside,
        ).with_id(name)

    model = trainer("model", "Trainer")
    candidate = fingerprints.of_model(config.for_training())
    champion = ChampionFinder(
        serving_folder=folders.serving,
        exclude_fingerprint=candidate,
        state=champion_state(folders.serving, candidate),
    )
    evaluation = evaluator(model, champion, "Evaluator")
    gate = QualityGate(
        evaluation=evaluation.outputs["evaluation"],
        model=model.outputs["model"],
        config=config.evaluation.gate.model_dump_json(),
        code_fingerprint=fingerprints.evaluation_code,
    )
    serving = ServingValidator(
        examples=examples,
        model=model.outputs["model"],
        config=config.serving.model_dump_json(),
        code_fingerprint=fingerprints.evaluation_code,
    )
    pusher = AtomicPusher(
        model_blessing=gate.outputs["blessing"],
        infra_blessing=serving.outputs["blessing"],  # holds the model to push, with its warm-up requests
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=folders.serving)
        ),
    ).with_id("Pusher")
    components: list[BaseNode] = [
        logs, leak_check, statistics, inferred, schema, validator, data_gate, transform, *knowledge, model, champion,
        evaluation, gate, serving, pusher,
    ]  # fmt: skip
    if config.evaluation.compare_with_baseline:
        baseline = trainer("baseline", "BaselineTrainer")
        components += [baseline, evaluator(baseline, None, "BaselineEvaluator")]
    return components
