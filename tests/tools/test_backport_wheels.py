"""The backport tool on small libraries built here, each against stand-ins for newer system libraries."""

import base64
import csv
import ctypes
import hashlib
import io
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import backport_wheels
from tools.backport_wheels import backport_wheel, pinned_version, system_needs_backport
from tools.shared_object import BackportError, SharedObject, backport_shared_object

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64") or shutil.which("gcc") is None,
    reason="needs gcc on 64-bit Linux",
)

FIRST_GLIBC = "GLIBC_2.2.5" if platform.machine() == "x86_64" else "GLIBC_2.17"
MACHINE = platform.machine()

STUB_LIBC = """
__asm__(".symver __isoc23_strtol_stub, __isoc23_strtol@@GLIBC_2.38");
long __isoc23_strtol_stub(const char *text, char **end, int base) { return 0; }
__asm__(".symver strtol_stub, strtol@@FIRST");
long strtol_stub(const char *text, char **end, int base) { return 0; }
__asm__(".symver abort_stub, abort@@FIRST");
void abort_stub(void) {}
__asm__(".symver unheard_stub, unheard_of@@GLIBC_2.39");
int unheard_stub(void) { return 0; }
__asm__(".symver forward_stub, forward_marker@@GLIBC_ABI_DT_RELR");
int forward_stub(void) { return 0; }
"""
STUB_LIBC_VERSIONS = "FIRST { };\nGLIBC_2.38 { };\nGLIBC_2.39 { };\nGLIBC_ABI_DT_RELR { };\n"
STUB_LIBSTDCXX = """
__asm__(".symver marker_stub, _ZSt21ios_base_library_initv@@GLIBCXX_3.4.32");
void marker_stub(void) {}
__asm__(".symver old_stub, _ZSt9terminatev@@GLIBCXX_3.4");
void old_stub(void) {}
__asm__(".symver terminate_stub, __cxa_call_terminate@@CXXABI_1.3.15");
void terminate_stub(void *exception) {}
__asm__(".symver begin_stub, __cxa_begin_catch@@CXXABI_1.3");
void *begin_stub(void *exception) { return exception; }
"""
STUB_LIBSTDCXX_VERSIONS = "GLIBCXX_3.4 { };\nGLIBCXX_3.4.32 { };\nCXXABI_1.3 { };\nCXXABI_1.3.15 { };\n"

# Each of the symbols is used once; the plain strtol is a suffix of the new one in .dynstr, as in the real wheels.
PARSES = """
long __isoc23_strtol(const char *, char **, int);
void abort(void);
long parse(const char *text) { if (!text) abort(); return __isoc23_strtol(text, 0, 10); }
"""
ALL_THREE = (
    PARSES
    + """
void _ZSt9terminatev(void);
void *__cxa_begin_catch(void *);
void __cxa_call_terminate(void *);
void *keep[] = {(void *)_ZSt9terminatev, (void *)__cxa_begin_catch};
void stop(void *exception) { __cxa_call_terminate(exception); }
extern void _ZSt21ios_base_library_initv(void);
void *marker(void) { return (void *)_ZSt21ios_base_library_initv; }
"""
)
UNKNOWN = PARSES + "int unheard_of(void);\nint call(void) { return unheard_of(); }\n"
FEATURE = PARSES + "int forward_marker(void);\nint call(void) { return forward_marker(); }\n"


