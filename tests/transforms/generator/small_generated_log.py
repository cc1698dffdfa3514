"""The small generated log that most tests of the generator read."""

from __future__ import annotations

from interestflow.transforms.generator.config import LogGeneratorConfig

SMALL = LogGeneratorConfig(events=40_000, users=400, items=600, categories=30, days=20)
