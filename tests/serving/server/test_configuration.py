"""TensorFlow Serving's configuration files, read as it reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.serving.server.configuration import Batching, read_batching, read_models
from interestflow.serving.server.errors import ServerConfigurationError


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "file.txt").write_text(text)
    return tmp_path / "file.txt"


def test_models(tmp_path: Path) -> None:
    config = read_models(written(tmp_path, """
        model_config_list {
          config {
            name: "shop" base_path: "/models/shop" model_platform: "tensorflow"
            model_version_policy { specific { versions: 3 versions: 4 } }
            version_labels { key: "stable" value: 3 }
          }
        }
    """))  # fmt: skip
    (model,) = config.model_config_list.config
    assert (model.name, list(model.model_version_policy.specific.versions)) == ("shop", [3, 4])
    assert dict(model.version_labels) == {"stable": 3}


def entry(**fields: str) -> str:
    return " ".join(f"{name}: '{value}'" for name, value in fields.items())


A = entry(name="a", base_path="/a", model_platform="tensorflow")


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([entry(base_path="/a", model_platform="tensorflow")], "every model should have a `name`"),
        ([entry(name="a", model_platform="tensorflow")], "`base_path` of a should be an absolute path or a URI"),
        ([entry(name="a", base_path="models/a", model_platform="tensorflow")], "received 'models/a'"),
        ([A, A], "'a' twice"),
        ([entry(name="a", base_path="/a")], "`model_platform` of a should be 'tensorflow', received ''"),
        ([entry(name="a", base_path="/a", model_platform="torch")], "received 'torch'"),
    ],
    ids=["name", "no path", "relative path", "twice", "no platform", "other platform"],
)
def test_models_that_cannot_be_served(tmp_path: Path, entries: list[str], says: str) -> None:
    text = "model_config_list {" + "".join(f"config {{ {fields} }}" for fields in entries) + "}"
    with pytest.raises(ServerConfigurationError, match=r"file\.txt") as raised:
        read_models(written(tmp_path, text))
    assert says in str(raised.value)


def test_a_model_may_be_in_a_bucket(tmp_path: Path) -> None:
    text = entry(name="a", base_path="gs://bucket/a", model_platform="tensorflow")
    config = read_models(written(tmp_path, f"model_config_list {{ config {{ {text} }} }}"))
    assert config.model_config_list.config[0].base_path == "gs://bucket/a"


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "`model_config_list` should be given"), ("model_config_list {\n  confg {} }", "line 2")],
)
def test_files_that_are_no_models_config(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ServerConfigurationError, match=r"file\.txt") as raised:
        read_models(written(tmp_path, text))
    assert says in str(raised.value)


def test_batching(tmp_path: Path) -> None:
    batching = read_batching(written(tmp_path, """
        max_batch_size { value: 64 }
        batch_timeout_micros { value: 500 }
        max_enqueued_batches { value: 100 }
        num_batch_threads { value: 2 }
        allowed_batch_sizes: 16
        allowed_batch_sizes: 64
        thread_pool_name { value: "batches" }
    """))  # fmt: skip
    assert batching == Batching(64, 500, 100, 2, (16, 64))
    assert read_batching(written(tmp_path, "")) == Batching()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_batch_size { value: 0 }", "`max_batch_size` should be at least 1, received 0"),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 4",
            "end in `max_batch_size`, 8, received 4",
        ),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 8 allowed_batch_sizes: 8", "received 8, 8"),
        ("max_batch: 3", "line 1"),
    ],
)
def test_batching_that_cannot_be(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ServerConfigurationError) as raised:
        read_batching(written(tmp_path, text))
    assert says in str(raised.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ServerConfigurationError, match=r"/nowhere cannot be read: No such file"):
        read_models("/nowhere")
