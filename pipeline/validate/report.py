"""The result of validating a configuration against its files."""

from __future__ import annotations

from dataclasses import dataclass, field

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.validate.log_facts import AttributeFacts, EventFacts, TableFacts


@dataclass
class ValidationReport:
    """Facts about the files of a configuration, and what is wrong or surprising about them.

    Attributes:
        config: the configuration.
        problems: sentences about what a run would fail on.
        notes: sentences about what is worth a look.
        part: which part of the log was read; None where it was read completely.
        tables: counts of each input.
        events: facts about the log; None where it could not be read.
        attributes: facts about each attribute.
    """

    config: PipelineConfig
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    part: str | None = None
    tables: list[TableFacts] = field(default_factory=list)
    events: EventFacts | None = None
    attributes: list[AttributeFacts] = field(default_factory=list)

    @property
    def is_usable(self) -> bool:
        """Whether a run could begin with these files."""
        return not self.problems
