"""Programs that are timed against one another: each a process, which trains one window of steps when it is its turn.

What else the machine does then meets all alike. Such a program answers as `timed_windows.answer_windows` does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Program:
    """One of them, and what was measured of it, a figure a window.

    throughput: examples a second. processor: milliseconds of CPU time a step. memory: the most that the process ever
    had resident, in MB of 2^20 bytes.
    """

    name: str
    command: list[str]
    throughput: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    memory: float = 0.0

    def start(self) -> None:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(self.command, cwd=ROOT, env=environment, text=True, **pipes)  # type: ignore[call-overload]

    def wait_until_ready(self) -> None:
        while (line := self.process.stdout.readline()) != "ready\n":
            if not line:
                sys.exit(f"`{' '.join(self.command)}` ended before it was ready")

    def window(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        throughput, processor = self.process.stdout.readline().split()
        self.throughput.append(float(throughput))
        self.processor.append(float(processor))

    def stop(self) -> None:
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        (line,) = (line for line in status if line.startswith("VmHWM:"))
        self.memory = int(line.split()[1]) / 1024
        self.process.stdin.close()
        self.process.wait()


def run_in_turns(programs: Sequence[Program], turns: int) -> None:
    """Starts all programs, measures a window of each `turns` times, and ends them."""
    for program in programs:
        program.start()
    for program in programs:
        program.wait_until_ready()
    for _ in range(turns):
        for program in programs:
            program.window()
    for program in programs:
        program.stop()
