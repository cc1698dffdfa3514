"""TFX's Pusher with an atomic last step, so that a server never sees a half-copied version."""

from __future__ import annotations

import posixpath
from typing import Any

from tfx.components import Pusher
from tfx.components.pusher import executor
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from interestflow.serving.publish import INCOMING, can_move

PUSHED, DESTINATION = "pushed", "pushed_destination"
"""Custom properties of the pushed model's artifact."""


class AtomicPusherExecutor(executor.Executor):
    """TFX's executor, which copies to the version's folder directly, with a copy elsewhere and a rename at the end.

    `interestflow.serving.publish.publish_version` says why, and does the same for a model without artifacts.
    On file systems that cannot rename a folder, TFX copies in place, `saved_model.pb` last.
    """

    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, Any], exec_properties: dict[str, Any]) -> None:
        """Push the model if it is blessed; the arguments are those of TFX's executor."""
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination)
        base = destination.filesystem.base_directory.rstrip("/")
        if not can_move(base):
            super().Do(input_dict, output_dict, exec_properties)
            return
        incoming = posixpath.join(base, INCOMING)
        if fileio.exists(incoming):  # left by a push that was interrupted
            fileio.rmtree(incoming)
        destination.filesystem.base_directory = incoming
        changed = {standard_component_specs.PUSH_DESTINATION_KEY: proto_utils.proto_to_json(destination)}
        super().Do(input_dict, output_dict, exec_properties | changed)
        pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        if not pushed.get_int_custom_property(PUSHED):
            return
        copied = pushed.get_string_custom_property(DESTINATION)
        version = posixpath.join(base, posixpath.basename(copied))
        if not fileio.exists(version):  # as in TFX, an existing version of the same second is taken for this one
            fileio.rename(copied, version)
        fileio.rmtree(incoming)
        pushed.set_string_custom_property(DESTINATION, version)


class AtomicPusher(Pusher):
    """TFX's Pusher with `AtomicPusherExecutor`."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(AtomicPusherExecutor)
