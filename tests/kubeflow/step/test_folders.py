"""What an executor leaves arrives unchanged at the next step, through a launcher that carries only files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.folders import EMPTY_FOLDER, close_output, open_inputs, prepare_output, remove


def carry(source: Path, target: Path) -> None:
    """Copy regular files alone, as the launcher does with the object store; fail at a symlink to a folder."""
    for root, folders, files in os.walk(source):
        for name in files:
            copied = target / Path(root, name).relative_to(source)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(root, name), copied)
        assert not [name for name in folders if Path(root, name).is_symlink()]


def tree(folder: Path) -> dict[str, str | None]:
    """Return the text of each file, and None for each folder, by its path in `folder`."""
    return {str(path.relative_to(folder)): None if path.is_dir() else path.read_text() for path in folder.rglob("*")}


def test_empty_folders_survive_the_upload_and_the_download(tmp_path: Path) -> None:
    output, downloaded = tmp_path / "output", tmp_path / "downloaded"
    prepare_output(str(output), is_file=False)
    (output / "variables").mkdir()
    (output / "assets" / "deep").mkdir(parents=True)
    (output / "saved_model.pb").write_text("model")
    (output / "empty file").touch()
    before = tree(output)
    close_output("model", str(output))
    carry(output, downloaded)
    assert (downloaded / "assets" / "deep" / EMPTY_FOLDER).exists()
    open_inputs({"model": ("s3://b/model", str(downloaded))})
    assert tree(downloaded) == before
    assert None in before.values()


def test_an_output_that_is_empty_survives(tmp_path: Path) -> None:
    output, downloaded = tmp_path / "output", tmp_path / "downloaded"
    prepare_output(str(output), is_file=False)
    close_output("pushed_model", str(output))
    carry(output, downloaded)
    open_inputs({"pushed_model": ("s3://b/pushed_model", str(downloaded))})
    assert downloaded.is_dir()
    assert tree(downloaded) == {}


def test_two_inputs_may_be_the_same_artifact(tmp_path: Path) -> None:
    (tmp_path / EMPTY_FOLDER).touch()
    open_inputs({"first": ("s3://b/a", str(tmp_path)), "second": ("s3://b/a", str(tmp_path))})
    assert os.listdir(tmp_path) == []


def test_symlinks_become_copies(tmp_path: Path) -> None:
    output = tmp_path / "output"
    prepare_output(str(output), is_file=False)
    (tmp_path / "elsewhere" / "folder").mkdir(parents=True)
    (tmp_path / "elsewhere" / "folder" / "file").write_text("text")
    (tmp_path / "elsewhere" / "link").symlink_to("folder")
    (tmp_path / "elsewhere" / "outside").symlink_to("../further")
    (tmp_path / "further").write_text("further")
    (output / "to folder").symlink_to(tmp_path / "elsewhere")
    (output / "to file").symlink_to(tmp_path / "elsewhere" / "folder" / "file")
    (output / "sibling").mkdir()
    (output / "beside").symlink_to("sibling")
    close_output("model", str(output))
    assert not [path for path in output.rglob("*") if path.is_symlink()]
    assert tree(output) == {
        "to folder": None, "to folder/folder": None, "to folder/folder/file": "text", "to folder/link": None,
        "to folder/link/file": "text", "to folder/outside": "further", "to file": "text",
        "sibling": None, f"sibling/{EMPTY_FOLDER}": "", "beside": None, f"beside/{EMPTY_FOLDER}": "",
    }  # fmt: skip
    assert (tmp_path / "elsewhere" / "link").is_symlink()  # the original is as it was


def test_an_output_that_is_itself_a_symlink_becomes_a_copy(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "file").write_text("text")
    (tmp_path / "output").symlink_to("model")
    close_output("model", str(tmp_path / "output"))
    assert not (tmp_path / "output").is_symlink()
    assert tree(tmp_path / "output") == {"file": "text"}


@pytest.mark.parametrize("target", [".", "..", "../..", "inner/../../output"])
def test_a_symlink_to_a_folder_that_it_is_in_is_refused(target: str, tmp_path: Path) -> None:
    output = tmp_path / "output"
    (output / "inner").mkdir(parents=True)
    (output / "link").symlink_to(target)
    with pytest.raises(
        StepInputError, match=r"output `model`: the symlink .*/link points to the folder .*, which it is"
    ):
        close_output("model", str(output))


def test_symlinks_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "b").symlink_to("../b")
    (tmp_path / "b" / "a").symlink_to("../a")
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "link").symlink_to("../a")
    with pytest.raises(
        StepInputError, match=r"output `model`: the symlink .*/b/a points to the folder .*/a, which it is"
    ):
        close_output("model", str(tmp_path / "output"))
    (tmp_path / "output" / "link").unlink()
    (tmp_path / "output" / "self").symlink_to("self")
    with pytest.raises(StepInputError, match=r"the symlink .*/self points to self, which does not exist"):
        close_output("model", str(tmp_path / "output"))


def test_a_symlink_to_nothing_a_pipe_and_a_removed_output_are_refused(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with pytest.raises(StepInputError) as error:
        close_output("model", str(output))
    assert str(error.value) == f"output `model` should be at {output}, but the executor removed it"
    output.mkdir()
    (output / "link").symlink_to("missing")
    with pytest.raises(StepInputError) as error:
        close_output("model", str(output))
    assert str(error.value) == f"output `model`: the symlink {output}/link points to missing, which does not exist"
    (output / "link").unlink()
    os.mkfifo(output / "pipe")
    with pytest.raises(StepInputError) as error:
        close_output("model", str(output))
    assert (
        str(error.value)
        == f"output `model` should consist of files and folders, received another kind at {output}/pipe"
    )


def test_outputs_begin_empty(tmp_path: Path) -> None:
    folder, file, link = tmp_path / "a" / "folder", tmp_path / "b" / "file", tmp_path / "link"
    (folder / "left").mkdir(parents=True)
    file.parent.mkdir()
    file.write_text("left")
    link.symlink_to(tmp_path / "a")
    prepare_output(str(folder), is_file=False)
    prepare_output(str(file), is_file=True)
    prepare_output(str(tmp_path / "new" / "file"), is_file=True)
    prepare_output(str(link), is_file=False)
    assert tree(folder) == {}
    assert (file.read_text(), (tmp_path / "new" / "file").read_text()) == ("", "")
    assert not link.is_symlink()
    assert folder.is_dir()  # what the symlink pointed to was not removed


@pytest.mark.parametrize("is_folder", [False, True])
def test_an_input_without_files_is_refused(is_folder: bool, tmp_path: Path) -> None:
    path = tmp_path / "input"
    if is_folder:
        (path / "inner").mkdir(parents=True)
    with pytest.raises(StepInputError) as error:
        open_inputs({"model": ("s3://b/model", str(path))})
    assert str(error.value).startswith(
        f"input `model` should have been downloaded from s3://b/model to {path}, but no file is there"
    )


def test_a_single_file_is_an_input(tmp_path: Path) -> None:
    (tmp_path / "value").touch()
    open_inputs({"value": ("s3://b/value", str(tmp_path / "value"))})
    assert (tmp_path / "value").exists()


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove(str(tmp_path / "missing"))
    (tmp_path / "dangling").symlink_to("missing")
    remove(str(tmp_path / "dangling"))
    assert os.listdir(tmp_path) == []
