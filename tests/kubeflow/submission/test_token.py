"""The token comes from the environment or the pod's file, and no message ever shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.kubeflow.submission import token
from interestflow.kubeflow.submission.errors import SubmissionError
from interestflow.kubeflow.submission.token import PATH_VARIABLE, TOKEN_VARIABLE, read_token


def test_no_token() -> None:
    assert read_token() is None


def test_the_variable_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("from-file\n")
    monkeypatch.setenv(PATH_VARIABLE, str(tmp_path / "token"))
    assert read_token() == "from-file"
    monkeypatch.setenv(TOKEN_VARIABLE, " from-variable\n")
    assert read_token() == "from-variable"


def test_the_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("old")
    monkeypatch.setattr(token, "POD_TOKEN", tmp_path / "token")
    assert read_token() == "old"
    (tmp_path / "token").write_text("new")
    assert read_token() == "new"


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PATH_VARIABLE, str(tmp_path / "missing"))
    with pytest.raises(SubmissionError) as caught:
        read_token()
    assert str(caught.value) == (
        f"`${PATH_VARIABLE}` should name a readable file, received {tmp_path / 'missing'}: No such file or directory"
    )
    (tmp_path / "missing").write_bytes(b"\xff")
    with pytest.raises(SubmissionError, match="it is not text"):
        read_token()


@pytest.mark.parametrize("value", ["two words", "two\nlines", "tök", "a\x07b"])
def test_what_no_header_can_carry(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, value)
    with pytest.raises(SubmissionError) as caught:
        read_token()
    assert str(caught.value) == "`$KFP_TOKEN` should hold one line, a token, received something else"


def test_an_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("")
    monkeypatch.setenv(PATH_VARIABLE, str(tmp_path / "token"))
    with pytest.raises(SubmissionError) as caught:
        read_token()
    assert str(caught.value) == f"{tmp_path / 'token'} should hold one line, a token, received something else"
