"""Checks of the model folder, made before files are rendered that name its versions.

TensorFlow Serving does not listen at all while no version that it should serve is there, unloads every version when a
label names one that is not, and ends at its start when a version cannot be loaded. The checks here name what is wrong
instead. They read files and load no model.
"""

from __future__ import annotations

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from interestflow.serving.deployment.batching_check import check_batching
from interestflow.serving.deployment.config import DeploymentConfig
from interestflow.serving.deployment.errors import ModelFolderError
from interestflow.serving.deployment.warm_up_check import check_warm_up
from interestflow.serving.description import Description
from interestflow.serving.provenance import parse_description, read_provenance_file
from interestflow.serving.server.versions import version_folders
from interestflow.serving.session_model import VARIABLES, ModelLoadError, first_line, read_meta_graph

VARIABLE_OPERATIONS = frozenset({"VarHandleOp", "VariableV2", "Variable"})


def check_model_folder(folder: str, config: DeploymentConfig) -> list[int]:
    """Check every version that TensorFlow Serving would serve from a model folder.

    Args:
        folder: the folder with the model's versions, on any file system that TensorFlow reads.
        config: the section `deployment`.

    Returns:
        The versions that were checked, rising.

    Raises:
        ModelFolderError: where the folder, a version, its weights or its warm-up requests are not there, or where
            batching is on and would fail requests of a version.
    """
    folders = _version_folders(folder)
    versions = _served_versions(folder, folders, config)
    for version in versions:
        _check_version(folders[version], config)
    return versions


def _version_folders(folder: str) -> dict[int, str]:
    """Return the folder of each version by number; TensorFlow Serving takes every whole number for a version."""
    try:
        if not tf.io.gfile.stat(folder).is_directory:
            raise ModelFolderError(f"{folder} should be a folder with versions of the model, received a file")
        names = tf.io.gfile.listdir(folder)
    except tf.errors.NotFoundError:
        raise ModelFolderError(
            f"{folder} should be a folder with versions of the model, received no such folder"
        ) from None
    except tf.errors.OpError as error:
        raise ModelFolderError(f"{folder} cannot be read: {first_line(error)}") from None
    versions = version_folders(folder, names)
    if not versions:
        raise ModelFolderError(f"{folder} should hold a version of the model, received a folder without one")
    return versions


def _served_versions(folder: str, folders: dict[int, str], config: DeploymentConfig) -> list[int]:
    known = ", ".join(map(str, folders))
    for label, version in config.labels.items():
        if version not in folders:
            raise ModelFolderError(
                f"`deployment.labels.{label}` should be a version that is in {folder} ({known}), received {version}"
            )
    for version in config.versions:
        if version not in folders:
            raise ModelFolderError(
                f"`deployment.versions` should be versions that are in {folder} ({known}), received {version}"
            )
    return config.pinned_versions or list(folders)[-config.num_versions :]


def _check_version(folder: str, config: DeploymentConfig) -> None:
    try:
        graph = read_meta_graph(folder)
        _check_weights(folder, graph)
        if config.batching is not None:
            check_batching(folder, graph.signature_def, _read_description(folder), config.batching)
        check_warm_up(folder, graph.signature_def, config.batching)
    except ModelLoadError as error:
        raise ModelFolderError(str(error)) from None
    except tf.errors.OpError as error:
        raise ModelFolderError(f"{folder} cannot be read: {first_line(error)}") from None


def _check_weights(folder: str, graph: meta_graph_pb2.MetaGraphDef) -> None:
    """Check that a version has its weights.

    Without them it becomes available where nothing warms it up, and then fails every request.
    """
    if not any(node.op in VARIABLE_OPERATIONS for node in graph.graph_def.node):
        return
    for suffix in (".index", ".data-*"):
        if not tf.io.gfile.glob(f"{folder}/{VARIABLES}{suffix}"):
            raise ModelFolderError(f"{folder} should hold its weights, received no file {VARIABLES}{suffix}")


def _read_description(folder: str) -> Description | None:
    """Return the description in the JSON file next to the model; None where no readable one exists."""
    try:
        return parse_description(read_provenance_file(folder) or {})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
