"""Executors for tests, in place of a step's own: they write down what they were given, fail, or wait."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types.artifact import Artifact
from tfx.types.value_artifact import ValueArtifact

RECORD = "INTERESTFLOW_TEST_RECORD"
"""Environment variable with the file to write to."""


def described(artifact: Artifact) -> dict[str, Any]:
    """Return what a test compares of an artifact."""
    message = artifact.mlmd_artifact
    return {
        "class": type(artifact).__name__,
        "uri": artifact.uri,
        "id": artifact.id,
        "split_names": getattr(artifact, "split_names", None),
        "span": getattr(artifact, "span", None),
        "blessed": artifact.get_int_custom_property("blessed"),
        "current_model": artifact.get_string_custom_property("current_model"),
        "properties": sorted([*message.properties, *message.custom_properties]),
        "value": artifact.value if isinstance(artifact, ValueArtifact) and os.path.getsize(artifact.uri) else None,
    }


def record(executor: BaseExecutor, inputs: Any, outputs: Any, properties: dict[str, Any]) -> None:
    """Write down what an executor was given, and write something to each output."""
    given = {
        "executor": type(executor).__name__,
        "inputs": {name: [described(artifact) for artifact in artifacts] for name, artifacts in inputs.items()},
        "outputs": {name: [artifact.uri for artifact in artifacts] for name, artifacts in outputs.items()},
        "output_files": [file for found in outputs.values() for item in found if os.path.isdir(item.uri)
                         for file in os.listdir(item.uri)],
        "properties": properties,
        "beam_runner": executor._make_beam_pipeline().options.get_all_options()["runner"]
        if isinstance(executor, BaseBeamExecutor) else None,
        "tmp": executor._get_tmp_dir(),
    }  # fmt: skip
    Path(os.environ[RECORD]).write_text(json.dumps(given))
    for name, artifacts in outputs.items():
        for artifact in artifacts:
            if isinstance(artifact, ValueArtifact):
                artifact.value = f"value of {name}"
            else:
                Path(artifact.uri, "data").write_text(name)


class RecordingExecutor(BaseExecutor):
    def Do(self, input_dict: Any, output_dict: Any, exec_properties: dict[str, Any]) -> None:
        record(self, input_dict, output_dict, exec_properties)


class RecordingBeamExecutor(BaseBeamExecutor):
    def Do(self, input_dict: Any, output_dict: Any, exec_properties: dict[str, Any]) -> None:
        record(self, input_dict, output_dict, exec_properties)


class PropertiesExecutor(BaseExecutor):
    """Sets properties of every form on the output `blessing`, one of them the folder of the input `model`."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: dict[str, Any]) -> None:
        (blessing,), (model,) = output_dict["blessing"], input_dict["model"]
        blessing.set_int_custom_property("blessed", 1)
        blessing.set_float_custom_property("share", 0.5)
        blessing.set_float_custom_property("undefined", float("nan"))
        blessing.set_bool_custom_property("sure", True)
        blessing.set_string_custom_property("current_model", f"{model.uri}/Format-Serving")
        blessing.set_string_custom_property("pushed", "s3://models/serving/1")
        blessing.set_json_value_custom_property("slices", {"de": 0.25, "folders": [model.uri]})
        blessing.set_json_value_custom_property("reasons", ["a", "b"])
        blessing.mlmd_artifact.custom_properties["nothing"].Clear()
        Path(blessing.uri, "BLESSED").touch()


class EmptyExecutor(BaseExecutor):
    """Writes nothing."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: dict[str, Any]) -> None:
        pass


class MovingExecutor(BaseExecutor):
    """Claims another place for its output."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: dict[str, Any]) -> None:
        for (artifact,) in output_dict.values():
            artifact.uri = "/elsewhere"


class FailingExecutor(BaseExecutor):
    """Fails, with a cause, while a thread goes on to log and output without an end of line is in the buffer."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: dict[str, Any]) -> None:
        def chatter() -> None:
            while True:
                print("still here", file=sys.stderr, flush=True)
                time.sleep(0.001)

        threading.Thread(target=chatter, daemon=True).start()
        print("progress 50%", end="")
        try:
            raise ValueError("the disk is full:\n  /tmp has 0 bytes")
        except ValueError as error:
            raise RuntimeError("wrapped by a library") from error


class WaitingExecutor(BaseExecutor):
    """Says that it has begun, and waits."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: dict[str, Any]) -> None:
        Path(os.environ[RECORD]).touch()
        time.sleep(600)
