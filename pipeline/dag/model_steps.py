"""The steps from transformed examples to a pushed model: training, evaluation, the two gates and the push."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfx.components import Trainer
from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import pusher_pb2, trainer_pb2

from interestflow.pipeline.components.atomic_pusher import AtomicPusher
from interestflow.pipeline.components.champion_finder import ChampionFinder
from interestflow.pipeline.components.evaluator import Evaluator
from interestflow.pipeline.components.graph_trainer import GraphTrainer
from interestflow.pipeline.components.quality_gate import QualityGate
from interestflow.pipeline.components.serving_validator import ServingValidator
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.data_steps import DataSteps
from interestflow.pipeline.dag.fingerprints import Fingerprints
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.gates.champion import champion_state

Role = Literal["model", "baseline"]


@dataclass(frozen=True)
class ModelSteps:
    """Builder of the steps that train and judge the models of one configuration.

    Attributes:
        config: the whole configuration.
        folders: where models are pushed to and training is backed up.
        fingerprints: digests of input and code.
        data: the steps that prepare the examples.
    """

    config: PipelineConfig
    folders: Folders
    fingerprints: Fingerprints
    data: DataSteps

    def build_candidate(self) -> list[BaseNode]:
        """Build the steps of the model that is to be pushed, in the order in which they run."""
        trainer = self._build_trainer("model", "Trainer")
        candidate = self.fingerprints.model_digest(self.config.for_training())
        champion = ChampionFinder(
            serving_folder=self.folders.serving,
            exclude_fingerprint=candidate,
            state=champion_state(self.folders.serving, candidate),
        )
        evaluator = self._build_evaluator("Evaluator", trainer, champion)
        gate = QualityGate(
            evaluation=evaluator.outputs["evaluation"],
            model=trainer.outputs["model"],
            config=self.config.evaluation.gate.model_dump_json(),
            code_fingerprint=self.fingerprints.evaluation_code,
        )
        serving = ServingValidator(
            examples=self.data.examples,
            model=trainer.outputs["model"],
            config=self.config.serving.model_dump_json(),
            code_fingerprint=self.fingerprints.evaluation_code,
        )
        pusher = AtomicPusher(
            model_blessing=gate.outputs["blessing"],
            infra_blessing=serving.outputs["blessing"],  # its folder holds the model to push, with warm-up requests
            push_destination=pusher_pb2.PushDestination(
                filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=self.folders.serving)
            ),
        ).with_id("Pusher")
        return [trainer, champion, evaluator, gate, serving, pusher]

    def build_baseline(self) -> list[BaseNode]:
        """Build the steps that train and evaluate the plain model for comparison."""
        trainer = self._build_trainer("baseline", "BaselineTrainer")
        return [trainer, self._build_evaluator("BaselineEvaluator", trainer)]

    def _build_trainer(self, role: Role, name: str) -> BaseNode:
        config = self.config.for_training() if role == "model" else self.config.for_baseline()
        arguments = {
            "run_fn": "interestflow.pipeline.training.run_fn.run_fn",
            "examples": self.data.transformed_examples,
            "transform_graph": self.data.transform_graph,
            "schema": self.data.schema,
            "train_args": trainer_pb2.TrainArgs(splits=["train"]),
            "eval_args": trainer_pb2.EvalArgs(splits=["validation"]),
            "custom_config": {
                "config": config.model_dump_json(),
                "role": role,
                "fingerprint": self.fingerprints.model_digest(config),
                "backup_folder": f"{self.folders.backups}/{role}",
            },
        }
        if self.data.knowledge_graph is not None and config.model_spec.needs_graph:
            return GraphTrainer(knowledge_graph=self.data.knowledge_graph, **arguments).with_id(name)
        return Trainer(**arguments).with_id(name)

    def _build_evaluator(self, name: str, trainer: BaseNode, champion: BaseNode | None = None) -> BaseNode:
        inputs = {"champion": champion.outputs["champion"]} if champion else {}
        return Evaluator(
            examples=self.data.examples,
            model=trainer.outputs["model"],
            config=self.config.for_evaluation().model_dump_json(),
            code_fingerprint=self.fingerprints.evaluation_code,
            **inputs,
        ).with_id(name)
