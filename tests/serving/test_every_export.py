"""Every registered model, exported and run by a session in a process without Keras or this project's code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.registry import names
from interestflow.serving.session_model import read_meta_graph
from tests.paths import PROJECT
from tests.serving import transformed
from tests.serving.exported_cases import Case, write

TOLERANCE = 1e-5
OURS = ("PYTHONPATH", "TF_USE_LEGACY_KERAS")
"""Variables that this process has and a server has not."""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Case], Path]:
    """All models, exported, and asked in one fresh process."""
    output = transformed.make(tmp_path_factory.mktemp("transform"))
    folder = tmp_path_factory.mktemp("models")
    found = {}
    for name in names():
        found[name] = case = Case(name, output)
        write(case, folder / name, folder / name / "model")
    program = [sys.executable, "-m", "tests.serving.session_program", str(folder)]
    environment = {key: value for key, value in os.environ.items() if key not in OURS}
    environment["PYTHONPATH"] = str(PROJECT)  # for the program itself, which refuses to import interestflow
    finished = subprocess.run(program, env=environment, capture_output=True, text=True, cwd=folder, timeout=600)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout.splitlines()[-1]) == []
    return found, folder


def answers(folder: Path, name: str, signature: str) -> Mapping[str, np.ndarray]:
    return np.load(folder / name / f"{signature}.answers.npz", allow_pickle=True)


@pytest.mark.parametrize("name", names())
def test_a_session_answers_as_keras_does(cases: tuple[dict[str, Case], Path], name: str) -> None:
    case, folder = cases[0][name], cases[1]
    asked = set(read_meta_graph(str(folder / name / "model")).signature_def) - {"__saved_model_init_op"}
    assert asked == set(case.asked)
    for signature, outputs in case.expected.items():
        given = answers(folder, name, signature)
        for output, expected in outputs.items():
            size = max(1.0, float(np.abs(expected).max()))
            np.testing.assert_allclose(given[output] / size, expected / size, rtol=0, atol=TOLERANCE, err_msg=signature)
    first = case.expected["serving_default"]
    if name != "popularity":  # whose vectors are what they are counted
        assert all(np.std(values) > 1e-3 for values in first.values())  # answers that do not vary would prove nothing


@pytest.mark.parametrize("name", names())
def test_every_variable_is_there_once(cases: tuple[dict[str, Case], Path], name: str) -> None:
    folder = cases[1] / name / "model"
    names = [key for key, _ in tf.train.list_variables(str(folder / "variables" / "variables")) if key[0] != "_"]
    graph = read_meta_graph(str(folder))
    handles = [node.attr["shared_name"].s for node in graph.graph_def.node if node.op == "VarHandleOp"]
    assert len(set(handles)) == len(handles)
    # TensorFlow keeps the path of each asset file in a variable too, which the initialisation fills.
    assert len(names) == len(handles) - len(graph.asset_file_def)


@pytest.mark.parametrize("name", names())
def test_nothing_tells_where_it_was_built(cases: tuple[dict[str, Case], Path], name: str) -> None:
    folder = cases[1] / name / "model"
    for file in folder.rglob("*"):
        if file.is_file():
            assert b"/tmp" not in file.read_bytes(), file
            assert str(PROJECT).encode() not in file.read_bytes(), file
            assert str(folder.parents[2]).encode() not in file.read_bytes(), file
    assert not (folder / "fingerprint.pb").exists()  # it would be that of the file as TensorFlow wrote it


def test_it_describes_itself(cases: tuple[dict[str, Case], Path]) -> None:
    given = answers(cases[1], "din", "describe")["description"]
    assert len(given) == 2
    expected = {
        "format": 1,
        "lengths": {"history_age": 4, "history_category": 4, "history_item": 4, "tags": 2},
        "candidate_sizes": [2, 4],
        "max_rows": 3,
        "always_given": [],
    }
    assert [json.loads(text) for text in given] == [expected, expected]
    about = json.loads((cases[1] / "din" / "model" / "assets.extra" / "interestflow.json").read_text())
    assert about["description"] == expected
    assert json.loads(answers(cases[1], "comirec", "describe")["description"][0])["candidate_sizes"] == []
