"""The check of the distributions, on wheels made of a few bytes."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools.check_wheel import (
    STAGES,
    WheelCheckError,
    check_contents,
    client_requirements,
    packaged_files,
    run,
    wheel_contents,
)

FILES = {
    "package/__init__.py": "",
    "package/py.typed": "",
    "package/models/optimizers/adam.py": "RATE = 1\n",
    "package/configs/demo.yaml": "name: demo\n",
}
METADATA = {"package-1.dist-info/METADATA": "Name: package\n", "package-1.dist-info/RECORD": "anything\n"}


def write_wheel(path: Path, files: Mapping[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a package, part of which is a link to a folder elsewhere."""
    package, elsewhere = tmp_path / "src" / "package", tmp_path / "models"
    (elsewhere / "optimizers").mkdir(parents=True)
    (package / "configs").mkdir(parents=True)
    (package / "models").symlink_to(elsewhere)
    (package / "notes.txt").write_text("not packaged")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "old.py").write_text("not packaged")
    for name, text in FILES.items():
        (package.parent / name).write_text(text)
    return package


def test_packaged_files_are_found_behind_links(source: Path) -> None:
    assert set(packaged_files(source)) == set(FILES)


def test_whole_and_equal_wheels_pass(source: Path, tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "a.whl", FILES | METADATA)
    same = write_wheel(tmp_path / "b.whl", FILES | METADATA | {"package-1.dist-info/RECORD": "another order\n"})
    assert check_contents(wheel, same, source) == 4


def test_a_missing_module_is_named(source: Path, tmp_path: Path) -> None:
    fewer = {name: text for name, text in FILES.items() if "optimizers" not in name}
    wheel = write_wheel(tmp_path / "a.whl", fewer | METADATA)
    with pytest.raises(WheelCheckError, match=r"lacks package/models/optimizers/adam\.py"):
        check_contents(wheel, wheel, source)


@pytest.mark.parametrize(
    "files", [FILES | {"package/configs/demo.yaml": "name: other\n"}, FILES | {"package/new.py": ""}]
)
def test_a_difference_between_clone_and_sdist_is_named(source: Path, tmp_path: Path, files: dict[str, str]) -> None:
    wheel = write_wheel(tmp_path / "a.whl", FILES | METADATA)
    other = write_wheel(tmp_path / "b.whl", files | METADATA)
    with pytest.raises(WheelCheckError, match=r"differ in package/(configs/demo\.yaml|new\.py)"):
        check_contents(wheel, other, source)


def test_contents_leave_the_record_out(tmp_path: Path) -> None:
    assert "package-1.dist-info/RECORD" not in wheel_contents(write_wheel(tmp_path / "a.whl", FILES | METADATA))


def test_a_failing_command_is_reported_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(WheelCheckError, match=r"exit code 3:\nreason"):
        run(["sh", "-c", "echo reason; exit 3"], tmp_path)


def test_commands_do_not_see_the_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "somewhere")
    assert run(["sh", "-c", "echo ${PYTHONPATH-none} $EXTRA; pwd"], tmp_path, EXTRA="1") == f"none 1\n{tmp_path}\n"


def test_the_client_requires_no_tensorflow() -> None:
    names = " ".join(client_requirements())
    assert "grpcio" in names
    assert "tensorflow" not in names


def test_stages_cover_every_extra_of_users() -> None:
    assert [stage.name for stage in STAGES] == [
        "interestflow", "interestflow[client]", "interestflow[pipeline]", "interestflow[kubeflow]",
    ]  # fmt: skip
