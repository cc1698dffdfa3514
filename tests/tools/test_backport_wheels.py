"""The repair of wheels around small libraries built here."""

import base64
import csv
import hashlib
import io
import json
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tools.small_libraries import ALL_THREE, MACHINE, UNKNOWN, needs_compiler
from tools import backport_wheels
from tools.backport_wheels import PACKAGES, backport_wheel, system_needs_backport
from tools.hashed_requirements import file_hash, read_pins
from tools.shared_object import BackportError

pytestmark = needs_compiler


def tag(glibc: str) -> str:
    return f"py3-none-manylinux_2_{glibc}_{MACHINE}"


def make_wheel(folder: Path, library: bytes, tags: tuple[str, ...] | None = None, name: str = "small") -> Path:
    """Make a wheel whose package parses numbers with the library; one of its file names has a comma."""
    tags = tags or (tag("39"),)
    metadata = f"{name}-1.0.dist-info"
    files = {
        "small/__init__.py": b"import ctypes, pathlib\n"
        b"_library = ctypes.CDLL(str(pathlib.Path(__file__).with_name('small.so')))\n"
        b"def parse(text):\n    return _library.parse(text)\n",
        "small/small.so": library,
        "small/a, b.txt": b"manylinux_2_39 stays as it is in here\n",
        f"{metadata}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{metadata}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: manylinux_2_39 by hand\nRoot-Is-Purelib: false\n"
            + "".join(f"Tag: {tag}\n" for tag in tags)
        ).encode(),
    }
    front, platforms = tags[0].rpartition("-")[0], ".".join(tag.split("-")[2] for tag in tags)
    path = folder / f"{name}-1.0-{front}-{platforms}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, content in files.items():
            wheel.writestr(file, content)
        rows = "".join(f'"{file}",sha256=stale,{len(content)}\n' for file, content in files.items())
        wheel.writestr(f"{metadata}/RECORD", rows + f"{metadata}/RECORD,,\n")
    return path


@pytest.fixture
def prepared(build, tmp_path):
    (tmp_path / "out").mkdir()
    return backport_wheel(make_wheel(tmp_path, build(ALL_THREE)), tmp_path / "out")


def test_the_prepared_wheel_has_the_new_tag_in_name_and_metadata(prepared):
    assert prepared.name == f"small-1.0-{tag('34')}.whl"
    with zipfile.ZipFile(prepared) as wheel:
        assert wheel.testzip() is None
        lines = wheel.read("small-1.0.dist-info/WHEEL").decode().splitlines()
        assert wheel.read("small/a, b.txt") == b"manylinux_2_39 stays as it is in here\n"
    assert lines == [
        "Wheel-Version: 1.0",
        "Generator: manylinux_2_39 by hand",
        "Root-Is-Purelib: false",
        f"Tag: {tag('34')}",
    ]
    assert list(prepared.parent.iterdir()) == [prepared], "no unfinished file is left"


def test_the_prepared_record_has_every_file_with_its_hash_and_size(prepared):
    with zipfile.ZipFile(prepared) as wheel:
        rows = list(csv.reader(io.StringIO(wheel.read("small-1.0.dist-info/RECORD").decode())))
        assert sorted(row[0] for row in rows) == sorted(wheel.namelist())
        for name, digest, size in rows:
            if name.endswith("/RECORD"):
                assert (digest, size) == ("", "")
                continue
            content = wheel.read(name)
            hashed = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            assert (digest, size) == (f"sha256={hashed}", str(len(content)))


def test_pip_installs_the_prepared_wheel_and_it_works(prepared, tmp_path):
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*pip, f"--target={target}", str(prepared)], check=True, capture_output=True)
    program = "import small; print(small.parse(b'42'))"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={"PYTHONPATH": str(target)}
    )
    assert ended.stdout == "42\n", ended.stderr


