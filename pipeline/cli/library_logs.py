"""Keeps what the libraries print in a log file, so that the terminal shows only what a person wants to read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console


@contextmanager
def libraries_to_log(log: Path) -> Iterator[Console]:
    """Sends standard output and error of this process, C++ included, to `log`; yields a console on the terminal.

    File descriptors are moved rather than `sys.stdout`, because TensorFlow's C++ and Beam's own logging write past it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    terminal, error = os.dup(1), os.dup(2)
    with open(log, "ab") as file, os.fdopen(terminal, "w", closefd=False) as screen:
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
    os.close(terminal)
    os.close(error)
