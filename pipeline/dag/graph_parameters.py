"""Values that a graph's steps are given from outside: constants on this machine, run parameters on Kubeflow."""

from __future__ import annotations

from dataclasses import dataclass

from tfx.orchestration.data_types import RuntimeParameter

from interestflow.pipeline import run_parameters
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.fingerprints import Fingerprints, input_state
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.gates.champion import champion_state
from interestflow.pipeline.training.fingerprint import model_fingerprint


@dataclass(frozen=True)
class GraphParameters:
    """Values that may change from run to run, and the states of what steps read beside their inputs.

    Attributes:
        span: span of the log; "" for the configuration's.
        learning_rate: learning rate of the model.
        baseline_learning_rate: learning rate of the baseline.
        gate: JSON object of settings of the gate; "" for none.
        scheduled_time: time for which a recurring run was scheduled; "" for none.
        input_state: digest of the input files now; "" where the step that finds them is never cached.
        champion_state: state of the pushed models now; "" where the step that finds the champion is never cached.
        fails_on_refusal: whether the run fails where a gate refuses the model; otherwise nothing is pushed.
    """

    span: str | RuntimeParameter
    learning_rate: float | RuntimeParameter
    baseline_learning_rate: float | RuntimeParameter
    gate: str | RuntimeParameter
    scheduled_time: str | RuntimeParameter
    input_state: str = ""
    champion_state: str = ""
    fails_on_refusal: bool = False

    @classmethod
    def constants(cls, config: PipelineConfig, folders: Folders, fingerprints: Fingerprints) -> GraphParameters:
        """Return the values of a configuration, and the states as they are now, by which this machine's cache holds."""
        inputs = input_state(config)
        candidate = model_fingerprint(config.for_training(), inputs, fingerprints.training_code)
        return cls(
            span="",
            learning_rate=config.for_training().training.optimizer.learning_rate,
            baseline_learning_rate=config.for_baseline().training.optimizer.learning_rate,
            gate="",
            scheduled_time="",
            input_state=inputs,
            champion_state=champion_state(folders.serving, candidate),
        )

    @classmethod
    def of_each_run(cls, config: PipelineConfig) -> GraphParameters:
        """Return TFX runtime parameters whose defaults are the values of a configuration."""
        learning_rate = RuntimeParameter(run_parameters.LEARNING_RATE, float, config.training.optimizer.learning_rate)
        baseline = config.baseline_training
        return cls(
            span=RuntimeParameter(run_parameters.SPAN, str, config.data.span),
            learning_rate=learning_rate,
            baseline_learning_rate=learning_rate if baseline is None else baseline.optimizer.learning_rate,
            gate=RuntimeParameter(run_parameters.GATE, str, ""),
            scheduled_time=RuntimeParameter(run_parameters.SCHEDULED_TIME, str, ""),
            fails_on_refusal=config.kubeflow.on_refusal == "fail",
        )

    def runtime_parameters(self) -> list[RuntimeParameter]:
        """Return the values that each run may change."""
        values = (self.span, self.learning_rate, self.gate, self.scheduled_time)
        return [value for value in values if isinstance(value, RuntimeParameter)]
