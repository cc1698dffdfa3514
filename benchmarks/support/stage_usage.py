"""Resources that a part of this process uses: time, CPU, peak memory of each process, and bytes read and written.

Reads `/proc` alone, so that it runs in any environment on Linux. Bytes are those of the calls that read and write,
including what the page cache answers; a file that is mapped into memory is not counted as read.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

SAMPLING_SECONDS = 0.1
RESET_PEAK = "5"
"""Written to `/proc/self/clear_refs`, it sets the peak of resident memory back to what is resident now."""
MEGABYTE = 2**20


@dataclass(frozen=True)
class Usage:
    """Resources of one part, its child processes included.

    Attributes:
        seconds: wall time.
        cpu_seconds: CPU time, user and system.
        peak_mb: peak resident memory of the process that had most, in MB of 2^20 bytes.
        total_peak_mb: peak resident memory of all processes together at one time, sampled, in MB of 2^20 bytes.
        processes: largest number of processes at one time, sampled.
        read_mb, written_mb: bytes of read and write calls, in MB of 2^20 bytes.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    total_peak_mb: float
    processes: int
    read_mb: float
    written_mb: float

    def then(self, later: Usage) -> Usage:
        """Return the usage of this part and a later one together."""
        mine, theirs = asdict(self), asdict(later)
        largest = ("peak_mb", "total_peak_mb", "processes")
        return Usage(
            **{name: max(mine[name], theirs[name]) if name in largest else mine[name] + theirs[name] for name in mine}
        )


class UsageMeter:
    """Measures this process and its children, part by part.

    Example:
        >>> with UsageMeter() as meter:
        ...     usage = meter.lap()
    """

    def __init__(self) -> None:
        """Prepare the thread that samples memory; entering the context starts it."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._lock = threading.Lock()
        self._child_peak, self._total_peak, self._processes = 0.0, 0.0, 1

    def __enter__(self) -> UsageMeter:
        """Start measuring."""
        self._reset()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop sampling."""
        self._ended.set()
        self._thread.join()

    def lap(self) -> Usage:
        """Return the usage since the last lap, or since the start, and begin another lap."""
        seconds, cpu, read, written = _counters()
        with self._lock:
            own_peak = _status_mb("self", "VmHWM")
            usage = Usage(
                seconds - self._start[0],
                cpu - self._start[1],
                max(own_peak, self._child_peak),
                max(own_peak, self._total_peak),
                self._processes,
                (read - self._start[2]) / MEGABYTE,
                (written - self._start[3]) / MEGABYTE,
            )
            self._reset()
        return usage

    def _reset(self) -> None:
        Path("/proc/self/clear_refs").write_text(RESET_PEAK)
        self._child_peak, self._total_peak, self._processes = 0.0, 0.0, 1
        self._start = _counters()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLING_SECONDS):
            children = list(_descendants(os.getpid()))
            total = _status_mb("self", "VmRSS") + sum(_status_mb(child, "VmRSS") for child in children)
            peak = max((_status_mb(child, "VmHWM") for child in children), default=0.0)
            with self._lock:
                self._child_peak = max(self._child_peak, peak)
                self._total_peak = max(self._total_peak, total)
                self._processes = max(self._processes, 1 + len(children))


def _counters() -> tuple[float, float, int, int]:
    """Return wall time, CPU time in seconds, and bytes read and written, of this process and its ended children."""
    usages = [resource.getrusage(kind) for kind in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    counters = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return time.perf_counter(), cpu, int(counters["rchar"]), int(counters["wchar"])


def _status_mb(process: int | str, name: str) -> float:
    """Return a figure of `/proc/PID/status` in MB of 2^20 bytes; 0 for a process that has ended."""
    with contextlib.suppress(OSError):
        match = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
        if match is not None:
            return int(match[1]) / 1024
    return 0.0


def _descendants(process: int) -> Iterator[int]:
    """Yield the ids of all processes that `process` started, and that those started."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                # The command stands in brackets and may hold spaces; the state and the parent follow it.
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(folder.name))
    waiting = list(parents.get(process, ()))
    while waiting:
        child = waiting.pop()
        yield child
        waiting += parents.get(child, ())
