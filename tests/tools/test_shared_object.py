"""The redirection of symbols in small libraries built here."""

import ctypes
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.small_libraries import (
    ALL_THREE,
    FEATURE,
    FIRST_GLIBC,
    PARSES,
    UNKNOWN,
    compile_library,
    needs_compiler,
)
from tools.backport_wheels import system_needs_backport
from tools.shared_object import BackportError, SharedObject, backport_shared_object

pytestmark = needs_compiler


def version_names(content: bytes) -> set[str]:
    return {need.version for need in SharedObject(content, "small.so").version_needs()}


def load(content: bytes, path: Path) -> ctypes.CDLL:
    path.write_bytes(content)
    return ctypes.CDLL(str(path))


def test_the_built_library_needs_what_the_wheels_need(build):
    library = SharedObject(build(ALL_THREE), "small.so")
    versions = {need.index: need.version for need in library.version_needs()}
    required = {(name, versions.get(index)) for _, name, index in library.undefined_symbols()}
    assert ("__isoc23_strtol", "GLIBC_2.38") in required
    assert ("_ZSt21ios_base_library_initv", "GLIBCXX_3.4.32") in required
    assert ("__cxa_call_terminate", "CXXABI_1.3.15") in required


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
    required = [(name, versions.get(index)) for _, name, index in library.undefined_symbols()]
    assert ("strtol", ("libc.so.6", FIRST_GLIBC)) in required
    assert required.count(("abort", ("libc.so.6", FIRST_GLIBC))) == 2, (
        "its own and the one that was __cxa_call_terminate"
    )
    assert "__cxa_call_terminate" not in {name for name, _ in required}


def test_nothing_moves_in_the_file(build):
    original = build(ALL_THREE)
    edited = backport_shared_object(original, "small.so")
    changed = [position for position, (old, new) in enumerate(zip(original, edited, strict=True)) if old != new]
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
