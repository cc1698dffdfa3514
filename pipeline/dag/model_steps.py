"""The steps from transformed examples to a pushed model: training, evaluation, the two gates and the push."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import pusher_pb2, trainer_pb2

from interestflow.pipeline.components.atomic_pusher import AtomicPusher
from interestflow.pipeline.components.champion_finder import ChampionFinder
from interestflow.pipeline.components.evaluator import Evaluator
from interestflow.pipeline.components.model_trainer import ModelTrainer
from interestflow.pipeline.components.quality_gate import QualityGate
from interestflow.pipeline.components.serving_validator import ServingValidator
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.data_steps import DataSteps
from interestflow.pipeline.dag.fingerprints import Fingerprints
from interestflow.pipeline.dag.graph_parameters import GraphParameters
from interestflow.pipeline.folders import Folders

Role = Literal["model", "baseline"]


@dataclass(frozen=True)
class ModelSteps:
    """Builder of the steps that train and judge the models of one configuration.

    Attributes:
        config: the whole configuration.
        folders: where models are pushed to and training is backed up.
        fingerprints: digests of code.
        parameters: values that the steps are given from outside.
        data: the steps that prepare the examples.
    """

    config: PipelineConfig
    folders: Folders
    fingerprints: Fingerprints
    parameters: GraphParameters
    data: DataSteps

    def build_candidate(self) -> list[BaseNode]:
        """Build the steps of the model that is to be pushed, in the order in which they run."""
        trainer = self._build_trainer("model", "Trainer")
        champion = ChampionFinder(
            model=trainer.outputs["model"],
            serving_folder=self.folders.serving,
            state=self.parameters.champion_state,
        )
        evaluator = self._build_evaluator("Evaluator", trainer, champion)
        gate = QualityGate(
            evaluation=evaluator.outputs["evaluation"],
            model=trainer.outputs["model"],
            config=self.config.evaluation.gate.model_dump_json(),
            gate=self.parameters.gate,
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
            custom_config={"on_refusal": "fail"} if self.parameters.fails_on_refusal else None,
        ).with_id("Pusher")
        return [trainer, champion, evaluator, gate, serving, pusher]

    def build_baseline(self) -> list[BaseNode]:
        """Build the steps that train and evaluate the plain model for comparison."""
        trainer = self._build_trainer("baseline", "BaselineTrainer")
        return [trainer, self._build_evaluator("BaselineEvaluator", trainer)]

    def _build_trainer(self, role: Role, name: str) -> BaseNode:
        is_model = role == "model"
        config = self.config.for_training() if is_model else self.config.for_baseline()
        return ModelTrainer(
            run_fn="interestflow.pipeline.training.run_fn.run_fn",
            examples=self.data.transformed_examples,
            transform_graph=self.data.transform_graph,
            schema=self.data.schema,
            train_args=trainer_pb2.TrainArgs(splits=["train"]),
            eval_args=trainer_pb2.EvalArgs(splits=["validation"]),
            custom_config={
                "config": config.model_dump_json(),
                "role": role,
                "code_fingerprint": self.fingerprints.training_code,
                "backup_folder": f"{self.folders.backups}/{role}",
                "keep_backup": self.folders.keeps_backups,
            },
            input_fingerprint=self.data.input_fingerprint,
            learning_rate=self.parameters.learning_rate if is_model else self.parameters.baseline_learning_rate,
            knowledge_graph=self.data.knowledge_graph if config.model_spec.needs_graph else None,
        ).with_id(name)

    def _build_evaluator(self, name: str, trainer: BaseNode, champion: BaseNode | None = None) -> BaseNode:
        compared = {"champion": champion.outputs["champion"].future()[0].value} if champion else {}
        return Evaluator(
            examples=self.data.examples,
            model=trainer.outputs["model"],
            config=self.config.for_evaluation().model_dump_json(),
            code_fingerprint=self.fingerprints.evaluation_code,
            **compared,
        ).with_id(name)
