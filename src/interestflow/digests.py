"""Digests of texts and of the project's own source, by which earlier results are found or refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).parent
"""Folder of the project's packages."""


def text_digest(*parts: str) -> str:
    """Return a digest of several texts, 16 hexadecimal digits, which also depends on where each text ends."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()[:16]


def code_digest(*packages: str) -> str:
    """Return a digest of the source of some packages of the project, e.g. `"models"`."""
    files = sorted(file for package in packages for file in (PACKAGE / package).rglob("*.py"))
    return text_digest(*(text for file in files for text in (str(file.relative_to(PACKAGE)), file.read_text())))
