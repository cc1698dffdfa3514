"""Beam settings of the command line, which replace those of the configuration for one run."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from interestflow.pipeline.beam_config import BeamConfig
from interestflow.pipeline.config import ConfigurationError, PipelineConfig


def with_beam(config: PipelineConfig, runner: str | None, options: Sequence[str]) -> PipelineConfig:
    """Return a copy of a configuration with the runner and the options of the command line.

    Args:
        config: the whole configuration.
        runner: runner of all steps. Nothing of the section `beam` but `shared_folder` is left beside it. None keeps
            the runners of the configuration.
        options: options in the form `NAME=VALUE` or `--NAME=VALUE`, which follow those of the runner.

    Raises:
        ConfigurationError: if there is no such runner, or an option cannot be used.
    """
    arguments = [option if option.startswith("--") else f"--{option}" for option in options]
    section = config.beam.model_dump()
    if runner is not None:
        section = {"runner": runner, "options": (), "shared_folder": config.beam.shared_folder}
    document = section | {"options": (*section["options"], *arguments)}
    for step in document.get("steps", {}).values():
        step["options"] = (*step["options"], *arguments)
    try:
        beam = BeamConfig.model_validate(document)
    except ValidationError as error:
        problem = error.errors()[0]
        option = "--beam-runner" if "runner" in problem["loc"] else "--beam-option"
        raise ConfigurationError(f"`{option}` {problem['msg'].removeprefix('Value error, ')}") from None
    return config.model_copy(update={"beam": beam})
