"""Beam's command-line arguments for tests that run a job of their own: in memory, as is the default."""

from __future__ import annotations

from interestflow.pipeline.beam_config import IN_MEMORY_ARGUMENTS

BEAM_ARGUMENTS = IN_MEMORY_ARGUMENTS
