"""Write exported models of every family, requests for each signature, and the outputs of Keras for them."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.serving import transformed
from tests.serving.exported_cases import Case, ExportedModels, write_case

FAMILIES = {
    "exported_ranker": "din",
    "exported_multi_task": "shared_bottom",
    "exported_matcher": "comirec",
    "exported_graph_matcher": "kgat",
}
"""A registered model of each, by the name under which it is served."""


def write_exported(folder: Path, models: ExportedModels | None = None) -> dict[str, str]:
    """Write the models below `folder`; return the base path of each by the name under which it is served.

    Args:
        folder: folder to write to.
        models: models to copy; they are exported anew where None.
    """
    folder = folder.resolve()
    output = transformed.make(folder / "transform") if models is None else None
    for name, model in FAMILIES.items():
        if models is None:
            source = folder / "cases" / name
            write_case(Case(model, output), source)
        else:
            source = models.folder(model)
        for kind in ("requests", "expected"):
            shutil.copytree(source / kind, folder / kind / name)
        shutil.copytree(source / "model", folder / name / "1")
    return {name: str(folder / name) for name in FAMILIES}
