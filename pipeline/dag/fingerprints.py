"""Fingerprints by which a step knows whether its input, its code or its configuration has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from interestflow.pipeline.config import PipelineConfig
from interestflow.transforms.config import TableConfig

PACKAGE = Path(__file__).parents[2]


def of_text(*parts: str) -> str:
    """A short digest of several texts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()[:16]


def of_code(*packages: str) -> str:
    """A digest of the source of these packages of the project, so that changed code is not served from a cache."""
    files = sorted(file for package in packages for file in (PACKAGE / package).rglob("*.py"))
    return of_text(*(text for file in files for text in (str(file.relative_to(PACKAGE)), file.read_text())))


def of_inputs(config: PipelineConfig) -> str:
    """A digest of names, sizes and times of all input files.

    Files that cannot be listed from here (a bucket, seen from the machine that compiles) give "unseen".
    """
    data = config.data
    tables: list[TableConfig] = [table for table in (data.events, data.items, data.users) if table is not None]
    if data.knowledge_graph is not None:
        tables += [table for table in (data.knowledge_graph, data.knowledge_graph.links) if table is not None]
    patterns = [f"{data.folder}/{table.path}" for table in tables]
    try:
        matches = FileSystems.match(patterns)
    except Exception:  # each file system has its own errors, and any of them means that the files are not seen
        return "unseen"
    found = [
        f"{file.path} {file.size_in_bytes} {file.last_updated_in_seconds}"
        for match in matches
        for file in sorted(match.metadata_list, key=lambda file: file.path)
    ]
    return of_text(*found) if found else "unseen"
