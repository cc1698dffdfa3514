"""One attempt of a step: private folder, log, outputs, and what makes it fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kubeflow.backend.toy_pipelines import Step, document, outcomes, run_steps


def objects(folder: Path) -> list[str]:
    """Return task and name of every stored file."""
    store = folder / "state" / "objects" / "s3" / "models" / "toy-root" / "toy"
    parts = [path.relative_to(store).parts for path in store.rglob("*") if path.is_file()]
    return sorted("/".join((part[1], *part[3:])) for part in parts)


def test_only_the_parents_of_outputs_are_made(tmp_path: Path) -> None:
    body = 'print(sorted(p.name for p in output("model").parent.iterdir()), inside("/tmp/kfp/outputs").is_dir())'
    step = Step(body + '\nreport(found="x")', writes=("model",), returns={"found": "STRING"})
    assert outcomes(run_steps(tmp_path, document({"Write": step}))) == {"Write": "done"}
    assert objects(tmp_path) == ["Write/executor-logs"]
    (log,) = (tmp_path / "state" / "logs").rglob("*.log")
    assert log.read_text() == "['executor-logs'] True\n"


def test_a_step_reads_what_is_named_like_its_input_too(tmp_path: Path) -> None:
    write = 'output("model").mkdir(); (output("model") / "a").touch(); output("model_run").mkdir()'
    write += '; (output("model_run") / "events").touch()'
    read = 'print([p.name for p in sorted(source("model").parent.iterdir())])'
    steps = {"Write": Step(write, writes=("model", "model_run")), "Read": Step(read, reads={"model": "Write.model"})}
    run_steps(tmp_path, document(steps))
    (log,) = (tmp_path / "state" / "logs").rglob("*-Read.log")
    assert log.read_text() == "['model', 'model_run']\n"
    assert objects(tmp_path) == [
        "Read/executor-logs", "Write/executor-logs", "Write/model/a", "Write/model_run/events",
    ]  # fmt: skip


FAILURES = {
    "a symlink to a folder": (
        'output("model").mkdir(); (output("model") / "1").mkdir(); (output("model") / "latest").symlink_to("1")',
        "output `model` has the symlink latest to a folder, which the launcher cannot upload",
    ),
    "null in metadata": (
        'report({"model": {"auc": None}})',
        "metadata `auc` of output `model` is null, which the launcher refuses: "
        "unknown/unsupported value type *structpb.Value_NullValue",
    ),
    "no JSON": (
        'inside(given["outputs"]["outputFile"]).write_text("{")',
        "the launcher cannot parse output_metadata.json of the step: "
        "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ),
    "silence": ("sys.exit(4)", "the command ended with exit code 4 and no output"),
    "a signal": ('print("loading", flush=True); os.kill(os.getpid(), 9)', "the command was ended by SIGKILL"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_after_the_start_has_a_reason_and_a_log(case: str, tmp_path: Path) -> None:
    body, reason = FAILURES[case]
    (event,) = run_steps(tmp_path, document({"Write": Step(body, writes=("model",))}))
    assert (event.outcome, event.reason) == ("failed", reason)
    assert event.log is not None
    assert event.log.is_file()
    assert list((tmp_path / "state" / "steps").iterdir()) == []


def test_the_log_of_a_failed_step_is_stored(tmp_path: Path) -> None:
    run_steps(tmp_path, document({"Write": Step('sys.exit("no disk")', writes=("model",))}))
    assert objects(tmp_path) == ["Write/executor-logs"]
