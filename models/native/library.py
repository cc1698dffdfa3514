"""Compiles the kernels in C++ at their first use, and loads them.

They are an option of training on Linux CPUs alone. Where there is no compiler or TensorFlow comes without its headers,
layers use TensorFlow's own operations, as they always do at inference, so that exported models need no library.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

import keras

SOURCES = Path(__file__).resolve().parent
COMPILER = "g++"
OPTIONS = ("-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-pthread")
_is_enabled = False


class CompilationError(Exception):
    """The kernels cannot be compiled or loaded here; the message says why."""


def enable_native_kernels(is_enabled: bool = True) -> None:
    """Let layers use the kernels in the steps that train, or no longer.

    Args:
        is_enabled: False for steps that XLA compiles, in which kernels of one's own cannot take part.
    """
    global _is_enabled
    _is_enabled = is_enabled


def native_kernels() -> ModuleType | None:
    """Return the kernels as TensorFlow operations, after compiling them at their first use.

    Returns:
        None where they are not enabled, on a GPU, and where they cannot be compiled, which is logged.
    """
    return _load_or_log() if _is_enabled else None


def kernel_threads(replicas: int = 1) -> int:
    """Return the number of threads of each kernel where `replicas` share the processor's cores."""
    import tensorflow as tf

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, (tf.config.threading.get_intra_op_parallelism_threads() or cores) // replicas)


@cache
def _load_or_log() -> ModuleType | None:
    if keras.backend.backend() != "tensorflow" or not sys.platform.startswith("linux"):
        return None
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return None
    try:
        return load_library(cache_folder())
    except CompilationError as error:
        logging.warning("training uses TensorFlow's own operations, since its kernels are not available: %s", error)
        return None


def cache_folder() -> Path:
    """Return the folder where compiled libraries are kept: `interestflow` in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "interestflow"


def load_library(folder: Path, compiler: str = COMPILER) -> ModuleType:
    """Load the library for these sources, this TensorFlow and this processor, after compiling it if it is missing.

    Args:
        folder: where libraries are kept; one that cannot be written is replaced by a temporary one.
        compiler: name or path of the compiler.

    Raises:
        CompilationError: if there is no compiler or are no headers, the compiler fails, or the library does not load.
    """
    import tensorflow as tf

    library = folder / f"kernels-{_digest(tf.__version__)}.so"
    if not library.exists():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            writable = os.access(folder, os.W_OK)
        except OSError:
            writable = False
        if not writable:
            library = Path(tempfile.mkdtemp(prefix="interestflow-")) / library.name
        compile_library(library, compiler)
    try:
        return tf.load_op_library(str(library))
    except (tf.errors.OpError, OSError) as error:
        raise CompilationError(f"{library} does not load: {str(error).splitlines()[0]}") from error


def compile_library(library: Path, compiler: str = COMPILER) -> None:
    """Compile all sources into `library`, which appears under its name only once it is complete.

    Raises:
        CompilationError: if there is no compiler or are no headers, or the compiler fails.
    """
    import tensorflow as tf

    program = shutil.which(compiler)
    if program is None:
        raise CompilationError(f"there is no `{compiler}`")
    headers = Path(tf.sysconfig.get_include())
    if not (headers / "tensorflow/c/kernels.h").exists():
        raise CompilationError(f"TensorFlow's headers are not in {headers}")
    runtime = next(Path(tf.sysconfig.get_lib()).glob("libtensorflow_framework.so*"))
    with tempfile.TemporaryDirectory(dir=library.parent) as temporary:
        unfinished = Path(temporary) / library.name
        sources = [str(source) for source in sorted(SOURCES.glob("*.cc"))]
        command = [program, *OPTIONS, f"-I{headers}", *sources, str(runtime), "-o", str(unfinished)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            reason = next((line for line in result.stderr.splitlines() if "error" in line), f"code {result.returncode}")
            raise CompilationError(f"{program} failed: {reason}")
        os.replace(unfinished, library)


def _digest(version: str) -> str:
    """Return a digest of everything that the compiled library depends on."""
    digest = hashlib.sha256(f"{version} {sys.prefix} {' '.join(OPTIONS)} {_processor()}".encode())
    for source in sorted(path for path in SOURCES.iterdir() if path.suffix in (".cc", ".h")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _processor() -> str:
    """Return the instruction sets of the processor, for which `-march=native` compiles."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())
