"""The command `interestflow run-compiled`, in processes of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.kubeflow.backend.test_run import chain, gated
from tests.kubeflow.backend.toy_pipelines import Step, document, platform, write_documents
from tests.paths import PROJECT


def run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it printed, without seconds and run ids."""
    finished = subprocess.run(
        [sys.executable, "-m", "interestflow", "run-compiled", "toy.yaml", *arguments], cwd=folder, text=True,
        env=os.environ | {"PYTHONPATH": f"{PROJECT}/src{os.pathsep}{PROJECT}", "COLUMNS": "500"} | environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
    )  # fmt: skip
    return finished.returncode, re.sub(r"\d+(\.\d)? s\b", "N s", re.sub(r"[0-9a-f-]{36}", "UUID", finished.stdout))


HEAD = """toy: as Kubeflow Pipelines 2.16.1, state in {state}
root s3://models/toy-root, from `defaultPipelineRoot`; the backend ignores that field and takes the root of the run
"""


def test_a_run_succeeds_and_the_next_one_is_served_from_the_cache(tmp_path: Path) -> None:
    write_documents(tmp_path / "toy.yaml", chain())
    code, text = run(tmp_path, "--pipeline-root", "gs://bucket/toy")
    assert code == 0
    assert text.splitlines() == [
        "toy: as Kubeflow Pipelines 2.16.1, state in runs/compiled/toy",
        "root gs://bucket/toy",
        "✓ Write              done        N s",
        "✓ Double             done        N s",
        "✓ Show               done        N s",
        "succeeded (3 steps, 0 served from cache, N s)",
    ]
    assert (tmp_path / "runs" / "compiled" / "toy" / "objects" / "gs" / "bucket").is_dir()
    code, text = run(tmp_path, "--pipeline-root", "gs://bucket/toy")
    assert (code, text.splitlines()[-1]) == (0, "succeeded (3 steps, 3 served from cache, N s)")


def test_a_refusal_of_a_gate_is_exit_code_2(tmp_path: Path) -> None:
    write_documents(tmp_path / "toy.yaml", gated(0.0))
    code, text = run(tmp_path, INTERESTFLOW_RUNS=str(tmp_path / "kept"))
    assert code == 2
    state = tmp_path / "kept" / "compiled" / "toy"
    condition = "inputs.artifacts['blessing'].artifacts[0].metadata['blessed'] == 1.0"
    assert text == HEAD.format(state=state) + (
        "✓ Gate               done        N s\n"
        f"- Pusher             skipped     N s  its condition is false: {condition}\n"
        "- Announce           omitted     N s  Pusher did not run\n"
        "✓ Unrelated          done        N s\n"
        "succeeded (4 steps, 0 served from cache, N s), but a condition skipped Pusher\n"
    )


def test_a_failure_is_exit_code_1_with_the_reason_and_the_log(tmp_path: Path) -> None:
    step = Step('print("[bold]", flush=True); sys.exit("no column [price]")')
    scheduling = {"nodeSelector": {"labels": {"pool": "gpu"}}}
    write_documents(tmp_path / "toy.yaml", document({"Write": step}), platform(Write=scheduling))
    code, text = run(tmp_path, "--state", "kept")
    assert code == 1
    assert text == HEAD.format(state="kept") + (
        "not applied on this machine: `nodeSelector` of all steps\n"
        "✗ Write              failed      N s\n"
        "Write failed: no column [price]\n"
        f"More in {tmp_path}/kept/logs/UUID/1-Write.log\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--pipeline-root", "/tmp/x"),
            "`--pipeline-root` should be a folder on gs://, s3:// or minio://, but is '/tmp/x'",
        ),
        (("--parameter", "span=1"), "`--parameter` should name a parameter, of which there are none, received 'span'"),
        (("--volume", "logs"), "`--volume` should be CLAIM=FOLDER, but is 'logs'"),
        (
            ("--volume", "logs=."),
            "`--volume` needs `--engine docker` or podman: a process sees this machine's own paths",
        ),
        (("--network", "host"), "`--network` needs `--engine docker` or podman: a process has this machine's network"),
        (("--state", "toy.yaml"), "the state folder {folder}/toy.yaml cannot be written: File exists"),
    ],
)
def test_what_is_wrong_is_one_sentence(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    write_documents(tmp_path / "toy.yaml", chain())
    assert run(tmp_path, *arguments) == (1, f"error: {message.format(folder=tmp_path)}\n")


def test_a_root_is_needed(tmp_path: Path) -> None:
    write_documents(tmp_path / "toy.yaml", chain() | {"defaultPipelineRoot": ""})
    code, text = run(tmp_path)
    assert (code, text) == (1, "error: the specification has no `defaultPipelineRoot`: give `--pipeline-root`\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_step_and_keeps_the_rest(number: signal.Signals, tmp_path: Path) -> None:
    # The step says that it started beside the state folder: in there, the earlier steps' folders come and go.
    started = tmp_path / "started"
    wait = Step(f'from pathlib import Path; Path({str(started)!r}).touch(); output("double").write_text("x"); '
                "import time; time.sleep(60)", reads={"number": "Write.number"}, writes=("double",))  # fmt: skip
    write_documents(tmp_path / "toy.yaml", chain(Double=wait))
    process = subprocess.Popen(
        [sys.executable, "-m", "interestflow", "run-compiled", "toy.yaml", "--state", "kept"], cwd=tmp_path, text=True,
        env=os.environ | {"PYTHONPATH": f"{PROJECT}/src{os.pathsep}{PROJECT}"}, stdout=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output.splitlines()[-1] == "stopped; the next run continues from the cache"
    assert list((tmp_path / "kept" / "steps").iterdir()) == []
    write_documents(tmp_path / "toy.yaml", chain())
    assert "= Write              cached" in run(tmp_path, "--state", "kept")[1]
