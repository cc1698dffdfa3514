"""Where a run keeps what it makes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from interestflow.pipeline.config import RUNS_FOLDER_VARIABLE, PipelineConfig

TRAINING_SUMMARY = "training_summary.json"
"""In the folder of a training's logs; in short also in the exported model's provenance."""


@dataclass(frozen=True)
class Folders:
    """The folders of one pipeline; local paths or URLs, without a slash at the end."""

    root: str

    @classmethod
    def local(cls, config: PipelineConfig, runs_folder: str | None = None) -> Folders:
        """Under `runs_folder`, else $INTERESTFLOW_RUNS, else `runs` where the command is called."""
        runs = runs_folder or os.environ.get(RUNS_FOLDER_VARIABLE) or "runs"
        return cls(str(Path(runs).expanduser().resolve() / config.name))

    @property
    def artifacts(self) -> str:
        """What each step makes, by step and execution."""
        return f"{self.root}/artifacts"

    @property
    def metadata(self) -> str:
        """ML Metadata's file: which step made what from what."""
        return f"{self.root}/metadata.sqlite"

    @property
    def serving(self) -> str:
        """Pushed models by version, as TF Serving reads them."""
        return f"{self.root}/serving/{os.path.basename(self.root)}"

    @property
    def backups(self) -> str:
        """Where training saves itself, to go on after it was stopped."""
        return f"{self.root}/backups"

    @property
    def logs(self) -> str:
        """What the libraries had to say, a file a run."""
        return f"{self.root}/logs"

    @property
    def report(self) -> str:
        """The closing table of the last run, as JSON."""
        return f"{self.root}/report.json"
