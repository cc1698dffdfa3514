"""The reason is the last line of the output, whatever other threads and exit handlers write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

NOISE = """
import atexit, ctypes, logging, sys, threading, time
from interestflow.kubeflow.step.exits import exit_on_sigterm, exit_with_reason

def chatter():
    while True:
        print("thread", file=sys.stderr, flush=True)

threading.Thread(target=chatter, daemon=True).start()
atexit.register(lambda: print("exit handler", flush=True))
ctypes.CDLL(None).printf(b"from C\\n")
print("buffered, without an end of line", end="")
"""


def run(code: str) -> tuple[int, bytes]:
    process = subprocess.run([sys.executable, "-c", NOISE + code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return process.returncode, process.stdout


def test_the_reason_is_last_and_on_one_line() -> None:
    code, output = run("exit_with_reason('the log is empty:\\n  events.parquet', 1)")
    assert code == 1
    assert output.endswith(b"\nthe log is empty: events.parquet\n")
    assert b"buffered, without an end of line" in output
    assert b"from C" in output
    assert b"exit handler" not in output


def test_letters_that_cannot_be_encoded_do_not_hide_the_reason() -> None:
    code, output = run("exit_with_reason('K\\u00e4ufe \\udcff', 3)")
    assert code == 3
    assert output.endswith("\nKäufe \\udcff\n".encode())


@pytest.mark.parametrize("wait", ["time.sleep(60)", "ctypes.CDLL(None).pause()", "threading.Event().wait()"])
def test_sigterm_ends_the_process_with_its_reason_wherever_it_is(wait: str) -> None:
    code = (
        NOISE.replace("while True:", "for _ in range(3):") + f"exit_on_sigterm(); print('!ready', flush=True); {wait}"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout
    while b"!ready" not in process.stdout.readline():
        pass
    os.kill(process.pid, signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 143
    assert output.endswith(b"\nthe step was stopped by SIGTERM: its pod was evicted, or the run was cancelled\n")


def test_processes_that_a_step_starts_can_be_stopped_and_other_signals_are_left_alone() -> None:
    code = """
import os, signal, subprocess
exit_on_sigterm()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
child.terminate()
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    exit_with_reason(f"child {child.wait(timeout=30)}", 5)
"""
    code_, output = run(code)
    assert code_ == 5
    assert output.endswith(b"\nchild -15\n")


def test_a_forked_process_that_is_stopped_does_not_end_the_step() -> None:
    code = """
import os, signal
exit_on_sigterm()
child = os.fork()
if child == 0:
    time.sleep(60)
os.kill(child, signal.SIGTERM)
_, status = os.waitpid(child, 0)
time.sleep(0.2)
exit_with_reason(f"child {os.waitstatus_to_exitcode(status)}", 5)
"""
    code_, output = run(code)
    assert code_ == 5
    assert output.endswith(b"\nchild -15\n")
