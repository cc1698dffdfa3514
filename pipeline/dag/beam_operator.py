"""Operator by which TFX's launcher runs the Beam steps of the graph on this machine.

TFX keeps the Beam arguments of a step in its specification, which is part of the key of its cache: another runner would
run every step again. This operator brings them from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import apache_beam as beam
from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.proto.orchestration.execution_result_pb2 import ExecutorOutput

from interestflow.beam_runner.guard import guard_step


class BeamStepOperator(BeamExecutorOperator):
    """Runs a Beam step with arguments that are no part of its specification.

    TFX would also pack its own sources into an archive for the workers, which takes seconds a step. Workers need an
    environment with this project in any case, and it has TFX.
    """

    arguments: Sequence[str] = ()

    @classmethod
    def with_arguments(cls, arguments: Sequence[str]) -> type[BeamStepOperator]:
        """Return a class whose steps run with these command-line arguments of Beam."""
        return type(cls.__name__, (cls,), {"arguments": tuple(arguments)})

    def run_executor(
        self, execution_info: ExecutionInfo, make_beam_pipeline_fn: Callable[[], beam.Pipeline] | None = None
    ) -> Any:
        """Run the step's executor, and return TFX's `ExecutorOutput`.

        Raises:
            BeamRunnerError: if the runner is not there, its workers may not see a folder, or it lost an output.
        """
        arguments = list(self.arguments)
        with guard_step(arguments, execution_info.input_dict, execution_info.output_dict):
            output: ExecutorOutput = super().run_executor(
                execution_info, make_beam_pipeline_fn or (lambda: beam.Pipeline(argv=arguments))
            )
        return output
