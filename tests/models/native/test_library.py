"""The kernels are compiled once, and training does without them where they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.models.native import library


def test_threads_are_shared_by_replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(6)), raising=False)
    monkeypatch.setattr("tensorflow.config.threading.get_intra_op_parallelism_threads", lambda: 0)
    assert library.kernel_threads() == 6
    assert library.kernel_threads(replicas=4) == 1
    monkeypatch.setattr("tensorflow.config.threading.get_intra_op_parallelism_threads", lambda: 3)
    assert library.kernel_threads() == 3


def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    with pytest.raises(library.CompilationError, match="there is no `g\\+\\+-of-nowhere`"):
        library.load_library(tmp_path, "g++-of-nowhere")
    assert not list(tmp_path.iterdir())


def test_a_failing_compiler_leaves_no_library(tmp_path: Path) -> None:
    compiler = tmp_path / "compiler"
    compiler.write_text("#!/bin/sh\necho 'error: out of registers' >&2\nexit 1\n")
    compiler.chmod(0o755)
    with pytest.raises(library.CompilationError, match="failed: error: out of registers"):
        library.load_library(tmp_path / "cache", str(compiler))
    assert not list((tmp_path / "cache").iterdir())


def test_a_library_that_does_not_load_is_reported(tmp_path: Path) -> None:
    compiler = tmp_path / "compiler"
    compiler.write_text('#!/bin/sh\nfor last; do :; done\necho nonsense > "$last"\n')
    compiler.chmod(0o755)
    with pytest.raises(library.CompilationError, match="does not load"):
        library.load_library(tmp_path / "cache", str(compiler))


def test_kernels_are_used_only_where_they_are_enabled() -> None:
    library.enable_native_kernels(False)
    assert library.native_kernels() is None


def test_libraries_are_kept_in_the_cache_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert library.cache_folder() == tmp_path / "interestflow"
