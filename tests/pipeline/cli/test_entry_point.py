"""The command `interestflow` reports packages that are not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys

class Forbid:
    def find_spec(self, name, path=None, target=None):
        if (name + ".").startswith({package!r} + "."):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Forbid())
sys.argv = ["interestflow", *{arguments!r}]
from interestflow.pipeline.cli.entry_point import main
main()
"""


def run(package: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(package=package, arguments=arguments)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [
        ("typer", ["--help"], "pipeline"),
        ("tfx", ["run", "configs/demo.yaml"], "pipeline"),
        ("kfp", ["compile", "configs/demo.yaml", "-o", "specification.yaml"], "kubeflow"),
    ],
)
def test_a_package_that_is_not_installed_is_named_with_what_to_install(
    package: str, arguments: list[str], extra: str
) -> None:
    completed = run(package, *arguments)
    assert completed.returncode == 1
    assert completed.stderr.splitlines()[-1] == (
        f"error: the package {package} is not installed; "
        f"this command needs the extra `{extra}`: pip install 'interestflow[{extra}]'"
    )
    assert "Traceback" not in completed.stderr


def test_a_module_of_this_project_that_is_not_there_is_a_mistake_of_this_project() -> None:
    completed = run("interestflow.serving", "query", "localhost:1", "question.json", "--model", "m")
    assert "Traceback" in completed.stderr


def test_the_command_line_starts() -> None:
    completed = run("nothing", "query", "--help")
    assert completed.returncode == 0
    assert "Query a model server" in completed.stdout
