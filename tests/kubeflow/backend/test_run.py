"""A run executes steps as the backend does: order, cache, conditions, retries, and what is left after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.state import State
from tests.kubeflow.backend.toy_pipelines import Step, document, outcomes, platform, run_steps
from tests.paths import PROJECT

WRITE = 'output("number").mkdir(); (output("number") / "n.txt").write_text(str(parameter("value")))'
DOUBLE = """
number = float((source("number") / "n.txt").read_text())
output("double").mkdir(); (output("double") / "n.txt").write_text(str(2 * number))
report({"double": {"blessed": number > 1, "names": ["a", 1], "by_split": {"train": 1}, "hash": 7751396592773840000}})
"""
SHOW = 'print(json.dumps(given)); print((source("double") / "n.txt").read_text())'


def chain(value: Any = 1.0, **changes: Step) -> dict[str, Any]:
    steps = {
        "Write": Step(WRITE, parameters={"value": (value, "NUMBER_DOUBLE")}, writes=("number",)),
        "Double": Step(DOUBLE, reads={"number": "Write.number"}, writes=("double",)),
        "Show": Step(SHOW, reads={"double": "Double.double"}),
    }
    return document(steps | changes)


def log_of(folder: Path, task: str) -> str:
    """Return the newest log of a task."""
    logs = sorted((folder / "state" / "logs").rglob(f"*-{task}*.log"), key=lambda path: path.stat().st_mtime)
    return logs[-1].read_text()


def test_files_values_and_metadata_go_from_step_to_step_as_the_backend_passes_them(tmp_path: Path) -> None:
    assert [(event.task, event.outcome) for event in run_steps(tmp_path, chain(3.0))] == [
        ("Write", "done"), ("Double", "done"), ("Show", "done"),
    ]  # fmt: skip
    given, number = log_of(tmp_path, "Show").splitlines()
    assert number == "6.0"
    artifact = json.loads(given)["inputs"]["artifacts"]["double"]["artifacts"][0]
    session = artifact["metadata"].pop("store_session_info")
    assert json.loads(session)["Provider"] == "s3"
    assert artifact["type"] == {"instanceSchema": ""}
    assert artifact["metadata"] == {
        "blessed": 1, "names": {"list": ["a", 1]}, "by_split": {"struct": {"train": 1}}, "hash": 7751396592773840000,
        "display_name": "double",
    }  # fmt: skip
    assert artifact["uri"].startswith("s3://models/toy-root/toy/")
    assert artifact["uri"].split("/")[6] == "Double"
    assert list((tmp_path / "state" / "steps").iterdir()) == []


def test_a_second_run_is_served_from_the_cache_with_the_old_uris(tmp_path: Path) -> None:
    run_steps(tmp_path, chain())
    steps = {"Show": Step(SHOW, reads={"double": "Double.double"}, cached=False)}
    before = log_of(tmp_path, "Show")
    assert outcomes(run_steps(tmp_path, chain(**steps))) == {"Write": "cached", "Double": "cached", "Show": "done"}
    given = [json.loads(text.splitlines()[0])["inputs"] for text in (before, log_of(tmp_path, "Show"))]
    assert given[0] == given[1]


def test_another_parameter_reruns_the_step_and_all_that_read_from_it(tmp_path: Path) -> None:
    run_steps(tmp_path, chain(1.0))
    assert outcomes(run_steps(tmp_path, chain(2.0))) == {"Write": "done", "Double": "done", "Show": "done"}


def test_an_uncached_step_makes_new_inputs_for_those_that_read_from_it(tmp_path: Path) -> None:
    write = Step(WRITE, parameters={"value": (1.0, "NUMBER_DOUBLE")}, writes=("number",), cached=False)
    run_steps(tmp_path, chain(Write=write))
    assert set(outcomes(run_steps(tmp_path, chain(Write=write))).values()) == {"done"}


def test_after_a_change_of_bucket_the_cache_serves_what_the_launcher_cannot_open(tmp_path: Path) -> None:
    run_steps(tmp_path, chain())
    show = Step(SHOW + "#", reads={"double": "Double.double"})
    events = run_steps(tmp_path, chain(Show=show), root="s3://other/toy-root")
    assert outcomes(events) == {"Write": "cached", "Double": "cached", "Show": "failed"}
    assert "but the launcher opens s3://other alone" in events[-1].reason
    assert outcomes(run_steps(tmp_path, chain(Show=show), root="s3://models/elsewhere"))["Show"] == "done"


GATE = 'report({"blessing": {"blessed": int(parameter("value"))}})'
CONDITION = "inputs.artifacts['blessing'].artifacts[0].metadata['blessed'] == 1.0"


def gated(value: float, condition: str = CONDITION) -> dict[str, Any]:
    return document(
        {
            "Gate": Step(GATE, parameters={"value": (value, "NUMBER_DOUBLE")}, writes=("blessing",)),
            "Pusher": Step(
                'output("pushed").write_text("x")', reads={"blessing": "Gate.blessing"}, writes=("pushed",),
                task={"triggerPolicy": {"condition": condition}},
            ),
            "Announce": Step(reads={"pushed": "Pusher.pushed"}),
            "Unrelated": Step(reads={"blessing": "Gate.blessing"}),
        }
    )  # fmt: skip


def test_a_condition_on_metadata_lets_a_step_run(tmp_path: Path) -> None:
    assert set(outcomes(run_steps(tmp_path, gated(1.0))).values()) == {"done"}


def test_a_false_condition_skips_the_step_and_omits_what_depends_on_it(tmp_path: Path) -> None:
    assert outcomes(run_steps(tmp_path, gated(0.0))) == {
        "Gate": "done", "Pusher": "skipped", "Announce": "omitted", "Unrelated": "done",
    }  # fmt: skip


def test_a_condition_on_metadata_that_is_not_there_fails_the_run(tmp_path: Path) -> None:
    *_, last = run_steps(tmp_path, gated(1.0, CONDITION.replace("blessed", "approved")))
    assert (last.task, last.outcome) == ("Pusher", "failed")
    assert last.reason.endswith("failed: no such key 'approved'")


def retrying(count: int, attempts: Path, failures: int) -> dict[str, Any]:
    body = f"""
