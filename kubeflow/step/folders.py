"""Files of a step's inputs and outputs, in the form in which Kubeflow's launcher carries them unchanged.

The launcher drops empty folders, and a symlink to a folder fails the upload. So each empty folder of an output is given
a marker file, which the next step removes again, and each symlink is replaced by a copy.
"""

from __future__ import annotations

import os
import shutil
import stat
import uuid
from collections.abc import Mapping
from pathlib import Path

from interestflow.kubeflow.step.errors import StepInputError

EMPTY_FOLDER = ".interestflow-empty-folder"
"""Name of the marker file of an empty folder."""


def open_inputs(inputs: Mapping[str, tuple[str, str]]) -> None:
    """Check that every input was downloaded, and remove the markers of empty folders from them.

    Args:
        inputs: URI and path of each input by its name. Two inputs may be the same artifact.

    Raises:
        StepInputError: if there is not one file at or below the path of an input.
    """
    files = {name: _files(path) for name, (_, path) in inputs.items()}
    for name, (uri, path) in inputs.items():
        if not files[name]:
            raise StepInputError(
                f"input `{name}` should have been downloaded from {uri} to {path}, but no file is there: "
                f"the object store no longer has what an earlier step wrote"
            )
    for file in {file for found in files.values() for file in found}:
        if os.path.basename(file) == EMPTY_FOLDER:
            os.remove(file)


def _files(path: str) -> list[str]:
    """Return the paths of all files at or below a path."""
    if os.path.isfile(path):
        return [path]
    return [os.path.join(root, name) for root, _, names in os.walk(path) for name in names]


def prepare_output(path: str, is_file: bool) -> None:
    """Remove what an earlier attempt left at `path`, and create an empty folder there, or an empty file.

    Args:
        path: path of the output.
        is_file: whether the output is a single file.
    """
    remove(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if is_file:
        Path(path).touch()
    else:
        os.mkdir(path)


def remove(path: str) -> None:
    """Remove a file, a symlink or a whole folder, if there is one."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def close_output(name: str, path: str) -> None:
    """Make an output ready for the upload: copies in place of symlinks, and markers in empty folders.

    Raises:
        StepInputError: if the executor removed the output, or left in it what cannot be uploaded.
    """
    if not os.path.lexists(path):
        raise StepInputError(f"output `{name}` should be at {path}, but the executor removed it")
    _close(name, path, os.path.realpath(os.path.dirname(path)))


def _close(name: str, path: str, parent: str) -> None:
    """Close a file or folder; `parent` is the real path of the folder that it is in."""
    if os.path.islink(path):
        copy = f"{path}.{uuid.uuid4().hex}"
        _copy(name, path, copy, (parent,))
        os.remove(path)
        os.rename(copy, path)
    if os.path.isdir(path):
        entries = os.listdir(path)
        for entry in entries:
            _close(name, os.path.join(path, entry), os.path.join(parent, os.path.basename(path)))
        if not entries:
            Path(path, EMPTY_FOLDER).touch()
    elif not stat.S_ISREG(os.stat(path).st_mode):
        raise StepInputError(f"output `{name}` should consist of files and folders, received another kind at {path}")


def _copy(name: str, path: str, destination: str, above: tuple[str, ...]) -> None:
    """Copy a file or folder, following symlinks; `above` are the real paths of the folders that were followed to it."""
    source = os.path.realpath(path)
    if not os.path.exists(source):
        raise StepInputError(f"output `{name}`: the symlink {path} points to {os.readlink(path)}, which does not exist")
    if any(os.path.commonpath([source, folder]) == source for folder in above):
        raise StepInputError(f"output `{name}`: the symlink {path} points to the folder {source}, which it is in")
    if os.path.isdir(source):
        os.mkdir(destination)
        for entry in os.listdir(source):
            _copy(name, os.path.join(source, entry), os.path.join(destination, entry), (*above, source))
    elif stat.S_ISREG(os.stat(source).st_mode):
        shutil.copy2(source, destination)
    else:
        raise StepInputError(f"output `{name}` should consist of files and folders, received another kind at {path}")
