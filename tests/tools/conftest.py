"""Fixtures for the tests of the tools."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.engine import Engine
from tests.tools.small_libraries import (
    FIRST_GLIBC,
    STUB_LIBC,
    STUB_LIBC_VERSIONS,
    STUB_LIBSTDCXX,
    STUB_LIBSTDCXX_VERSIONS,
    compile_library,
)


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Return a function that compiles a C source against the stand-ins and returns the library's bytes."""
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


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Return a PATH without container engines, to which a program in place of one can be added."""
    folder = tmp_path / "programs"
    folder.mkdir()
    return Engine(folder, monkeypatch)
