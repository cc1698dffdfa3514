"""`interestflow plan`: sizes that options set, exit codes, and mistakes as one sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from interestflow.pipeline.cli.main import app
from interestflow.pipeline.cli.plan import PlanOptions, with_sizes
from tests.pipeline.plan.formulas import round_formulas
from tests.pipeline.plan.test_plan import SIZE
from tests.pipeline.validate.small_shop import write_shop

OPTIONS = PlanOptions(Path("shop.yaml"))


def plan(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command in this process; return its exit code and what it wrote to stdout and to stderr."""
    with pytest.raises(SystemExit) as ended:
        app(["plan", *arguments])
    written = capfd.readouterr()
    return int(ended.value.code or 0), written.out, written.err


def test_a_plan_is_printed_and_nothing_is_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_shop(tmp_path)
    runs = tmp_path / "runs"
    formulas = tmp_path / "formulas.json"
    formulas.write_text(round_formulas().to_json())
    options = ("--runs-folder", str(runs), "--events", "1000000", "--coefficients", str(formulas))
    code, out, err = plan(capfd, str(path), *options)
    assert code == 0, out + err
    assert "a log of 1,000,000 events is taken to be 5e+04 times this one" in out
    # 1 s and 10 s for each million examples, of which the transform reads nine tenths.
    assert [line.split()[:3] for line in out.splitlines() if line.startswith(("LogEx", "Trans"))] == [
        ["LogExampleGen", "11", "s"],
        ["Transform", "10", "s"],
    ]
    assert err == ""
    assert not runs.exists()


def test_a_run_that_does_not_fit_ends_with_1(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = plan(capfd, str(write_shop(tmp_path)), "--items", "3000000000")
    assert code == 1
    assert "does not fit: rows of a table" in out


@pytest.mark.parametrize("option", ["--data-folder", "--coefficients"])
def test_what_is_missing_is_one_sentence(option: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = plan(capfd, str(write_shop(tmp_path)), option, str(tmp_path / "missing"))
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert str(tmp_path / "missing") in err


def test_a_longer_log_has_more_users_and_the_same_histories() -> None:
    size = with_sizes(SIZE, replace(OPTIONS, events=4_000_000), 20)
    assert (size.events, size.users, size.items, size.history, size.log_mb) == (4e6, 2e4, 1e6, 15.0, 60.0)


def test_users_set_the_length_of_histories() -> None:
    # 2 million behaviours of 200,000 users: ten each, of which the k-th has k - 1 before it.
    size = with_sizes(SIZE, replace(OPTIONS, users=200_000), 20)
    assert (size.users, size.history) == (200_000.0, 4.5)


def test_a_history_is_never_longer_than_it_may_be() -> None:
    assert with_sizes(SIZE, replace(OPTIONS, history=12.0), 20).history == 12.0
    assert with_sizes(SIZE, replace(OPTIONS, history=70.0), 20).history == 20.0


def test_without_options_nothing_changes() -> None:
    assert with_sizes(SIZE, OPTIONS, 20) == SIZE
