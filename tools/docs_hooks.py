"""MkDocs hook that adds the generated pages of the reference to the site at build time."""

from __future__ import annotations

import json
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from interestflow.pipeline.cli.main import app
from interestflow.pipeline.config_schema import json_schema
from tools.cli_reference import command_line_page
from tools.config_reference import configuration_page
from tools.python_reference import python_page

SOURCE = Path(__file__).resolve().parent.parent / "src"
LAYERS = "interestflow.models.layers"
PARTS = {
    "Core": [f"{LAYERS}.core"],
    "Embeddings": [f"{LAYERS}.embedding"],
    "Attention": [f"{LAYERS}.attention"],
    "Sequences": [f"{LAYERS}.sequence"],
    "Diffusion": [f"{LAYERS}.diffusion"],
    "Graphs": [f"{LAYERS}.graph"],
    "Losses": ["interestflow.models.losses"],
    "Optimizers": ["interestflow.models.optimizers"],
}
"""Packages of the page of layers, by the heading of their section."""
LAYERS_INTRODUCTION = """The building blocks of the models, for use in models of your own. Layers are registered with
Keras and have a `get_config`. Shapes are written as in `[B, T, d]`: batch, time, width."""


def generated_pages() -> dict[str, str]:
    """Return the contents of the generated files by their path below the documentation's root."""
    schema = json_schema()
    return {
        "reference/configuration.md": configuration_page(schema),
        "reference/interestflow.schema.json": json.dumps(schema, indent=2) + "\n",
        "reference/layers.md": python_page("Layers, losses and optimizers", LAYERS_INTRODUCTION, SOURCE, PARTS),
        "reference/command-line.md": command_line_page("interestflow", app),
    }


def on_files(files: Files, /, *, config: MkDocsConfig) -> Files:
    """Add the generated pages to the files of the site."""
    for path, content in generated_pages().items():
        files.append(File.generated(config, path, content=content))
    return files