attempts = pathlib.Path({str(attempts)!r})
attempts.write_text(attempts.read_text() + output("number").parent.name + "\\n" if attempts.exists() else
                    output("number").parent.name + "\\n")
number = len(attempts.read_text().splitlines())
print("attempt", number, "sees", sorted(p.name for p in output("number").parent.iterdir()), flush=True)
output("number").write_text(str(number))
if number <= {failures}: sys.exit("lost the node")
"""
    policy = {"retryPolicy": {"maxRetryCount": count, "backoffDuration": "0s", "backoffFactor": 2.0}}
    return document({"Write": Step(body, writes=("number",), task=policy)})


def test_a_retry_has_the_same_uris_a_fresh_folder_and_a_log_of_its_own(tmp_path: Path) -> None:
    attempts = tmp_path / "attempts"
    events = run_steps(tmp_path, retrying(2, attempts, failures=2))
    assert [(event.outcome, event.reason) for event in events] == [
        ("retried", "lost the node"), ("retried", "lost the node"), ("done", ""),
    ]  # fmt: skip
    assert len(set(attempts.read_text().splitlines())) == 1
    store = tmp_path / "state" / "objects" / "s3" / "models"
    logs = {path.name: path.read_text().splitlines()[0] for path in store.rglob("executor-logs*")}
    assert logs == {f"executor-logs-{n}": f"attempt {n + 1} sees ['executor-logs-{n}']" for n in range(3)}
    assert [path.read_text() for path in store.rglob("number")] == ["3"]


def test_retries_end(tmp_path: Path) -> None:
    events = run_steps(tmp_path, retrying(1, tmp_path / "attempts", failures=2))
    assert [event.outcome for event in events] == ["retried", "failed"]


def test_a_failed_step_ends_the_run_with_its_last_line_and_its_log(tmp_path: Path) -> None:
    double = Step('print("one"); print("no such column `price`\\n"); sys.exit(3)', reads={"number": "Write.number"},
                  writes=("double",))  # fmt: skip
    events = run_steps(tmp_path, chain(Double=double))
    assert [(event.task, event.outcome) for event in events] == [("Write", "done"), ("Double", "failed")]
    assert events[-1].reason == "no such column `price`"
    assert events[-1].log is not None
    assert events[-1].log.read_text() == "one\nno such column `price`\n\n"
    assert outcomes(run_steps(tmp_path, chain())) == {"Write": "cached", "Double": "done", "Show": "done"}


def test_run_parameters_and_output_parameters_reach_the_steps_that_name_them(tmp_path: Path) -> None:
    find = 'report(found=json.dumps({"rate": parameter("rate")}), count=3); print(sys.argv[2:])'
    steps = {
        "Find": Step(
            find, parameters={"rate": ("run:learning_rate", "NUMBER_DOUBLE")},
            returns={"found": "STRING", "count": "NUMBER_INTEGER", "flag": "BOOLEAN"},
            container={"args": ["{{$}}", "{{$.inputs.parameters['rate']}}"]},
        ),
        "Use": Step(
            'print(given["inputs"]["parameterValues"])',
            parameters={"found": ("Find:found", "STRING"), "text": ("Find:count", "STRING")},
        ),
    }  # fmt: skip
    steps["Find"].body += '\nf = inside("/tmp/kfp/outputs/flag"); f.write_text("True")'
    declared = {"learning_rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.5, "isOptional": True}}
    assert set(outcomes(run_steps(tmp_path, document(steps, declared))).values()) == {"done"}
    assert log_of(tmp_path, "Use") == "{'found': '{\"rate\": 0.5}', 'text': '3'}\n"
    assert log_of(tmp_path, "Find") == "['0.5']\n"
    run_steps(tmp_path, document(steps, declared), given=("learning_rate=2",))
    assert log_of(tmp_path, "Use") == "{'found': '{\"rate\": 2}', 'text': '3'}\n"


def test_a_missing_secret_is_refused_by_name_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = {"secretAsEnv": [{"secretName": "store", "keyToEnv": [{"secretKey": "key", "envVar": "STORE_KEY"}]}]}
    documents = (document({"Print": Step('print("key", os.environ["STORE_KEY"])')}), platform(Print=secret))
    with pytest.raises(
        RefusedError, match="task `Print` takes STORE_KEY from secret `store`: set the variable STORE_KEY"
    ):
        run_steps(tmp_path, *documents)
    assert not (tmp_path / "state").exists()
    monkeypatch.setenv("STORE_KEY", "very-secret")
    assert outcomes(run_steps(tmp_path, *documents)) == {"Print": "done"}
    assert log_of(tmp_path, "Print") == "key ***\n"
    kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file() and b"very-secret" in path.read_bytes()]
    assert kept == []


KILLED = """
import sys
from pathlib import Path
from tests.kubeflow.backend.test_run import killed
from tests.kubeflow.backend.toy_pipelines import run_steps
run_steps(Path(sys.argv[1]), killed(Path(sys.argv[1])))
"""


def killed(folder: Path) -> dict[str, Any]:
    """Return a pipeline whose second step waits for the test the first time."""
    wait = f"""
mark = pathlib.Path({str(folder / "mark")!r})
if not mark.exists():
    mark.write_text("here")
    import time; time.sleep(60)
"""
    double = Step(wait + DOUBLE, reads={"number": "Write.number"}, writes=("double",))
    return chain(Double=double)


def test_a_killed_run_loses_only_the_step_that_ran(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=PROJECT, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "mark").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        with pytest.raises(RefusedError, match="is in use by another run"), State.opened(tmp_path / "state"):
            pass
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    # Its step still runs, and would write what the next run writes.
    with pytest.raises(RefusedError, match="or by a step of one that was killed"), State.opened(tmp_path / "state"):
        pass
    (step,) = subprocess.run(["pgrep", "-f", str(tmp_path / "mark")], capture_output=True, text=True).stdout.split()
    os.kill(int(step), signal.SIGKILL)
    while Path(f"/proc/{step}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert outcomes(run_steps(tmp_path, killed(tmp_path))) == {"Write": "cached", "Double": "done", "Show": "done"}
    assert list((tmp_path / "state" / "steps").iterdir()) == []
