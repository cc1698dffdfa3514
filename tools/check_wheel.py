"""Build the distributions and try the wheel as its users do: `python -m tools.check_wheel`.

The check has three parts:

1. The wheel holds every module and data file of the clone, and the wheel that is built from the sdist has the same
   contents. In the clone `src/interestflow` consists of links; in both distributions they are files.
2. The wheel is installed into an empty environment. The extras are installed one after another, each of which includes
   the one before, and after each the modules that it covers are imported. The last one shares its environment with the
   official Kubeflow SDK, whose package is called `kubeflow`. There a small generated log is trained to a pushed model.
3. An environment with the client alone, without TensorFlow, imports the client.

Environments live in a temporary folder. uv links their files from its cache, so that they cost seconds and little disk.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "interestflow"
PACKAGED_SUFFIXES = (".py", ".pyi", ".proto", ".yaml")
COMPILE = f"{PACKAGE}.pipeline.dag.compile"
"""Module of the pipeline that needs `kfp`."""
KUBEFLOW_SDK = "kubeflow==0.5.0"

IMPORT_MODULES = """
import importlib, os, pkgutil, sys
prefixes, exceptions = sys.argv[1].split(), tuple(sys.argv[2].split())
names = list(prefixes)
for prefix in prefixes:
    package = importlib.import_module(prefix)
    names += [module.name for module in pkgutil.walk_packages(getattr(package, "__path__", []), prefix + ".")]
names = [name for name in names if not name.startswith(exceptions or ("-",)) and not name.endswith("__main__")]
for name in names:
    module = importlib.import_module(name)
    assert "site-packages" in module.__file__, f"{name} was imported from {module.__file__}"
print(len(names), "modules")
for forbidden in sys.argv[3].split():
    assert forbidden not in sys.modules, f"{forbidden} was imported"
"""

CONFIG = """
name: tiny
generate: {events: 4000, users: 300, items: 200, categories: 10, days: 10}
data:
  folder: logs
  events: {path: events.parquet, format: parquet, user: user, item: item, timestamp: timestamp, timestamp_unit: ms}
  items: {path: items.parquet, format: parquet, id: item}
tasks:
  - {name: click, label: {column: click}}
sequence: {behaviours: {column: click}, max_length: 10}
features:
  attributes:
    - {name: category, from: items, use: [target, history]}
model: {name: pooled}
training: {batch_size: 256, epochs: 1}
evaluation: {compare_with_baseline: false}
"""


class WheelCheckError(Exception):
    """A distribution that a user could not work with; the message says what is wrong."""


@dataclass(frozen=True)
class Stage:
    """One step of the growing environment.

    Attributes:
        extra: name of the extra that is installed, empty for the base.
        packages: packages whose modules are imported, all of them.
        exceptions: prefixes of modules that a later extra covers.
        forbidden: modules that must not have been imported by then.
    """

    extra: str
    packages: tuple[str, ...]
    exceptions: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the requirement that the stage installs."""
        return f"{PACKAGE}[{self.extra}]" if self.extra else PACKAGE


STAGES = (
    Stage("", (f"{PACKAGE}.models",), forbidden=("tfx", "apache_beam", "grpc", f"{PACKAGE}.pipeline")),
    Stage("client", (f"{PACKAGE}.serving.client",), forbidden=("tensorflow", "keras", "tfx")),
    Stage("pipeline", (PACKAGE,), exceptions=(f"{PACKAGE}.configs", f"{PACKAGE}.kubeflow", COMPILE)),
    Stage("kubeflow", (f"{PACKAGE}.kubeflow", COMPILE)),
)


def run(command: Sequence[str | Path], folder: Path, **variables: str) -> str:
    """Run a command outside the clone and return its standard output.

    Raises:
        WheelCheckError: the command failed; the message has the end of what it printed.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    finished = subprocess.run(
        [str(part) for part in command], cwd=folder, env=inherited | variables, capture_output=True, text=True
    )
    if finished.returncode:
        output = (finished.stdout + finished.stderr).strip()[-4000:]
        shown = " ".join(str(part) for part in command)[:200]
        raise WheelCheckError(f"`{shown}` ended with exit code {finished.returncode}:\n{output}")
    return finished.stdout


def packaged_files(source: Path) -> Iterator[str]:
    """Yield the paths that a wheel must have, of the package whose folder is `source`, with links followed."""
    for folder, folders, files in os.walk(source, followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            path = (Path(folder) / name).relative_to(source)
            if path.suffix in PACKAGED_SUFFIXES or path.name == "py.typed":
                yield f"{source.name}/{path.as_posix()}"


def wheel_contents(wheel: Path) -> dict[str, int]:
    """Return the checksum of each file of a wheel but its RECORD, by path."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            info.filename: info.CRC
            for info in archive.infolist()
            if not info.is_dir() and not info.filename.endswith(".dist-info/RECORD")
        }