def test_the_same_wheel_gives_the_same_bytes(prepared, build, tmp_path):
    first = prepared.read_bytes()
    assert backport_wheel(make_wheel(tmp_path, build(ALL_THREE)), tmp_path / "out") == prepared
    with zipfile.ZipFile(io.BytesIO(first)) as before, zipfile.ZipFile(prepared) as after:
        assert before.namelist() == after.namelist()
        assert all(before.read(name) == after.read(name) for name in before.namelist())


def test_a_wheel_with_two_platform_tags_keeps_each_once(build, tmp_path):
    (tmp_path / "out").mkdir()
    wheel = backport_wheel(make_wheel(tmp_path, build(ALL_THREE), (tag("34"), tag("39"))), tmp_path / "out")
    assert wheel.name == f"small-1.0-{tag('34')}.whl"
    with zipfile.ZipFile(wheel) as opened:
        assert opened.read("small-1.0.dist-info/WHEEL").decode().count("Tag:") == 1


def test_a_refused_wheel_leaves_nothing_behind(build, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(BackportError, match="unheard_of"):
        backport_wheel(make_wheel(tmp_path, build(UNKNOWN)), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_prepared_wheel_is_not_taken_for_a_published_one(prepared, tmp_path):
    with pytest.raises(BackportError, match="should be tagged manylinux_2_39"):
        backport_wheel(prepared, tmp_path)


def test_what_is_no_wheel_is_refused(tmp_path):
    broken = tmp_path / f"small-1.0-{tag('39')}.whl"
    broken.write_bytes(b"half a download")
    with pytest.raises(BackportError, match="cannot be read as a wheel"):
        backport_wheel(broken, tmp_path)
    with zipfile.ZipFile(broken, "w") as wheel:
        wheel.writestr("small/__init__.py", "")
    with pytest.raises(BackportError, match="has no RECORD"):
        backport_wheel(broken, tmp_path)


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (("glibc", "2.36"), True),
        (("glibc", "2.38"), True),
        (("glibc", "2.39"), False),
        (("glibc", "2.41"), False),
        (("", ""), False),
    ],
)
def test_which_systems_need_it(monkeypatch, system, expected):
    monkeypatch.setattr(platform, "libc_ver", lambda: system)
    assert system_needs_backport() is expected


