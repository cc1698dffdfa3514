"""Writes exported models of every family, how each signature is asked, and what Keras answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.serving import transformed
from tests.serving.exported_cases import Case, write

FAMILIES = {
    "exported_ranker": "din",
    "exported_multi_task": "shared_bottom",
    "exported_matcher": "comirec",
    "exported_graph_matcher": "kgat",
}
"""A registered model of each, by the name under which it is served."""


def write_exported(folder: Path) -> dict[str, str]:
    """Write the models below `folder`; return the base path of each by the name under which it is served."""
    folder = folder.resolve()
    output = transformed.make(folder / "transform")
    for name, model in FAMILIES.items():
        case = Case(model, output)
        write(case, folder / "asked" / name, folder / name / "1")
        answers = folder / "expected" / name
        answers.mkdir(parents=True, exist_ok=True)
        for signature, outputs in case.expected.items():
            np.savez(answers / f"{signature}.npz", **outputs)
    return {name: str(folder / name) for name in FAMILIES}


def read_arrays(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Arrays by name, of each signature that has a file in `folder`."""
    found = {}
    for file in sorted(folder.glob("*.npz")):
        arrays = np.load(file, allow_pickle=True)
        found[file.stem] = {name: arrays[name] for name in arrays.files}
    return found
