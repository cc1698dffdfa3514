"""Files of a step's inputs and outputs, in the form in which Kubeflow's launcher carries them unchanged.

The launcher drops empty folders, and a symlink to a folder fails the upload. So each empty folder of an output is given
a marker file, which the next step removes again, and each symlink is replaced by a copy.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from interestflow.kubeflow.step.errors import StepInputError

EMPTY_FOLDER = ".interestflow-empty-folder"
"""Name of the marker file of an empty folder."""


def open_input(name: str, uri: str, path: str) -> None:
    """Check that an input was downloaded, and remove the markers of empty folders from it.

    Raises:
        StepInputError: if there is not one file at or below `path`.
    """
    files = (
        [path]
        if os.path.isfile(path)
        else [os.path.join(root, file) for root, _, names in os.walk(path) for file in names]
    )
    if not files:
        raise StepInputError(
            f"input `{name}` should have been downloaded from {uri} to {path}, but no file is there: "
            f"the object store no longer has what an earlier step wrote"
        )
    for file in files:
        if os.path.basename(file) == EMPTY_FOLDER:
            os.remove(file)


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
        _replace_symlink(name, path, parent)
    if os.path.isdir(path):
        entries = os.listdir(path)
        for entry in entries:
            _close(name, os.path.join(path, entry), os.path.join(parent, os.path.basename(path)))
        if not entries:
            Path(path, EMPTY_FOLDER).touch()
    elif not stat.S_ISREG(os.stat(path).st_mode):
        raise StepInputError(f"output `{name}` should consist of files and folders, received another kind at {path}")


def _replace_symlink(name: str, path: str, parent: str) -> None:
    """Replace a symlink by a copy of its target."""
    target = os.path.realpath(path)
    if not os.path.exists(target):
        raise StepInputError(f"output `{name}`: the symlink {path} points to {os.readlink(path)}, which does not exist")
    if os.path.commonpath([target, parent]) == target:
        raise StepInputError(f"output `{name}`: the symlink {path} points to the folder {target}, which it is in")
    os.remove(path)
    if os.path.isdir(target):
        shutil.copytree(target, path, symlinks=True)
    else:
        shutil.copy2(target, path)
