"""What a machine lacks is reported in one sentence that names what to install."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "check_machine.sh"


def check(python: str, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(SCRIPT), python], capture_output=True, text=True, env={"PATH": path})


def program(folder: Path, name: str, text: str) -> str:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def assert_one_sentence(result: subprocess.CompletedProcess[str], *named: str) -> None:
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    for name in named:
        assert name in result.stderr


def test_no_python_at_all(tmp_path):
    assert_one_sentence(check("", str(tmp_path)), "Python 3.11", "apt-get install python3 python3-venv")


def test_a_python_that_is_not_there(tmp_path):
    assert_one_sentence(check("python9", str(tmp_path)), "python9", "apt-get install python3 python3-venv")


def test_no_compiler(tmp_path):
    assert_one_sentence(check(sys.executable, str(tmp_path)), "C compiler", "apt-get install gcc")


@pytest.mark.parametrize("name", ["gcc", "cc"])
def test_python_and_any_compiler_are_enough(tmp_path, name):
    program(tmp_path, name, "true")
    result = check(sys.executable, str(tmp_path))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_an_old_python(tmp_path):
    # Answers as an older interpreter does: the version check ends with 1.
    old = program(tmp_path, "python3", 'if [ "$1" = --version ]; then echo "Python 3.9.2"; else exit 1; fi')
    assert_one_sentence(check(old, str(tmp_path)), "3.11, 3.12 or 3.13", "Python 3.9.2", "make PYTHON=")


def test_a_python_without_venv(tmp_path):
    bare = program(tmp_path, "python3", 'case "$2" in *venv*) exit 1;; esac')
    assert_one_sentence(check(bare, str(tmp_path)), "no venv module", "apt-get install python3-venv")
