"""A model folder from which TensorFlow Serving could not serve is refused by name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from interestflow.serving.deployment.config import DeploymentConfig
from interestflow.serving.deployment.errors import ModelFolderError
from interestflow.serving.deployment.model_folder import check_model_folder
from tests.serving.deployment.model_folders import BATCHING


def refusal(folder: Path, **config: Any) -> str:
    with pytest.raises(ModelFolderError) as refused:
        check_model_folder(str(folder), DeploymentConfig.model_validate(config))
    return str(refused.value)


def test_the_newest_versions_are_checked(models: Path) -> None:
    assert check_model_folder(str(models), DeploymentConfig()) == [3, 4]
    assert check_model_folder(str(models), DeploymentConfig(num_versions=1)) == [4]
    assert check_model_folder(f"{models}/", BATCHING) == [3, 4]


def test_labelled_versions_are_checked_and_no_others(models: Path) -> None:
    (models / "5").mkdir()  # would not load, but is not served
    labelled = DeploymentConfig(labels={"stable": 3}, versions=(4,))
    assert check_model_folder(str(models), labelled) == [3, 4]
    assert check_model_folder(str(models), DeploymentConfig(labels={"stable": 3})) == [3]


def test_what_is_no_version_is_left_out(models: Path) -> None:
    for name in ("5.tmp", "six", "²", "-7", str(2**63)):
        (models / name).mkdir()
    assert check_model_folder(str(models), DeploymentConfig()) == [3, 4]


def test_a_version_with_leading_zeros(models: Path) -> None:
    (models / "4").rename(models / "007")
    assert check_model_folder(str(models), DeploymentConfig(labels={"stable": 7})) == [7]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    assert refusal(missing) == f"{missing} should be a folder with versions of the model, received no such folder"


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert refusal(file) == f"{file} should be a folder with versions of the model, received a file"


def test_a_folder_without_a_version(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    assert refusal(tmp_path) == f"{tmp_path} should hold a version of the model, received a folder without one"


def test_a_place_that_tensorflow_does_not_read() -> None:
    with pytest.raises(ModelFolderError, match=r"nofilesystem://models/shop cannot be read: File system scheme"):
        check_model_folder("nofilesystem://models/shop", DeploymentConfig())


def test_a_label_on_a_version_that_is_not_there(models: Path) -> None:
    assert refusal(models, labels={"stable": 3, "canary": 5}) == (
        f"`deployment.labels.canary` should be a version that is in {models} (3, 4), received 5"
    )


def test_a_version_that_is_not_there(models: Path) -> None:
    assert refusal(models, labels={"stable": 3}, versions=[9]) == (
        f"`deployment.versions` should be versions that are in {models} (3, 4), received 9"
    )


def test_a_version_that_is_not_complete(models: Path) -> None:
    (models / "5").mkdir()
    assert refusal(models) == f"{models}/5 has no saved_model.pb"
    assert refusal(models, labels={"canary": 5}) == f"{models}/5 has no saved_model.pb"


def test_a_version_that_cannot_be_parsed(models: Path) -> None:
    (models / "4" / "saved_model.pb").write_bytes(b"not a SavedModel")
    assert refusal(models) == f"{models}/4/saved_model.pb is no SavedModel: its bytes cannot be parsed"


@pytest.mark.parametrize(
    ("file", "named"),
    [("variables.index", ".index"), ("variables.data-00000-of-00001", ".data-*")],
    ids=["index", "data"],
)
def test_a_version_without_its_weights(models: Path, file: str, named: str) -> None:
    (models / "3" / "variables" / file).unlink()
    assert refusal(models) == f"{models}/3 should hold its weights, received no file variables/variables{named}"


def test_a_model_may_have_no_weights(models: Path) -> None:
    class Constant(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def one(self, examples: Any) -> dict[str, Any]:
            return {"click": tf.ones(tf.shape(examples))}

    module = Constant()
    tf.saved_model.save(module, str(models / "5"), signatures={"serving_default": module.one})
    shutil.rmtree(models / "5" / "variables")
    assert refusal(models, num_versions=1).startswith(f"{models}/5 should hold warm-up requests")


def test_every_version_that_is_served_is_checked(models: Path) -> None:
    (models / "3" / "assets.extra" / "tf_serving_warmup_requests").unlink()
    assert refusal(models).startswith(f"{models}/3 should hold warm-up requests")
    assert check_model_folder(str(models), DeploymentConfig(num_versions=1)) == [4]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"description": 3}', '{"description": {"format": 2}}'])
def test_a_description_that_cannot_be_read(models: Path, content: str) -> None:
    (models / "3" / "assets.extra" / "interestflow.json").write_text(content)
    message = f"{models}/3 should carry a description of its inputs for `deployment.batching`, received none"
    assert refusal(models, batching={}).startswith(message)
    assert check_model_folder(str(models), DeploymentConfig()) == [3, 4]


def test_without_the_file_of_the_description(models: Path) -> None:
    (models / "4" / "assets.extra" / "interestflow.json").unlink()
    assert refusal(models, batching={}) == (
        f"{models}/4 should carry a description of its inputs for `deployment.batching`, received none: export the "
        "model anew, or leave `batching` out"
    )