def compile_library(folder: Path, source: str, output: str, *options: str) -> Path:
    file = folder / f"{output}.c"
    file.write_text(source)
    command = [
        "gcc",
        "-shared",
        "-fPIC",
        "-nostdlib",
        "-w",
        "-fno-builtin",
        str(file),
        "-o",
        str(folder / output),
        *options,
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder / output


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Compiles a C source against stand-ins named like the system libraries; gives the library's bytes."""
    folder = tmp_path_factory.mktemp("stubs")
    for name, source, versions in (
        ("libc.so.6", STUB_LIBC, STUB_LIBC_VERSIONS),
        ("libstdc++.so.6", STUB_LIBSTDCXX, STUB_LIBSTDCXX_VERSIONS),
    ):
        script = folder / f"{name}.map"
        script.write_text(versions.replace("FIRST", FIRST_GLIBC))
        source = source.replace("FIRST", FIRST_GLIBC)
        compile_library(folder, source, name, f"-Wl,--version-script={script}", f"-Wl,-soname,{name}")

    def build(source: str, *options: str) -> bytes:
        stubs = (str(folder / "libc.so.6"), str(folder / "libstdc++.so.6"))
        return compile_library(folder, source, "small.so", *options, "-Wl,--no-as-needed", *stubs).read_bytes()

    return build


def version_names(content: bytes) -> set[str]:
    return {need.version for need in SharedObject(content, "small.so").version_needs()}


def load(content: bytes, path: Path) -> ctypes.CDLL:
    path.write_bytes(content)
    return ctypes.CDLL(str(path))


def test_the_built_library_needs_what_the_wheels_need(build):
    library = SharedObject(build(ALL_THREE), "small.so")
    versions = {need.index: need.version for need in library.version_needs()}
    asked = {(name, versions.get(index)) for _, name, index in library.undefined_symbols()}
    assert ("__isoc23_strtol", "GLIBC_2.38") in asked
    assert ("_ZSt21ios_base_library_initv", "GLIBCXX_3.4.32") in asked
    assert ("__cxa_call_terminate", "CXXABI_1.3.15") in asked


def test_an_edited_library_loads_and_works_on_this_machine(build, tmp_path):
    edited = backport_shared_object(build(ALL_THREE), "small.so")
    library = load(edited, tmp_path / "small.so")
    library.parse.restype = ctypes.c_long
    assert library.parse(b"-4711") == -4711
    library.marker.restype = ctypes.c_void_p


@pytest.mark.skipif(not system_needs_backport(), reason="this machine has what the library asks for")
def test_the_unedited_library_does_not_load_on_an_old_glibc(build, tmp_path):
    with pytest.raises(OSError, match=r"GLIBC_2\.38|GLIBCXX_3\.4\.32|CXXABI_1\.3\.15"):
        load(build(ALL_THREE), tmp_path / "small.so")


def test_terminate_becomes_abort(build, tmp_path):
    (tmp_path / "small.so").write_bytes(backport_shared_object(build(ALL_THREE), "small.so"))
    program = f"import ctypes; ctypes.CDLL({str(tmp_path / 'small.so')!r}).stop(None)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert ended.returncode == -6, "SIGABRT"


def test_no_version_that_is_too_new_is_left_and_each_symbol_has_its_older_equal(build):
    edited = backport_shared_object(build(ALL_THREE), "small.so")
    assert version_names(edited) == {FIRST_GLIBC, "GLIBCXX_3.4", "CXXABI_1.3"}
    library = SharedObject(edited, "small.so")
    versions = {need.index: (need.library, need.version) for need in library.version_needs()}
    asked = [(name, versions.get(index)) for _, name, index in library.undefined_symbols()]
    assert ("strtol", ("libc.so.6", FIRST_GLIBC)) in asked
    assert asked.count(("abort", ("libc.so.6", FIRST_GLIBC))) == 2, "its own and the one that was __cxa_call_terminate"
    assert "__cxa_call_terminate" not in {name for name, _ in asked}


def test_nothing_moves_in_the_file(build):
    original = build(ALL_THREE)
    edited = backport_shared_object(original, "small.so")
    changed = [number for number, (old, new) in enumerate(zip(original, edited, strict=True)) if old != new]
    # Three symbols and three version needs have a few bytes each: names, bindings, indices, hashes.
    assert 0 < len(changed) <= 60


def test_editing_twice_is_editing_once(build):
    once = backport_shared_object(build(ALL_THREE), "small.so")
    assert backport_shared_object(once, "small.so") == once


def test_a_library_without_new_needs_is_left_alone(build):
    old = build("void abort(void);\nvoid stop(void) { abort(); }\n")
    assert version_names(old) == {FIRST_GLIBC}
    assert backport_shared_object(old, "old.so") == old


def test_a_library_without_any_versions_is_left_alone(tmp_path):
    plain = compile_library(tmp_path, "int one(void) { return 1; }\n", "plain.so").read_bytes()
    assert backport_shared_object(plain, "plain.so") == plain


def test_an_unknown_symbol_is_refused_by_name(build):
    with pytest.raises(BackportError, match=r"small\.so needs unheard_of \(GLIBC_2\.39\)"):
        backport_shared_object(build(UNKNOWN), "small.so")


def test_a_feature_of_a_newer_loader_is_refused_by_name(build):
    with pytest.raises(BackportError, match="GLIBC_ABI_DT_RELR, a feature of the loader"):
        backport_shared_object(build(FEATURE), "small.so")


def test_call_terminate_without_abort_is_refused(build):
    source = "void __cxa_call_terminate(void *);\nvoid stop(void *e) { __cxa_call_terminate(e); }\n"
    with pytest.raises(BackportError, match="__cxa_call_terminate and imports no abort"):
        backport_shared_object(build(source), "small.so")


def test_strtol_without_anything_of_the_first_glibc_is_refused(build):
    source = PARSES.replace("abort()", "return 0")
    with pytest.raises(BackportError, match=re.escape(FIRST_GLIBC)):
        backport_shared_object(build(source), "small.so")


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"not a library at all" * 10, b"\x7fELF\x01\x01" + b"\0" * 100])
def test_what_is_no_64_bit_library_is_refused(content):
    with pytest.raises(BackportError, match="should be a 64-bit little-endian ELF file"):
        backport_shared_object(content, "odd.so")


def test_a_truncated_library_is_refused(build):
    content = build(ALL_THREE)
    with pytest.raises(BackportError, match="damaged"):
        backport_shared_object(content[: len(content) // 2], "half.so")


def tag(glibc: str) -> str:
    return f"py3-none-manylinux_2_{glibc}_{MACHINE}"


def make_wheel(folder: Path, library: bytes, tags: tuple[str, ...] | None = None) -> Path:
    """A wheel whose package parses numbers with the library; one of its files has a comma in the name."""
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
