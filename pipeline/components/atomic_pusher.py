"""Pusher for local folders, mounted volumes, gs:// and s3://, from which a server never loads half a version."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfx.components import Pusher
from tfx.dsl.components.base import base_executor, executor_spec
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import path_utils, proto_utils

from interestflow import storage
from interestflow.pipeline.gates.champion import pushed_models
from interestflow.pipeline.gates.quality import Verdict
from interestflow.pipeline.gates.serving import ServingVerdict
from interestflow.serving.provenance import PROVENANCE
from interestflow.serving.publish import INCOMING, copy_folder
from interestflow.serving.session_model import SAVED_MODEL

PUSHED, DESTINATION, VERSION = "pushed", "pushed_destination", "pushed_version"
"""Custom properties of the pushed model's artifact, which TFX's Pusher sets too."""
BLESSED = "blessed"
ON_REFUSAL, FAIL = "on_refusal", "fail"
"""Key of the component's `custom_config`, and its value with which the step fails where a gate refused the model."""


class ModelRefusedError(Exception):
    """A gate refused the model, and the run is to fail for that; the message has the gates' reasons."""


class AtomicPusherExecutor(base_executor.BaseExecutor):
    """TFX's Pusher with an atomic last step, and with nothing to do where the model was pushed before.

    On disks, a version is copied beside the versions and moved to its name. Object stores cannot move a folder: there
    `saved_model.pb` is written last, and TensorFlow Serving, which takes a folder without it for a version that fails
    to load, tries again for a minute (see `interestflow.serving.deployment`).
    """

    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, Any], exec_properties: dict[str, Any]) -> None:
        """Push the model if it is blessed.

        Args:
            input_dict: TFX's; the model to push is that of `model`, else the one in the folder of `infra_blessing`.
            output_dict: TFX's.
            exec_properties: TFX's; `custom_config` may hold {"on_refusal": "fail"}.

        Raises:
            ModelRefusedError: If a blessing is missing and `on_refusal` is "fail"; otherwise nothing is pushed.
            StorageError: If the folder of pushed models cannot be read or written.
        """
        pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        reasons = list(_refusals(input_dict))
        if reasons:
            config = json.loads(exec_properties.get(standard_component_specs.CUSTOM_CONFIG_KEY) or "null") or {}
            if config.get(ON_REFUSAL) == FAIL:
                raise ModelRefusedError(f"the model was refused and not pushed: {'; '.join(reasons)}")
            pushed.set_int_custom_property(PUSHED, 0)
            return
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination)
        source = _model_folder(input_dict)
        version = push_model(source, destination.filesystem.base_directory.rstrip("/"))
        copy_folder(source, pushed.uri)
        pushed.set_int_custom_property(PUSHED, 1)
        pushed.set_string_custom_property(DESTINATION, version)
        pushed.set_string_custom_property(VERSION, version.rpartition("/")[2])


class AtomicPusher(Pusher):
    """TFX's Pusher with `AtomicPusherExecutor`."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(AtomicPusherExecutor)


def push_model(source: str, base: str) -> str:
    """Copy the model in a local folder to a new version in `base`, and return the version's folder.

    A step may run again after it pushed, where its end was never recorded: the newest version is then the model itself
    and is returned. Folders of numbers that hold no model are left where they are, since another push may be writing
    them: the new version has a higher number than all of them.
    """
    models = pushed_models(base)
    newest = models[0].folder if models else None
    if newest is not None and _is_same_model(source, newest):
        logging.info("%s is this model already", newest)
        return newest
    versions = [int(name) for name in storage.child_names(base) if name.isdecimal()]
    for version in versions:
        if not storage.exists(storage.join(base, str(version), SAVED_MODEL)):
            logging.warning("%s/%d has no %s; remove it unless a push is under way", base, version, SAVED_MODEL)
    target = storage.join(base, str(max([int(time.time()), *(version + 1 for version in versions)])))
    if storage.is_remote(base):
        storage.upload_folder(source, target, last=(SAVED_MODEL,))
        return target
    incoming = storage.join(base, INCOMING)
    storage.remove_folder(incoming)  # left by a push that was interrupted
    copied = storage.join(incoming, target.rpartition("/")[2])
    storage.upload_folder(source, copied, last=(SAVED_MODEL,))
    os.rename(copied, target)
    storage.remove_folder(incoming)
    return target


def _is_same_model(source: str, version: str) -> bool:
    """Return whether a version has the provenance of the model in a local folder, byte by byte, and the same files."""
    names = storage.file_names(source)
    if PROVENANCE not in names or names != storage.file_names(version):
        return False
    provenance = storage.read_bytes(storage.join(source, PROVENANCE))
    return provenance == storage.read_bytes(storage.join(version, PROVENANCE))


def _refusals(input_dict: Mapping[str, Sequence[Artifact]]) -> Iterator[str]:
    """Yield the reasons of the gates that did not bless the model."""
    for key, verdict in (
        (standard_component_specs.MODEL_BLESSING_KEY, Verdict),
        (standard_component_specs.INFRA_BLESSING_KEY, ServingVerdict),
    ):
        if not input_dict.get(key):
            continue
        blessing = artifact_utils.get_single_instance(list(input_dict[key]))
        # An integer here, a double where Kubeflow Pipelines gave it back.
        if blessing.get_custom_property(BLESSED) == 1:
            continue
        file = storage.join(blessing.uri, verdict.FILE)
        reasons = verdict.read(blessing.uri).reasons if storage.exists(file) else ()
        yield from reasons or (f"`{key}` does not bless it, and {file} gives no reason",)


def _model_folder(input_dict: Mapping[str, Sequence[Artifact]]) -> str:
    """Return the folder of the model to push."""
    models = input_dict.get(standard_component_specs.MODEL_KEY)
    if models:
        return path_utils.serving_model_path(artifact_utils.get_single_instance(list(models)).uri)
    blessing = artifact_utils.get_single_instance(list(input_dict[standard_component_specs.INFRA_BLESSING_KEY]))
    return path_utils.stamped_model_path(blessing.uri)
