"""Folders of a run: artifacts, metadata, pushed models, backups and logs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from interestflow import storage
from interestflow.kubeflow.pipeline_root import normalized_root
from interestflow.pipeline.config import RUNS_FOLDER_VARIABLE, PipelineConfig
from interestflow.pipeline.storage_config import StorageConfig

TRAINING_SUMMARY = "training_summary.json"
"""File in the folder of a training's logs; a shorter form of it is in the exported model's provenance."""
MISSING_ROOT = "gs://missing"
"""Root of a graph whose steps are only listed, since the configuration has none and will be refused."""


@dataclass(frozen=True)
class Folders:
    """Folders of one pipeline: local paths or URLs, without a slash at the end.

    Attributes:
        root: folder that holds all the others unless `places` says otherwise; its name is the pipeline's.
        places: the configuration's section `storage`.
        keeps_backups: whether a backup outlives its training. On Kubeflow the result is safe only when the launcher has
            uploaded it, after the step; if that fails, the next attempt finds a finished training.
    """

    root: str
    places: StorageConfig = field(default_factory=StorageConfig)
    keeps_backups: bool = False

    @classmethod
    def local(cls, config: PipelineConfig, runs_folder: str | None = None) -> Folders:
        """Return the folders below `runs_folder`, else $INTERESTFLOW_RUNS, else `runs` in the current folder."""
        runs = runs_folder or os.environ.get(RUNS_FOLDER_VARIABLE) or "runs"
        return cls(str(Path(runs).expanduser().resolve() / config.name), config.storage)

    @classmethod
    def on_cluster(cls, config: PipelineConfig) -> Folders:
        """Return the folders below `kubeflow.pipeline_root`, unless `storage` says otherwise."""
        root = normalized_root(config.kubeflow.pipeline_root or MISSING_ROOT)
        return cls(f"{root}/{config.name}", config.storage, keeps_backups=True)

    @property
    def artifacts(self) -> str:
        """Folder of the artifacts, by step and execution."""
        return f"{self.root}/artifacts"

    @property
    def metadata(self) -> str:
        """SQLite file of ML Metadata, which records every step's inputs and outputs."""
        return f"{self.root}/metadata.sqlite"

    @property
    def serving(self) -> str:
        """Folder of the pushed model's versions, as TF Serving reads them."""
        return storage.join(self.places.serving_folder or f"{self.root}/serving", os.path.basename(self.root))

    @property
    def backups(self) -> str:
        """Folder in which training saves its state, so that it continues after an interruption."""
        folder = self.places.backups_folder
        return f"{self.root}/backups" if folder is None else storage.join(folder, os.path.basename(self.root))

    @property
    def logs(self) -> str:
        """Folder of the libraries' output, a file for each run."""
        return f"{self.root}/logs"

    @property
    def report(self) -> str:
        """JSON file of the closing report of the last run."""
        return f"{self.root}/report.json"
