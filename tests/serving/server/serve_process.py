"""`interestflow serve` as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.paths import PYTHON_PATH

START_SECONDS = 300.0
"""Longest time for a line to be printed; a start takes ten seconds, and far longer on a busy machine."""


class ServeProcess:
    """`interestflow serve SOURCE`, which is killed at the end of a `with` statement.

    Attributes:
        process: the process.
        lines: what it has printed, on standard output and error.
    """

    def __init__(self, source: Path, *options: str) -> None:
        command = [sys.executable, "-m", "interestflow", "serve", str(source)]
        command += ["--port", "0", "--poll-seconds", "0.05", *options]
        environment = os.environ | {"PYTHONPATH": PYTHON_PATH}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        self.lines: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> ServeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def wait_for(self, words: str, seconds: float = START_SECONDS) -> str:
        """Wait for a line with `words`, and return it."""
        end = time.monotonic() + seconds
        while True:
            for line in [*self.lines]:
                if words in line:
                    return line
            if time.monotonic() >= end:
                break
            time.sleep(0.02)
        raise AssertionError(f"should have printed {words!r}, printed {self.lines}")

    def port(self, protocol: str = "gRPC") -> int:
        """Return the port of gRPC or REST, once it listens."""
        address = self.wait_for(f"{protocol} on").removeprefix(f"{protocol} on ").removeprefix("http://")
        return int(address.split(":")[1].split("/")[0].split(",")[0])

    def kill(self) -> None:
        """End the process at once, as the kernel does where memory is short."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def terminate(self, seconds: float) -> int:
        """Ask the process to stop, and return its exit code.

        Raises:
            subprocess.TimeoutExpired: where it still runs after `seconds`.
        """
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        finally:
            self.process.kill()
        self._reading.join(20)
        return code
