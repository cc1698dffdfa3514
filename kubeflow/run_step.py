"""Entry point of a compiled step: `python -m interestflow.kubeflow.run_step`.

TFX's own, `tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor`, expects what Vertex AI sends. Open-source
Kubeflow Pipelines sends inputs without types, outputs of its own and wrapped values, keeps artifacts where TensorFlow
cannot read them, and drops what it cannot carry. This one does the same work on TFX's public classes rather than by a
call of TFX's `main` with another text: that would parse everything twice, write a file that must be rewritten (nulls,
paths), read the output file of an earlier attempt as its input, and import TensorFlow Model Analysis in every step.
TFX is not patched. docs/decisions/kubeflow.md has the reasons, docs/kubeflow.md the arguments and what is refused.

Everything that can be checked without TFX is checked before it is imported, so a refusal takes less than a second.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Sequence

from interestflow.digests import code_digest
from interestflow.kubeflow.step.arguments import CODE_PACKAGES, parse_arguments
from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.exits import exit_on_sigterm, exit_with_reason
from interestflow.kubeflow.step.folders import open_inputs, remove
from interestflow.kubeflow.step.locations import Locations
from interestflow.kubeflow.step.plan import plan_step
from interestflow.readable_reason import readable_reason


def run_step(arguments: Sequence[str]) -> None:
    """Run the step of a compiled command.

    Args:
        arguments: arguments of the command, with what the backend sent in place of `{{$}}`.

    Raises:
        StepInputError: if the step cannot be run as asked. Errors of the executor are passed on.
    """
    parsed = parse_arguments(arguments)
    digest = code_digest(*CODE_PACKAGES)
    if digest != parsed.code_digest:
        raise StepInputError(
            f"the pipeline was compiled with other code (digest {parsed.code_digest}) than the image has ({digest}); "
            f"build the image and compile from the same commit"
        )
    plan = plan_step(parsed, Locations.from_environment())
    open_inputs({name: (artifact.uri, artifact.path) for name, artifact in plan.inputs.items()})
    remove(plan.output_file)

    # These import TFX, and Beam and TensorFlow with it.
    from interestflow.kubeflow.step.execution import execute, import_executor
    from interestflow.kubeflow.step.executor_output import write_executor_output

    outputs = execute(import_executor(parsed.executor_class), plan, parsed.beam_arguments)
    write_executor_output(plan, outputs)


def main() -> None:
    """Run the step of this process's command line; a failure ends it with exit code 1 and its reason as last line."""
    exit_on_sigterm()
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("apache_beam").setLevel(logging.WARNING)  # it logs each type hint that it does not use
    arguments = sys.argv[1:]
    del sys.argv[1:]  # TFX parses `sys.argv` for flags of absl
    try:
        run_step(arguments)
    except StepInputError as error:
        exit_with_reason(readable_reason(error), 1)
    except BaseException as error:
        traceback.print_exception(error)
        exit_with_reason(readable_reason(error), 1)


if __name__ == "__main__":
    main()
