"""A server that is killed in the middle of things, and started again on what it left: it keeps nothing of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import small_models
from small_models import Asking

pytestmark = pytest.mark.end_to_end


class Process:
    """`interestflow serve` on the versions below `base`; `lines` are what it has said."""

    def __init__(self, base: Path) -> None:
        program = str(Path(sys.executable).with_name("interestflow"))
        command = [program, "serve", str(base), "--name", "scaled", "--port", "0", "--no-rest"]
        self.process = subprocess.Popen([*command, "--poll-seconds", "0.05"], stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def said(self, words: str, seconds: float = 60.0) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in [*self.lines]:
                if words in line:
                    return line
            time.sleep(0.02)
        raise AssertionError(f"should have said {words!r}, said {self.lines}")

    def port(self) -> int:
        return int(self.said("gRPC on").split(":")[1].split()[0].rstrip(","))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)


def test_killed_while_it_loads_and_while_a_version_is_written(tmp_path: Path) -> None:
    base = tmp_path / "scaled"
    small_models.write_scaled(base, 1)
    small_models.write_scaled(tmp_path, 2)
    first = Process(base)
    with Asking(first.port()) as asking:
        assert asking.scaled([1.0]) == [1.0]
    shutil.copytree(tmp_path / "2", base / "2")  # it begins to load this one, and is killed at once
    first.kill()
    (base / "3").mkdir()  # and whoever wrote version 3 was killed too
    (base / "3" / "saved_model.pb").write_bytes((base / "2" / "saved_model.pb").read_bytes()[:100])
    second = Process(base)
    with Asking(second.port()) as asking:
        assert asking.scaled([1.0]) == [2.0]
        assert "cannot be loaded" in second.said("version 3 of scaled is not served")
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(60) == 0
    assert second.said("stopping")
