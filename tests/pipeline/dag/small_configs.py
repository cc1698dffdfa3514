"""Configurations of graphs that are built and not run."""

from __future__ import annotations

from pathlib import Path

from interestflow.pipeline.config import PipelineConfig, load
from interestflow.pipeline.dag.data_steps import DataSteps, build_data_steps
from interestflow.pipeline.dag.fingerprints import Fingerprints
from interestflow.pipeline.dag.graph_parameters import GraphParameters

RANKER = """
name: shop
data:
  events: {path: "events-*.parquet", format: parquet, user: user, item: item, timestamp: timestamp}
tasks:
  - {name: click, label: {column: click}}
model: {name: din}
"""
GRAPH_MATCHER = (
    RANKER.replace("name: shop", "name: finder")
    .replace("{name: din}", "{name: kgat}")
    .replace("tasks:", "  knowledge_graph: {path: kg.csv, format: csv, head: h, relation: r, tail: t}\ntasks:")
    + "features: {user: {in_model: true}}\n"
)
FINGERPRINTS = Fingerprints("ingestion", "training", "evaluation")
PARAMETERS = GraphParameters(
    span="2026-11-30", learning_rate=0.1, baseline_learning_rate=0.2, gate="{}", scheduled_time="noon",
    input_state="inputs", champion_state="pushed",
)  # fmt: skip


def load_text(folder: Path, text: str) -> PipelineConfig:
    """Read a configuration from its text."""
    (folder / "config.yaml").write_text(text)
    return load(folder / "config.yaml")


def data_steps(config: PipelineConfig) -> DataSteps:
    """Build the data steps with fingerprints and parameters of no file."""
    return build_data_steps(config, FINGERPRINTS, PARAMETERS)