@pytest.fixture
def index(build, tmp_path, monkeypatch):
    """Return the folder from which pip takes the published wheels of both packages, on a system with an old glibc."""
    folder = tmp_path / "index"
    folder.mkdir()
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for package in PACKAGES:
        tags = (f"{python}-{python}-manylinux_2_39_{MACHINE}",)
        make_wheel(folder, build(ALL_THREE), tags, package.replace("-", "_"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    return folder


@pytest.fixture
def requirements(index, tmp_path):
    """Return a requirements file with the hashes of the published wheels."""
    path = tmp_path / "requirements.txt"
    path.write_text(f"numpy==2.0 \\\n    --hash=sha256:{'0' * 64}\n{published_lines(index)}")
    return path


def published_lines(index: Path) -> str:
    lines = []
    for package in PACKAGES:
        (wheel,) = index.glob(f"{package.replace('-', '_')}-*.whl")
        lines.append(f"{package}==1.0 ; sys_platform == 'linux' \\\n    --hash=sha256:{file_hash(wheel)}\n")
    return "".join(lines)


def prepare(requirements: Path) -> int:
    folder = requirements.parent / "wheels"
    return backport_wheels.main([f"--requirements={requirements}", f"--folder={folder}"])


def test_on_a_new_glibc_the_requirements_stay_as_they_are(requirements, monkeypatch, capsys):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.39"))
    assert prepare(requirements) == 0
    (copy,) = (requirements.parent / "wheels").iterdir()
    assert copy.read_text() == requirements.read_text()
    assert capsys.readouterr().out == ""


def test_the_written_requirements_have_the_hashes_of_the_repaired_wheels(requirements, capsys):
    assert prepare(requirements) == 0
    folder = requirements.parent / "wheels"
    pins = {pin.name: pin for pin in read_pins(folder / "requirements.txt")}
    assert list(pins) == ["numpy", *PACKAGES]
    assert pins["numpy"].hashes == ("0" * 64,)
    printed = []
    for package in PACKAGES:
        (wheel,) = folder.glob(f"{package.replace('-', '_')}-*.whl")
        assert pins[package].hashes == (file_hash(wheel),)
        assert pins[package].marker == "sys_platform == 'linux'"
        printed.append(f"prepared {wheel.name} for glibc 2.36\n")
    assert capsys.readouterr().out == "".join(printed)


def test_pip_installs_the_repaired_wheels_by_the_written_hashes(requirements, tmp_path):
    assert prepare(requirements) == 0
    folder, target = tmp_path / "wheels", tmp_path / "installed"
    written = folder / "requirements.txt"
    written.write_text("".join(f"{pin}\n" for pin in read_pins(written) if pin.name == "ml-metadata"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    command = [*pip, "--find-links", folder, "--require-hashes", f"--target={target}", "--requirement", written]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    assert (target / "small" / "small.so").exists()


def test_a_published_wheel_of_another_hash_is_refused(requirements, index, capsys):
    (wheel,) = index.glob("tensorflow_data_validation-*.whl")
    digest, other = file_hash(wheel), "f" * 64
    requirements.write_text(requirements.read_text().replace(digest, other))
    assert prepare(requirements) == 1
    assert capsys.readouterr().err == (
        f"error: tensorflow-data-validation==1.0: the hash of {wheel.name} should be one of those in the requirements, "
        f"is sha256:{digest}\n"
    )
    assert not list((requirements.parent / "wheels").glob("tensorflow_data_validation*"))


def test_wheels_that_are_there_are_not_prepared_again(requirements, index, capsys):
    assert prepare(requirements) == 0
    folder = requirements.parent / "wheels"
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.whl")}
    for wheel in index.iterdir():
        wheel.unlink()  # a download would fail, and so would the command
    capsys.readouterr()
    assert prepare(requirements) == 0
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*.whl")} == before
    assert capsys.readouterr() == ("", "")


def test_a_wheel_that_was_changed_after_its_repair_is_prepared_again(requirements):
    assert prepare(requirements) == 0
    (wheel,) = (requirements.parent / "wheels").glob("ml_metadata-*.whl")
    content = wheel.read_bytes()
    wheel.write_bytes(content + b"more")
    assert prepare(requirements) == 0
    assert wheel.read_bytes() == content


def test_a_repaired_wheel_whose_published_wheel_is_no_longer_listed_is_prepared_again(requirements, index, capsys):
    assert prepare(requirements) == 0
    (wheel,) = index.glob("ml_metadata-*.whl")
    requirements.write_text(requirements.read_text().replace(file_hash(wheel), "f" * 64))
    assert prepare(requirements) == 1
    assert capsys.readouterr().err.startswith("error: ml-metadata==1.0: the hash of ")


def test_unreadable_sources_are_written_again(requirements):
    assert prepare(requirements) == 0
    sources = requirements.parent / "wheels" / "sources.json"
    before = json.loads(sources.read_text())
    sources.write_text("{half")
    assert prepare(requirements) == 0
    assert json.loads(sources.read_text()) == before


def test_mistakes_are_one_sentence(requirements, index, capsys):
    assert prepare(requirements.with_name("absent.txt")) == 1
    assert "absent.txt" in capsys.readouterr().err
    (wheel,) = index.glob("ml_metadata-*.whl")
    wheel.unlink()
    assert prepare(requirements) == 1
    assert capsys.readouterr().err.startswith(f"error: ml-metadata==1.0 could not be downloaded for {MACHINE}: ERROR: ")
    requirements.write_text(f"numpy==1.0 --hash=sha256:{'0' * 64}\n")
    assert prepare(requirements) == 1
    expected = "error: requirements.txt should pin ml-metadata once, pins it 0 times\n"
    assert capsys.readouterr().err == expected
