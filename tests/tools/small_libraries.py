"""Small shared libraries that need what the repaired wheels need, compiled against stand-ins for system libraries."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

needs_compiler = pytest.mark.skipif(
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