def check_contents(wheel: Path, wheel_of_sdist: Path, source: Path) -> int:
    """Compare the wheels of the clone and of the sdist with each other and with the package's folder.

    Returns:
        The number of files of the package.

    Raises:
        WheelCheckError: a file is missing, or differs.
    """
    contents, contents_of_sdist = wheel_contents(wheel), wheel_contents(wheel_of_sdist)
    expected = set(packaged_files(source))
    missing = sorted(expected - contents.keys())
    if missing:
        raise WheelCheckError(f"the wheel should hold every file of {source}, lacks {', '.join(missing[:10])}")
    different = sorted(
        path for path in contents.keys() | contents_of_sdist.keys() if contents.get(path) != contents_of_sdist.get(path)
    )
    if different:
        raise WheelCheckError(
            f"the wheels of the clone and of the sdist should be equal, differ in {', '.join(different[:10])}"
        )
    return len(expected)


def build(uv: Path, folder: Path) -> Path:
    """Build the sdist and both wheels, check their contents, and return the wheel that was built from the sdist."""
    run([uv, "build", "--quiet", "--out-dir", folder / "from-sdist", ROOT], folder)
    run([uv, "build", "--quiet", "--wheel", "--out-dir", folder / "from-clone", ROOT], folder)
    (wheel,), (wheel_of_sdist,) = ((folder / name).glob("*.whl") for name in ("from-clone", "from-sdist"))
    count = check_contents(wheel, wheel_of_sdist, ROOT / "src" / PACKAGE)
    print(f"{wheel.name} has all {count} files of the package, built from the clone or from the sdist")
    return wheel_of_sdist


class Environment:
    """Virtual environment into which the wheel is installed."""

    def __init__(self, uv: Path, folder: Path, name: str) -> None:
        """Create an empty environment `name` in `folder`."""
        self._uv, self._folder, self._path = uv, folder, folder / name
        run([uv, "venv", "--quiet", "--python", sys.executable, self._path], folder)

    def install(self, *requirements: str | Path, constrained: bool = True) -> None:
        """Install requirements, if `constrained` in the versions that requirements.txt pins, where it pins them."""
        command: list[str | Path] = [self._uv, "pip", "install", "--quiet", "--python", self._path / "bin" / "python"]
        if (ROOT / ".wheels").is_dir():
            command += ["--find-links", ROOT / ".wheels"]
        if constrained:
            # Hashes of constraints are checked too. Beside repaired wheels is a copy of the pins with their hashes.
            prepared = ROOT / ".wheels" / "requirements.txt"
            command += ["--constraint", prepared if prepared.exists() else ROOT / "requirements.txt"]
        run([*command, *requirements], self._folder)

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of the environment and return its standard output."""
        return run([self._path / "bin" / program, *arguments], self._folder, TF_CPP_MIN_LOG_LEVEL="2")

    def import_modules(self, stage: Stage) -> str:
        """Import every module that a stage covers, and return how many there are."""
        arguments = [" ".join(names) for names in (stage.packages, stage.exceptions, stage.forbidden)]
        return self.run("python", "-c", IMPORT_MODULES, *arguments).strip().splitlines()[-1]


def client_requirements() -> list[str]:
    """Return what the extra `client` requires, for an environment without TensorFlow."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return list(project["optional-dependencies"]["client"])


def check_client_alone(uv: Path, folder: Path, wheel: Path) -> None:
    """Import the client where neither TensorFlow nor Keras is installed."""
    environment = Environment(uv, folder, "client-alone")
    environment.install("--no-deps", wheel)
    environment.install(*client_requirements())
    modules = environment.import_modules(STAGES[1])
    print(f"client alone, without TensorFlow: {modules}")


def check_stages(uv: Path, folder: Path, wheel: Path) -> None:
    """Install one extra after another, import the modules of each, and train a model next to the Kubeflow SDK."""
    environment = Environment(uv, folder, "environment")
    for stage in STAGES:
        began = time.monotonic()
        extra = f"[{stage.extra}]" if stage.extra else ""
        environment.install(f"{PACKAGE}{extra} @ {wheel.as_uri()}")
        modules = environment.import_modules(stage)
        print(f"{stage.name}: {modules}, {time.monotonic() - began:.0f} s", flush=True)
    print(environment.run("interestflow", "--version").strip())
    # TFX requires a kubernetes client below 27 and the SDK one from 27.2 on, so that no single resolution has both.
    environment.install(KUBEFLOW_SDK, constrained=False)
    environment.run("python", "-c", "import kubeflow.trainer, interestflow.kubeflow.compile")
    print(f"beside {KUBEFLOW_SDK}: both packages are importable")
    began = time.monotonic()
    (folder / "tiny.yaml").write_text(CONFIG)
    environment.run("interestflow", "run", "tiny.yaml")
    versions = list((folder / "runs" / "tiny" / "serving" / "tiny").glob("*/saved_model.pb"))
    if len(versions) != 1:
        raise WheelCheckError(f"`interestflow run` should push one model, pushed {len(versions)}")
    print(f"a run outside the clone pushed a model, {time.monotonic() - began:.0f} s")


def main() -> None:
    """Run the check from the command line."""
    parser = argparse.ArgumentParser(description="Build the distributions and try the wheel in empty environments.")
    parser.add_argument("--uv", type=Path, default=Path(sys.executable).with_name("uv"), help="Path of uv.")
    parser.add_argument("--contents-only", action="store_true", help="Build and compare, install nothing.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="interestflow-wheel-") as name:
        folder = Path(name)
        try:
            wheel = build(arguments.uv, folder)
            if not arguments.contents_only:
                check_client_alone(arguments.uv, folder, wheel)
                check_stages(arguments.uv, folder, wheel)
        except WheelCheckError as error:
            sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
