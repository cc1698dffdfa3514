"""Generation of the synthetic log that a configuration asks for by its section `generate`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from interestflow.pipeline.config import PipelineConfig
from interestflow.transforms.generator.generate import generate_log
from interestflow.transforms.generator.log_files import LogFormat, write_log


def ensure_logs(config: PipelineConfig) -> str | None:
    """Write the generated log into `data.folder`, unless one with the same settings is there already.

    The settings are written last, so that a log whose writing was interrupted is generated again.

    Returns:
        A description of what was written; None where nothing had to be.
    """
    if config.generate is None or has_generated_logs(config):
        return None
    folder, marker = Path(str(config.data.folder)), _marker(config)
    marker.unlink(missing_ok=True)
    write_log(generate_log(config.generate), folder, cast(LogFormat, config.data.events.format))
    marker.write_text(config.generate.model_dump_json())
    return f"of {config.generate.events:,} events in {folder}"


def has_generated_logs(config: PipelineConfig) -> bool:
    """Return whether the log that the configuration asks for has been written completely."""
    marker = _marker(config)
    return config.generate is not None and marker.exists() and marker.read_text() == config.generate.model_dump_json()


def _marker(config: PipelineConfig) -> Path:
    """Return the file next to the log that holds the log's settings."""
    return Path(str(config.data.folder)) / "generated.json"
