"""Steps as processes: private folders, a clean environment, and nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from interestflow.kubeflow.backend.engine import StepCommand, make_private_folders
from interestflow.kubeflow.backend.errors import RefusedError, StepError
from interestflow.kubeflow.backend.processes import Processes
from tests.kubeflow.backend.toy_pipelines import Step, document, platform, read, read_task
from tests.paths import PROJECT


def command(folder: Path, program: str, step: Step | None = None, **config: Any) -> StepCommand:
    make_private_folders(folder / "root")
    task = read_task(folder, step or Step(), **config)
    return StepCommand(task, ["python", "-c", program], {"A": "1"}, folder / "root", folder / "log")


def test_a_step_sees_its_private_folders_and_a_clean_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for the step")
    monkeypatch.setenv("STORE_KEY", "for the step")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(("src", "")))
    monkeypatch.chdir(PROJECT)
    secrets = [{"secretName": "s", "keyToEnv": [{"secretKey": "k", "envVar": "STORE_KEY"}]}]
    program = "import os, sys, tempfile; print(sys.executable, os.getcwd(), tempfile.gettempdir(), sorted(os.environ))"
    program += "; print(os.environ['STORE_KEY'], os.environ['PYTHONPATH'], os.environ['HOME'], os.listdir())"
    assert Processes({}).run(command(tmp_path, program, secretAsEnv=secrets)) == 0
    root = tmp_path / "root"
    names = ["A", "HOME", "INTERESTFLOW_STEP_ROOT", "LANG", "PATH", "PYTHONPATH", "STORE_KEY", "TMPDIR"]
    assert (tmp_path / "log").read_text().splitlines() == [
        f"{sys.executable} {root / 'work'} {root / 'tmp'} {names}",
        f"for the step {PROJECT.resolve() / 'src'} {root / 'home'} []",
    ]


def test_the_exit_code_is_the_steps(tmp_path: Path) -> None:
    assert Processes({}).run(command(tmp_path, "print('x'); raise SystemExit(7)")) == 7


def test_a_program_that_is_not_there_fails_the_step(tmp_path: Path) -> None:
    make_private_folders(tmp_path / "root")
    missing = StepCommand(read_task(tmp_path, Step()), ["no-such-program"], {}, tmp_path / "root", tmp_path / "log")
    with pytest.raises(StepError, match="no-such-program cannot be started: No such file or directory"):
        Processes({}).run(missing)


LEAVE = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"


def is_running(process: int) -> bool:
    """Tell whether a process runs, other than as a zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_step_leaves_running_is_ended_with_it(tmp_path: Path) -> None:
    assert Processes({}).run(command(tmp_path, LEAVE)) == 0
    deadline = time.monotonic() + 10
    while is_running(int((tmp_path / "log").read_text())) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(int((tmp_path / "log").read_text()))


def test_a_step_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(StepError, match=r"ended after 1 s \(`activeDeadlineSeconds`\)"):
        Processes({}).run(command(tmp_path, "import time; time.sleep(60)", activeDeadlineSeconds=1))
    assert time.monotonic() - start < 30


STOPPED = """
import sys
from pathlib import Path
from tests.kubeflow.backend.test_processes import LEAVE, command
from interestflow.kubeflow.backend.processes import Processes
try:
    program = LEAVE.replace(".pid)", ".pid, flush=True)") + "; import time; time.sleep(60)"
    Processes({}).run(command(Path(sys.argv[1]), program))
except KeyboardInterrupt:
    print("stopped")
"""


def test_an_interrupt_ends_the_step_and_its_children(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", STOPPED, str(tmp_path)], cwd=PROJECT, stdout=subprocess.PIPE)
    log = tmp_path / "log"
    deadline = time.monotonic() + 60
    while not (log.exists() and log.read_text().endswith("\n")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert output == b"stopped\n"
    while is_running(int(log.read_text())) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(int(log.read_text()))


def test_mount_paths_must_exist_here(tmp_path: Path) -> None:
    volume = {"pvcMount": [{"constant": "models", "mountPath": str(tmp_path / "none")}]}
    with pytest.raises(RefusedError, match=r"task `Write` mounts volume `models` at .*/none, which is not a folder"):
        Processes({}).check(read(tmp_path, document({"Write": Step()}), platform(Write=volume)))
    scratch = {"emptyDirMounts": [{"volumeName": "x", "mountPath": str(tmp_path / "none")}]}
    with pytest.raises(RefusedError, match=r"task `Write` has an empty folder at .*/none, which is not a folder"):
        Processes({}).check(read(tmp_path, document({"Write": Step()}), platform(Write=scratch)))
    (tmp_path / "none").mkdir()
    Processes({}).check(read(tmp_path, document({"Write": Step()}), platform(Write=volume | scratch)))


def test_folders_for_volumes_are_refused() -> None:
    with pytest.raises(RefusedError, match="`--volume` needs `--engine docker` or podman"):
        Processes({"models": Path("/")})
