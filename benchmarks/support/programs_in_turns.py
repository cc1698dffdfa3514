"""Programs that are compared with one another: each is a process that trains one window of steps in its turn.

Other load on the machine then affects all alike. Each program follows the protocol of `timed_windows.answer_windows`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.support.resident_memory import peak_megabytes

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Program:
    """Program and its measurements, one for each window.

    Attributes:
        name: Name to show.
        command: Command that starts it.
        throughput: Examples per second.
        processor: CPU time per step, in ms.
        variables: Environment variables of the program, beside those of this process.
        memory: Peak resident memory of the process, in MB of 2^20 bytes.
    """

    name: str
    command: list[str]
    throughput: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    memory: float = 0.0

    def start(self) -> None:
        """Start the process."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(self.command, cwd=ROOT, env=self.environment(), text=True, **pipes)  # type: ignore[call-overload]

    def environment(self) -> dict[str, str]:
        """Return the environment variables of the process."""
        return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", **self.variables}

    def first_losses(self, steps: int) -> list[float]:
        """Run the program once with `--losses` and return the losses of its first steps."""
        command = [*self.command, f"--losses={steps}"]
        result = subprocess.run(command, cwd=ROOT, env=self.environment(), text=True, capture_output=True, check=False)
        if result.returncode:
            sys.exit(f"`{' '.join(command)}` failed:\n{result.stderr[-2000:]}")
        return [float(loss) for loss in result.stdout.splitlines()[-1].split()]

    def wait_until_ready(self) -> None:
        """Wait until the program has trained its first window."""
        while (line := self.process.stdout.readline()) != "ready\n":
            if not line:
                sys.exit(f"`{' '.join(self.command)}` ended before it was ready")

    def measure_window(self) -> None:
        """Train and measure one window."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        throughput, processor = self.process.stdout.readline().split()
        self.throughput.append(float(throughput))
        self.processor.append(float(processor))

    def stop(self) -> None:
        """Read the peak memory and end the process."""
        self.memory = peak_megabytes(self.process.pid)
        self.process.stdin.close()
        self.process.wait()


def run_in_turns(programs: Sequence[Program], turns: int) -> None:
    """Start all programs, measure `turns` windows of each in turns, and end them."""
    for program in programs:
        program.start()
    for program in programs:
        program.wait_until_ready()
    for _ in range(turns):
        for program in programs:
            program.measure_window()
    for program in programs:
        program.stop()
