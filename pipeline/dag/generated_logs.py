"""Makes the log that a configuration asks to have generated."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from interestflow.pipeline.config import PipelineConfig
from interestflow.transforms.generator.generate import LogFormat, generate, write


def ensure_logs(config: PipelineConfig) -> str | None:
    """Writes the generated log into `data.folder`, unless one with the same settings is there already.

    The settings are written last, so that a log that was being written when the process ended is made again.

    Returns:
        What was made, in words; None where nothing had to be.
    """
    if config.generate is None or is_there(config):
        return None
    folder, marker = Path(str(config.data.folder)), _marker(config)
    marker.unlink(missing_ok=True)
    write(generate(config.generate), folder, cast(LogFormat, config.data.events.format))
    marker.write_text(config.generate.model_dump_json())
    return f"of {config.generate.events:,} events in {folder}"


def is_there(config: PipelineConfig) -> bool:
    """Whether the log that the configuration asks for has been written."""
    marker = _marker(config)
    return config.generate is not None and marker.exists() and marker.read_text() == config.generate.model_dump_json()


def _marker(config: PipelineConfig) -> Path:
    return Path(str(config.data.folder)) / "generated.json"
