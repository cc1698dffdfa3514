"""Steps in containers: how docker is called, what is refused before that, and a real container where there is one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from interestflow.kubeflow.backend.containers import Containers
from interestflow.kubeflow.backend.errors import RefusedError
from tests.kubeflow.backend.toy_pipelines import IMAGE, Step, document, outcomes, platform, read, run_steps

STUB = Path(__file__).with_name("stub_engine.py")
REAL_IMAGE = os.environ.get("INTERESTFLOW_TEST_IMAGE", "")
"""Image with a program `python`, for the test in real containers."""
USER = os.getuid() or 1000
GROUP = os.getgid() or 1000


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the program `docker` on the path; return the file of the calls that it got."""
    folder, record = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    (folder / "docker").write_text(f'#!/bin/sh\nexec {sys.executable} {STUB} {record} {IMAGE} -- "$@"\n')
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return record


def read_calls(record: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.read_text().splitlines()]


def options(arguments: list[str]) -> dict[str, list[str]]:
    """Return the options of `docker run` by name, up to the image."""
    pairs: dict[str, list[str]] = {}
    names = iter(arguments[1 : arguments.index(IMAGE)])
    for name in names:
        pairs.setdefault(name, []).append(next(names))
    return pairs


def test_a_step_runs_unprivileged_with_its_folders_limits_and_secrets(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE_KEY", "very-secret")
    (tmp_path / "logs" / "demo").mkdir(parents=True)
    container = {
        "env": [{"name": "TF_USE_LEGACY_KERAS", "value": "1"}],
        "resources": {"resourceCpuLimit": "500m", "resourceMemoryLimit": "1Gi"},
    }
    config: Mapping[str, Any] = {
        "pvcMount": [{"constant": "logs", "mountPath": "/mnt/logs", "subPath": "demo"}],
        "emptyDirMounts": [
            {"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": "1Mi"},
            {"volumeName": "scratch", "mountPath": "/scratch"},
        ],
        "secretAsEnv": [{"secretName": "store", "keyToEnv": [{"secretKey": "key", "envVar": "STORE_KEY"}]}],
        "secretAsVolume": [{"secretName": "google", "mountPath": "/secrets"}],
    }
    step = Step('print(os.environ["STORE_KEY"], os.environ["TF_USE_LEGACY_KERAS"])', container=container)
    engine = Containers("docker", "none", {"logs": tmp_path / "logs", "google": tmp_path})
    assert outcomes(run_steps(tmp_path, document({"Print": step}), platform(Print=config), engine=engine)) == {
        "Print": "done"
    }
    *asked, run, removed = read_calls(calls)
    assert [call["arguments"] for call in asked] == [["version"], ["image", "inspect", IMAGE]]
    arguments = run["arguments"]
    found = options(arguments)
    assert removed["arguments"] == ["rm", "--force", *found["--name"]]
    assert "very-secret" not in json.dumps(arguments)
    assert arguments[arguments.index(IMAGE) + 1] == "-c"
    root = tmp_path / "state" / "steps" / "1-Print" / "root"
    binds = [
        f"{root}/gcs,target=/gcs", f"{root}/s3,target=/s3", f"{root}/minio,target=/minio", f"{root}/tmp,target=/tmp",
        f"{tmp_path}/logs/demo,target=/mnt/logs", f"{tmp_path},target=/secrets,readonly",
        f"{root}/scratch-1,target=/scratch",
    ]  # fmt: skip
    del found["--name"]
    assert found == {
        "--network": ["none"], "--cap-drop": ["ALL"], "--security-opt": ["no-new-privileges"],
        "--user": [f"{USER}:{GROUP}"], "--entrypoint": ["python"], "--cpus": ["0.5"], "--memory": [str(2**30)],
        "--env": ["TF_USE_LEGACY_KERAS=1", "STORE_KEY"],
        "--mount": ["type=tmpfs,target=/dev/shm,tmpfs-mode=1777,tmpfs-size=1048576"]
        + [f"type=bind,source={bind}" for bind in binds],
    }  # fmt: skip
    (log,) = (tmp_path / "state" / "logs").rglob("*.log")
    assert log.read_text() == "*** 1\n"


def test_outputs_of_a_container_are_stored_and_read_by_the_next(calls: Path, tmp_path: Path) -> None:
    steps = {
        "Write": Step('output("n").write_text("4")', writes=("n",)),
        "Read": Step('sys.exit("read " + source("n").read_text())', reads={"n": "Write.n"}),
    }
    events = run_steps(tmp_path, document(steps), engine=Containers("docker", "host", {}))
    assert [(event.outcome, event.reason) for event in events] == [("done", ""), ("failed", "read 4")]
    assert options(read_calls(calls)[2]["arguments"])["--network"] == ["host"]


VOLUME = {"pvcMount": [{"constant": "logs", "mountPath": "/mnt/logs"}]}


@pytest.mark.parametrize(
    ("engine", "image", "volumes", "message"),
    [
        ("docker", "other:1", {"logs": "."}, "image other:1 is not on this machine; build or pull it first"),
        ("docker", IMAGE, {}, "volume `logs` needs a folder of this machine: `--volume logs=FOLDER`"),
        ("docker", IMAGE, {"logs": ".", "log": "."}, "`--volume` names the claim `log`, which no task mounts"),
        ("docker", IMAGE, {"logs": "none"}, "`--volume logs=none` is not a folder of this machine"),
        (
            "no-such-engine",
            IMAGE,
            {"logs": "."},
            "`--engine no-such-engine`: the program no-such-engine is not installed",
        ),
        ("false", IMAGE, {"logs": "."}, "`--engine false`: the program does not answer; is its service running?"),
    ],
)
def test_what_is_missing_is_refused_before_anything_starts(
    engine: str, image: str, volumes: dict[str, str], message: str, calls: Path, tmp_path: Path
) -> None:
    toy = document({"Print": Step(container={"image": image})})
    folders = {claim: Path(folder) for claim, folder in volumes.items()}
    with pytest.raises(RefusedError, match=message):
        Containers(engine, "none", folders).check(read(tmp_path, toy, platform(Print=VOLUME)))


REAL = """
print(os.getuid(), os.listdir("/sys/class/net"), pathlib.Path("/mnt/logs/events").read_text())
print(pathlib.Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0], os.environ["STORE_KEY"])
print(os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize)
pathlib.Path("/scratch/x").touch()
output("n").mkdir(); (output("n") / "x").write_text("4")
"""


@pytest.mark.skipif(not REAL_IMAGE or shutil.which("docker") is None, reason="needs docker and INTERESTFLOW_TEST_IMAGE")
def test_real_containers_are_unprivileged_and_pass_files_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_KEY", "very-secret")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "events").write_text("log")
    config: Mapping[str, Any] = {
        **VOLUME,
        "emptyDirMounts": [
            {"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": "1Mi"},
            {"volumeName": "scratch", "mountPath": "/scratch"},
        ],
        "secretAsEnv": [{"secretName": "store", "keyToEnv": [{"secretKey": "key", "envVar": "STORE_KEY"}]}],
    }
    container = {"image": REAL_IMAGE, "resources": {"resourceCpuLimit": "1", "resourceMemoryLimit": "256Mi"}}
    slow = {"activeDeadlineSeconds": 5}
    steps = {
        "Write": Step(REAL, writes=("n",), container=container),
        "Read": Step('print((source("n") / "x").read_text())', reads={"n": "Write.n"}, container=container),
        "Wait": Step("import time; time.sleep(60)", reads={"n": "Write.n"}, container=container),
    }
    engine = Containers("docker", "none", {"logs": tmp_path / "logs"})
    events = run_steps(tmp_path, document(steps), platform(Write=config, Wait=slow), engine=engine)
    assert outcomes(events) == {"Write": "done", "Read": "done", "Wait": "failed"}
    assert events[-1].reason == "ended after 5 s (`activeDeadlineSeconds`)"
    logs = {path.name: path.read_text() for path in (tmp_path / "state" / "logs").rglob("*.log")}
    assert logs["1-Write.log"].splitlines() == [f"{USER} ['lo'] log", "0000000000000000 ***", "1048576"]
    assert logs["2-Read.log"] == "4\n"
    left = subprocess.run(["docker", "ps", "--all", "--quiet", "--filter", "name=interestflow-"], capture_output=True)
    assert left.stdout == b""
