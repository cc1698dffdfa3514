"""The repair of wheels around small libraries built here."""

import base64
import csv
import hashlib
import io
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tools.small_libraries import ALL_THREE, MACHINE, UNKNOWN, needs_compiler
from tools import backport_wheels
from tools.backport_wheels import backport_wheel, pinned_version, system_needs_backport
from tools.shared_object import BackportError

pytestmark = needs_compiler


def tag(glibc: str) -> str:
    return f"py3-none-manylinux_2_{glibc}_{MACHINE}"


def make_wheel(folder: Path, library: bytes, tags: tuple[str, ...] | None = None) -> Path:
    """Make a wheel whose package parses numbers with the library; one of its file names has a comma."""
    tags = tags or (tag("39"),)
    files = {
        "small/__init__.py": b"import ctypes, pathlib\n"
        b"_library = ctypes.CDLL(str(pathlib.Path(__file__).with_name('small.so')))\n"
        b"def parse(text):\n    return _library.parse(text)\n",
        "small/small.so": library,
        "small/a, b.txt": b"manylinux_2_39 stays as it is in here\n",
        "small-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: small\nVersion: 1.0\n",
        "small-1.0.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: manylinux_2_39 by hand\nRoot-Is-Purelib: false\n"
            + "".join(f"Tag: {name}\n" for name in tags)
        ).encode(),
    }
    platforms = ".".join(name.split("-")[2] for name in tags)
    path = folder / f"small-1.0-py3-none-{platforms}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
        rows = "".join(f'"{name}",sha256=stale,{len(content)}\n' for name, content in files.items())
        wheel.writestr("small-1.0.dist-info/RECORD", rows + "small-1.0.dist-info/RECORD,,\n")
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


def test_on_a_new_glibc_it_does_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.39"))
    folder = tmp_path / "wheels"
    assert backport_wheels.main([f"--requirements={tmp_path / 'absent.txt'}", f"--folder={folder}"]) == 0
    assert list(folder.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_wheels_that_are_there_are_not_prepared_again(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("ml-metadata==9.9.9\ntensorflow-data-validation==9.9.9\n")
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for name in ("ml_metadata", "tensorflow_data_validation"):
        (tmp_path / f"{name}-9.9.9-{python}-{python}-manylinux_2_34_{MACHINE}.whl").write_bytes(b"as it was")
    before = sorted(tmp_path.iterdir())
    # No such version exists: a download would fail, and so would the command.
    assert backport_wheels.main([f"--requirements={requirements}", f"--folder={tmp_path}"]) == 0
    assert sorted(tmp_path.iterdir()) == before
    assert capsys.readouterr() == ("", "")


def test_mistakes_are_one_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    assert backport_wheels.main([f"--requirements={tmp_path / 'absent.txt'}", f"--folder={tmp_path}"]) == 1
    assert "absent.txt" in capsys.readouterr().err
    (tmp_path / "requirements.txt").write_text("numpy==1.0\n")
    assert backport_wheels.main([f"--requirements={tmp_path / 'requirements.txt'}", f"--folder={tmp_path}"]) == 1
    assert capsys.readouterr().err == "error: requirements.txt should pin ml-metadata==VERSION, and does not name it\n"


def test_a_pinned_version_is_found_beside_markers():
    text = "ml-metadata-extras==3\nml-metadata==1.21.0 ; sys_platform == 'linux'\n"
    assert pinned_version("ml-metadata", text) == "1.21.0"
