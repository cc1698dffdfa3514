"""Exits of a step, each with its reason as the last line of the output."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from typing import NoReturn

STOPPED = 128 + signal.SIGTERM
"""Exit code of a step that was stopped by SIGTERM."""
IN_FLIGHT_SECONDS = 0.1
"""Time in which writes that other threads had begun before the streams were closed to them arrive."""
EXIT_SECONDS = 10.0
"""Time that the thread which ends the process has for it."""
STOP_REASON = "the step was stopped by SIGTERM: its pod was evicted, or the run was cancelled"


def exit_with_reason(reason: str, code: int) -> NoReturn:
    """End the process at once with `reason` as the last line of its output.

    TFX, Beam and TensorFlow have threads and exit handlers that log, so the ordinary exit would not leave the reason
    last: standard output and error are closed to them first, and the process ends without its handlers.

    Args:
        reason: reason; several lines are joined to one.
        code: exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).fflush(None)
    log = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    time.sleep(IN_FLIGHT_SECONDS)
    line = " ".join(reason.split())
    with contextlib.suppress(OSError):
        os.write(log, f"\n{line}\n".encode(errors="backslashreplace"))
    os._exit(code)


def exit_on_sigterm() -> None:
    """From now on, end the process with its reason when SIGTERM arrives.

    A thread waits for the signal, so that the exit does not wait for the end of a long call into C++. Executors may
    still start processes and stop them by SIGTERM: the signal is not blocked.
    """
    received, written = os.pipe()
    os.set_blocking(written, False)
    # The signal interrupts what the main thread waits for, which must not go on and end the process as if it were done.
    signal.signal(signal.SIGTERM, lambda number, frame: time.sleep(EXIT_SECONDS))
    signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    # A forked child has the same pipe: a SIGTERM that stops it would otherwise end its parent.
    os.register_at_fork(
        before=lambda: _mask_sigterm(signal.SIG_BLOCK),
        after_in_parent=lambda: _mask_sigterm(signal.SIG_UNBLOCK),
        after_in_child=_restore_sigterm,
    )

    def wait() -> None:
        while (number := os.read(received, 1)) and number[0] != signal.SIGTERM:
            pass
        exit_with_reason(STOP_REASON, STOPPED)

    threading.Thread(target=wait, name="sigterm", daemon=True).start()


def _mask_sigterm(how: int) -> None:
    """Block or unblock SIGTERM in this thread, so that a child does not get it before its handler is replaced."""
    signal.pthread_sigmask(how, {signal.SIGTERM})


def _restore_sigterm() -> None:
    """Let SIGTERM end this process as usual."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _mask_sigterm(signal.SIG_UNBLOCK)
