"""The rendered flags and files are never ones with which TensorFlow Serving fails to start.

`starts.json` has 59 starts of the real server. The rules in `start_rules` are first shown to tell these apart, and then
applied to what is rendered.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import trustme
import yaml
from tensorflow_serving.apis import prediction_log_pb2

from interestflow.serving.deployment.config import DeploymentConfig
from interestflow.serving.deployment.errors import ModelFolderError
from interestflow.serving.deployment.model_folder import check_model_folder
from interestflow.serving.deployment.write import write_deployment
from interestflow.serving.warm_up import WARM_UP, write_warm_up
from tests.serving.deployment.model_folders import DESCRIPTION, ranker_requests, request, write_description
from tests.serving.deployment.start_rules import start_problem

STARTS = {start["id"]: start for start in json.loads(Path(__file__).with_name("starts.json").read_text())["starts"]}
WARM_UPS = {name for name in STARTS if name.startswith("warm-up-")}
PORTS_IN_USE = {"grpc-port-in-use", "rest-port-in-use"}
IGNORED = {"unknown-flag"}
"""The server prints an unknown flag and goes on without what it was meant for, which the rules do not let pass."""


def serves(start: dict[str, Any]) -> bool:
    return start["result"] == "running" and start["grpc_listens"] and start["rest_listens"]


@pytest.fixture(scope="module")
def recorded_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return folders as the recordings had them, with what the rules read of a version."""
    folder = tmp_path_factory.mktemp("recorded")
    for version in ("double/1", "double/2", "double/3", "tasks/1", "broken/1", "broken/2", "broken/3"):
        (folder / version).mkdir(parents=True)
        content = b"these are no bytes of it" if version == "broken/2" else b""
        (folder / version / "saved_model.pb").write_bytes(content)
    return folder


def ssl_text(name: str, text: str) -> str:
    """Return the recorded ssl.config, with real PEM text where the recording has a placeholder."""
    issuer = trustme.CA()
    certificate, other = issuer.issue_cert("localhost"), issuer.issue_cert("elsewhere")
    key = (other if name == "ssl-key-of-another" else certificate).private_key_pem.bytes().decode()
    text = text.replace('"(PEM) PRIVATE KEY-----\\n"', json.dumps(key))
    return text.replace('"(PEM) CERTIFICATE-----\\n"', json.dumps(certificate.cert_chain_pems[0].bytes().decode()))


def test_there_are_59_starts() -> None:
    assert len(STARTS) == 59
    assert sum(map(serves, STARTS.values())) == 17


@pytest.mark.parametrize("name", sorted(STARTS.keys() - WARM_UPS - PORTS_IN_USE))
def test_the_rules_tell_the_recorded_starts_apart(name: str, recorded_models: Path, tmp_path: Path) -> None:
    start = STARTS[name]

    def fill(text: str) -> str:
        return text.replace("{MODELS}", str(recorded_models)).replace("{SETUP}", str(tmp_path))

    if "empty/.keep" in start["files"]:
        (tmp_path / "empty").mkdir()
    files = {f"{tmp_path}/{file}": fill(ssl_text(name, text)) for file, text in start["files"].items()}
    # As in the recordings: the ports are given unless the start gives others.
    flags = ["--port=18700", "--rest_api_port=18701", *map(fill, start["flags"])]
    problem = start_problem(flags, files, Path)
    assert (problem is None) == (serves(start) and name not in IGNORED), problem


def write_recorded_warm_up(name: str, folder: Path) -> None:
    """Write into a version the warm-up file that a recorded start had, or one like it."""
    good = ranker_requests()
    if name == "warm-up-good":
        write_warm_up(folder, good)
    elif name == "warm-up-larger-than-the-batch":
        write_warm_up(folder, ranker_requests(rows=5))
    elif name == "warm-up-zero-rows-with-batching":
        write_warm_up(folder, ranker_requests(rows=0))
    elif name == "warm-up-unknown-signature":
        write_warm_up(folder, [*good, request("nothing", item=np.array(["i1"], object))])
    elif name == "warm-up-of-another-model-name":
        for message in good:
            message.model_spec.name = "another"
        write_warm_up(folder, good)
    elif name == "warm-up-no-record-file":
        (folder / WARM_UP).write_bytes(b"no records")
    elif name == "warm-up-empty-file":
        (folder / WARM_UP).write_bytes(b"")
    elif name == "warm-up-1001-requests":
        log = prediction_log_pb2.PredictionLog()
        log.predict_log.request.CopyFrom(good[0])
        with tf.io.TFRecordWriter(str(folder / WARM_UP)) as writer:
            for _ in range(1001):
                writer.write(log.SerializeToString())


