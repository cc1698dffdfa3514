"""Write the files that a server needs for the conformance tests, and print the flags for TensorFlow Serving.

python -m tests.serving.conformance.prepare FOLDER                        # for the tests that share a server
python -m tests.serving.conformance.prepare FOLDER --batching             # for batches of exported models
python -m tests.serving.conformance.prepare FOLDER --recording batching   # for one recording
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from interestflow.serving.server.configuration import one_model
from tests.serving.conformance.replay.recordings import MODELS, NAMES, Folders, load_recording
from tests.serving.conformance.write_exported import FAMILIES, write_exported
from tests.serving.conformance.write_models import write

BATCHING = "max_batch_size { value: 128 }\nbatch_timeout_micros { value: 20000 }\nnum_batch_threads { value: 2 }\n"
"""Requests that come within 20 ms meet in a batch."""
PLAIN = ("grpc_predict", "grpc_inference", "grpc_metadata_status", "rest")
"""Recordings of one server without special flags, which serves the models of `write_models.py` as well."""


def folders_below(folder: Path) -> Folders:
    """Return the folders of a recording that is played below `folder`."""
    folder = folder.resolve()
    return Folders(models=MODELS, work=folder / "work", setup=folder / "setup")


def exported_config(folder: Path, names: Iterable[str] = FAMILIES) -> str:
    """Return the `models.config` of models that `write_exported` wrote below `folder`."""
    config = model_server_config_pb2.ModelServerConfig()
    for name in names:
        config.MergeFrom(one_model(name, str(folder.resolve() / name)))
    return text_format.MessageToString(config)


def prepare_batching(folder: Path) -> list[str]:
    """Prepare the server of exported models that batches; returns its flags, with the ports after the shared one's."""
    setup = folder.resolve() / "setup"
    setup.mkdir(parents=True, exist_ok=True)
    (setup / "exported.config").write_text(exported_config(folder / "exported"))
    (setup / "batching_parameters.txt").write_text(BATCHING)
    return [
        "--port=8510",
        "--rest_api_port=8511",
        f"--model_config_file={setup}/exported.config",
        "--enable_batching=true",
        f"--batching_parameters_file={setup}/batching_parameters.txt",
        "--grpc_max_threads=64",
    ]


def prepare_shared(folder: Path) -> list[str]:
    """Prepare the server that most tests share; returns its flags."""
    return write_shared(folder, write_exported(folder / "exported"))


def write_shared(folder: Path, exported: Mapping[str, str]) -> list[str]:
    """Write the configuration of that server, with `exported` models by name; returns its flags."""
    folders = folders_below(folder)
    flags = load_recording(PLAIN[0]).prepare(folders)
    path = folders.setup / "models.config"
    config = text_format.Parse(path.read_text(), model_server_config_pb2.ModelServerConfig())
    names = {model.name for model in config.model_config_list.config}
    scaled = text_format.Parse(write(folder / "scaled").read_text(), model_server_config_pb2.ModelServerConfig())
    for model in scaled.model_config_list.config:
        if model.name not in names:  # both have a model `labelled` with the same signatures
            config.model_config_list.config.add().CopyFrom(model)
    for name, base_path in exported.items():
        config.MergeFrom(one_model(name, base_path))
    path.write_text(text_format.MessageToString(config))
    # A version that is broken on purpose should fail at once instead of being retried for minutes.
    return [*flags, "--max_num_load_retries=0"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder to write to; the server should see it under the same path")
    parser.add_argument("--recording", choices=NAMES, help="recording that the server is started for")
    parser.add_argument("--batching", action="store_true", help="prepare the server that batches exported models")
    arguments = parser.parse_args()
    if arguments.batching:
        flags = prepare_batching(arguments.folder)
    elif arguments.recording is None:
        flags = prepare_shared(arguments.folder)
    else:
        flags = load_recording(arguments.recording).prepare(folders_below(arguments.folder))
    print(" ".join(flags))


if __name__ == "__main__":
    main()
