"""Models loaded through a session: which load, which do not, and which fail only when they are run."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.serving.session_model import ModelLoadError, SessionModel, read_meta_graph
from tests.serving.cpp_session import CppSession
from tests.serving.server import small_models


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_models.write_scaled(tmp_path_factory.mktemp("models"), 3)


def test_a_signature_gives_all_its_outputs_or_those_that_are_wanted(scaled: Path) -> None:
    model = SessionModel(scaled)
    x = np.array([1.0, 2.0], np.float32)
    answer = model.run("serving_default", {"x": x})
    assert {name: values.tolist() for name, values in answer.items()} == {"factor": [3.0, 3.0], "y": [3.0, 6.0]}
    assert list(model.run("serving_default", {"x": x}, ["y"])) == ["y"]
    assert model.run("lengths", {"texts": np.array([[b"a", b"bcd"]], object)})["lengths"].tolist() == [[1, 3]]
    assert set(model.signatures) == {"serving_default", "lengths", "fails", "__saved_model_init_op"}


def test_what_the_graph_refuses_is_the_error_of_tensorflow(scaled: Path) -> None:
    model = SessionModel(scaled)
    with pytest.raises(tf.errors.InvalidArgumentError, match="`x` should not be negative"):
        model.run("fails", {"x": np.array([-1.0], np.float32)})
    with pytest.raises(KeyError):
        model.run("nothing", {})


def test_models_beside_one_another_keep_their_own_variables(scaled: Path, tmp_path: Path) -> None:
    models = [SessionModel(scaled), SessionModel(small_models.write_scaled(tmp_path, 5))]
    x = {"x": np.array([1.0], np.float32)}
    assert [model.run("serving_default", x)["y"].tolist() for model in models] == [[3.0], [5.0]]
    models[0].close()
    assert models[1].run("serving_default", x)["y"].tolist() == [5.0]
    with pytest.raises(tf.errors.CancelledError):
        models[0].run("serving_default", x)


def test_threads_share_a_model(scaled: Path) -> None:
    model, answers = SessionModel(scaled), {}

    def ask(index: int) -> None:
        for _ in range(20):
            answers[index] = model.run("serving_default", {"x": np.full(index + 1, index, np.float32)})["y"]

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {index: values.tolist() for index, values in answers.items()} == {
        index: [3.0 * index] * (index + 1) for index in range(8)
    }


def test_a_folder_without_a_model_is_named(scaled: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"has no saved_model\.pb") as raised:
        SessionModel(tmp_path)
    assert raised.value.code == tf.errors.NOT_FOUND
    (tmp_path / "saved_model.pb").write_bytes(b"no model")
    with pytest.raises(ModelLoadError, match="its bytes cannot be parsed") as raised:
        SessionModel(tmp_path)
    assert raised.value.code == tf.errors.DATA_LOSS
    with pytest.raises(ModelLoadError, match="has no graph with the tags gpu, serve"):
        SessionModel(scaled, ["serve", "gpu"])


def test_a_model_without_its_weights_loads_and_fails_when_it_is_asked(scaled: Path, tmp_path: Path) -> None:
    """As on TensorFlow Serving, where such a version becomes available."""
    shutil.copytree(scaled, tmp_path / "1")
    shutil.rmtree(tmp_path / "1" / "variables")
    model = SessionModel(tmp_path / "1")
    with pytest.raises(tf.errors.FailedPreconditionError):
        model.run("serving_default", {"x": np.array([1.0], np.float32)})


def test_weights_that_were_cut_off_do_not_load(scaled: Path, tmp_path: Path) -> None:
    shutil.copytree(scaled, tmp_path / "1")
    (tmp_path / "1" / "variables" / "variables.data-00000-of-00001").write_bytes(b"")
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        SessionModel(tmp_path / "1")


def test_a_module_that_tracks_a_keras_model_is_found_out(tmp_path: Path) -> None:
    """TensorFlow Serving's own loader takes such a model, and then no signature runs; a session fails alike."""
    module = tf.Module()
    module.dense = keras.layers.Dense(1)
    module.dense.build([None, 2])
    call = tf.function(lambda x: {"y": module.dense(x)}, autograph=False)
    signature = call.get_concrete_function(tf.TensorSpec([None, 2], tf.float32, name="x"))
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": signature})
    x = np.ones([1, 2], np.float32)
    with pytest.raises(RuntimeError, match="Could not find variable"):
        CppSession(tmp_path).run("serving_default", {"x": x})
    with pytest.raises(tf.errors.FailedPreconditionError, match="Could not find variable"):
        SessionModel(tmp_path).run("serving_default", {"x": x})


def test_the_graph_is_read_without_being_loaded(scaled: Path) -> None:
    assert "serving_default" in read_meta_graph(str(scaled)).signature_def
