"""`interestflow query` prints the answer to stdout, and warnings and errors to stderr."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from interestflow.pipeline.cli.query import QueryOptions, client_tls
from interestflow.serving.client import ClientTLS
from tests.serving.client.described_models import NAME

USER = {"device": "tv", "hour": 3.0, "history_item": ["i1", "i2"], "history_age": [20, 10]}
CANDIDATES = [{"item": f"c{index}", "price": index} for index in (3, 1, 2, 1)]


def query(tmp_path: Path, address: str, question: Any, *options: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "question.json").write_text(json.dumps(question))
    command = [sys.executable, "-m", "interestflow", "query", address, str(tmp_path / "question.json"), "--model", NAME]
    return subprocess.run([*command, *options], capture_output=True, text=True, timeout=60)


def test_the_command_warns_of_missing_features(ranker: str, tmp_path: Path) -> None:
    complete = query(tmp_path, ranker, {"user": USER, "candidates": CANDIDATES})
    assert (complete.returncode, complete.stderr) == (0, "")
    assert "c3" in complete.stdout
    lacking = query(tmp_path, ranker, {"user": {"device": "tv"}, "candidates": [{"item": "c3"}]}, "-k", "1")
    assert lacking.returncode == 0
    assert lacking.stderr == "warning: the question lacks hour, price, which every training example had\n"
    assert "described, version 1" in lacking.stdout


def test_the_command_says_in_one_sentence_what_is_wrong(ranker: str, tmp_path: Path) -> None:
    unknown = query(tmp_path, ranker, {"user": {"colour": ["red"]}, "candidates": ["c1"]})
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("error: the user has colour; the model knows device, history_age")
    both = query(tmp_path, ranker, {"user": {}}, "--version", "1", "--label", "stable")
    assert both.stderr == "error: one of `version` and `label` should be given, received 1 and 'stable'\n"
    assert both.stdout == ""


def test_a_client_has_certificates_where_an_authority_or_its_own_are_given() -> None:
    plain = QueryOptions("localhost:1", Path("question.json"), "shop")
    assert client_tls(plain) is None
    secure = QueryOptions("localhost:1", Path("question.json"), "shop", tls_authority=Path("ca.pem"))
    assert client_tls(secure) == ClientTLS("ca.pem", None, None)