NOT_SEEN_WITHOUT_RUNNING = {"warm-up-assertion-fails", "warm-up-broken-but-off"}
"""The exporter and the pipeline's serving gate run every warm-up request; rendering only reads them."""
STRICTER = {"warm-up-no-record-file", "warm-up-empty-file"}
"""Tolerated by the server, refused here: a version that cannot answer would become available."""


@pytest.mark.parametrize("name", sorted(WARM_UPS - NOT_SEEN_WITHOUT_RUNNING))
def test_a_model_with_a_recorded_warm_up_is_refused_where_the_server_did_not_start(name: str, models: Path) -> None:
    write_recorded_warm_up(name, models / "4")
    write_description(models / "4", replace(DESCRIPTION, max_rows=4))  # no more than a batch of the recordings
    batches = any(flag.startswith("--enable_batching") for flag in STARTS[name]["flags"])
    given = {"batching": {"max_batch_size": 4}} if batches else {}
    try:
        check_model_folder(str(models), DeploymentConfig.model_validate({"num_versions": 1, **given}))
        refused = False
    except ModelFolderError:
        refused = True
    assert refused == (not serves(STARTS[name]) or name in STRICTER)


RENDERED: dict[str, dict[str, Any]] = {
    "defaults": {},
    "one version": {"num_versions": 1},
    "more versions than there are": {"num_versions": 9},
    "canary": {"labels": {"stable": 3, "canary": 4}},
    "rollback": {"labels": {"stable": 3}, "versions": [4]},
    "batching": {"batching": {}},
    "own batches": {"batching": {"max_batch_size": 8, "batch_timeout_micros": 0, "num_batch_threads": 1}},
    "few threads": {"grpc_threads": 4},
    "TLS": {"tls": {"certificate": "tls.crt", "key": "tls.key"}},
    "clients' certificates": {"tls": {"certificate": "tls.crt", "key": "tls.key", "client_authority": "ca.crt"}},
    "bucket": {"model_path": "gs://bucket/models", "volume_claim": None},
}


@pytest.mark.parametrize("case", RENDERED)
@pytest.mark.parametrize("target", ["compose", "kubernetes"])
def test_what_is_rendered_starts(case: str, target: str, models: Path, tmp_path: Path) -> None:
    issuer = trustme.CA()
    certificate = issuer.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "tls.crt"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "tls.key"))
    issuer.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    config = DeploymentConfig.model_validate(RENDERED[case]).resolve_paths(tmp_path)
    output = tmp_path / "deployment"
    write_deployment("shop", config, str(models), output)
    flags, files = (compose_start if target == "compose" else kubernetes_start)(output)
    assert start_problem(flags, files, lambda path: models) is None


def compose_start(output: Path) -> tuple[list[str], dict[str, str]]:
    """Return flags and files as the Compose file gives them to the server."""
    service = yaml.safe_load((output / "compose.yaml").read_text())["services"]["shop"]
    files = {}
    for mount in service["volumes"]:
        source = output / mount["source"]
        if mount["source"].startswith("./"):
            paths = source.iterdir() if source.is_dir() else [source]
            for path in paths:
                target = f"{mount['target']}/{path.name}" if source.is_dir() else mount["target"]
                files[target] = path.read_text()
    return service["command"], files


def kubernetes_start(output: Path) -> tuple[list[str], dict[str, str]]:
    """Return flags and files as the manifests give them to the server; the secret is made of tls/ssl.config."""
    documents = {
        document["kind"]: document for document in yaml.safe_load_all((output / "kubernetes.yaml").read_text())
    }
    (container,) = documents["Deployment"]["spec"]["template"]["spec"]["containers"]
    files = {f"/config/{name}": text for name, text in documents["ConfigMap"]["data"].items()}
    if (output / "tls" / "ssl.config").exists():
        files["/tls/ssl.config"] = (output / "tls" / "ssl.config").read_text()
    return container["args"], files


def test_the_rules_see_what_an_earlier_rendering_wrote(models: Path, tmp_path: Path) -> None:
    """The rules are strict enough: a file that is taken away, or a folder that is emptied, is a problem."""
    write_deployment("shop", DeploymentConfig(), str(models), tmp_path / "deployment")
    flags, files = compose_start(tmp_path / "deployment")
    assert start_problem(flags, {}, lambda path: models) == "/config/models.config is missing or empty"
    parameters = "--batching_parameters_file=/config/batching_parameters.txt"
    assert start_problem([*flags, parameters], files, lambda path: models) == "batching parameters without batching"
    shutil.rmtree(models)
    assert start_problem(flags, files, lambda path: models) == "no version to serve"
