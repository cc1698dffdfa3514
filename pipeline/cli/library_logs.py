"""Redirection of the libraries' output to a log file, so that the terminal shows only messages meant for the user."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console


@contextmanager
def redirect_library_output(log: Path) -> Iterator[Console]:
    """Append standard output and error of this process, C++ included, to `log`; yield a console on the terminal.

    File descriptors are redirected rather than `sys.stdout`, because TensorFlow's C++ and Beam's logging bypass it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    terminal, error = os.dup(1), os.dup(2)
    with open(log, "ab") as file, os.fdopen(terminal, "w") as screen:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield Console(file=screen, width=None if os.isatty(terminal) else 120)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            screen.flush()
            os.dup2(terminal, 1)
            os.dup2(error, 2)
            os.close(error)
