"""Every registered model, exported and run by a session in a process without Keras or this project's code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.registry import names
from interestflow.serving.session_model import read_meta_graph
from tests.paths import PROJECT
from tests.serving.exported_cases import ExportedModel, ExportedModels

TOLERANCE = 1e-5
Answers = Mapping[str, Mapping[str, np.ndarray]]
"""Outputs by the name of the signature."""
OURS = ("PYTHONPATH", "TF_USE_LEGACY_KERAS")
"""Environment variables of this process that a server does not have."""


@pytest.fixture(scope="module")
def models(exported_models: ExportedModels) -> dict[str, ExportedModel]:
    """Return all registered models, exported."""
    return {name: exported_models.get(name) for name in names()}


@pytest.fixture(scope="module")
def answers(models: dict[str, ExportedModel], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answers]:
    """Return the outputs of each signature of each model in one fresh process."""
    folder = tmp_path_factory.mktemp("models")
    for name, model in models.items():
        shutil.copytree(model.folder.parent / "requests", folder / name)
        (folder / name / "model").symlink_to(model.folder)
    program = [sys.executable, "-m", "tests.serving.session_program", str(folder)]
    environment = {key: value for key, value in os.environ.items() if key not in OURS}
    environment["PYTHONPATH"] = str(PROJECT)  # for the program itself, which refuses to import interestflow
    finished = subprocess.run(program, env=environment, capture_output=True, text=True, cwd=folder, timeout=600)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout.splitlines()[-1]) == []
    return {
        name: {key: np.load(folder / name / f"{key}.answers.npz", allow_pickle=True) for key in model.requests}
        for name, model in models.items()
    }


@pytest.mark.parametrize("name", names())
def test_a_session_answers_as_keras_does(
    models: dict[str, ExportedModel], answers: dict[str, Answers], name: str
) -> None:
    model = models[name]
    signatures = set(read_meta_graph(str(model.folder)).signature_def) - {"__saved_model_init_op"}
    assert signatures == set(model.requests)
    for signature, outputs in model.expected.items():
        answer = answers[name][signature]
        for output, expected in outputs.items():
            size = max(1.0, float(np.abs(expected).max()))
            np.testing.assert_allclose(
                answer[output] / size, expected / size, rtol=0, atol=TOLERANCE, err_msg=signature
            )
    first = model.expected["serving_default"]
    if name != "popularity":  # the vectors of this model are the counts
        assert all(np.std(values) > 1e-3 for values in first.values())  # answers that do not vary would prove nothing


@pytest.mark.parametrize("name", names())
def test_every_variable_is_there_once(models: dict[str, ExportedModel], name: str) -> None:
    folder = models[name].folder
    names = [key for key, _ in tf.train.list_variables(str(folder / "variables" / "variables")) if key[0] != "_"]
    graph = read_meta_graph(str(folder))
    handles = [node.attr["shared_name"].s for node in graph.graph_def.node if node.op == "VarHandleOp"]
    assert len(set(handles)) == len(handles)
    # TensorFlow keeps the path of each asset file in a variable too, which the initialisation fills.
    assert len(names) == len(handles) - len(graph.asset_file_def)


@pytest.mark.parametrize("name", names())
def test_nothing_tells_where_it_was_built(models: dict[str, ExportedModel], name: str) -> None:
    folder = models[name].folder
    for file in folder.rglob("*"):
        if file.is_file():
            assert b"/tmp" not in file.read_bytes(), file
            assert str(PROJECT).encode() not in file.read_bytes(), file
            assert str(folder.parents[2]).encode() not in file.read_bytes(), file
    assert not (folder / "fingerprint.pb").exists()  # this would be the fingerprint of the file as TensorFlow wrote it


def test_it_describes_itself(models: dict[str, ExportedModel], answers: dict[str, Answers]) -> None:
    answer = answers["din"]["describe"]["description"]
    assert len(answer) == 2
    expected = {
        "format": 1,
        "lengths": {"history_age": 4, "history_category": 4, "history_item": 4, "tags": 2},
        "candidate_sizes": [2, 4],
        "max_rows": 3,
        "always_given": [],
    }
    assert [json.loads(text) for text in answer] == [expected, expected]
    about = json.loads((models["din"].folder / "assets.extra" / "interestflow.json").read_text())
    assert about["description"] == expected
    assert json.loads(answers["comirec"]["describe"]["description"][0])["candidate_sizes"] == []
