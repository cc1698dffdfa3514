"""Hostile HTTP clients against a server in its own process: it stays up, within resource bounds that are printed."""

from __future__ import annotations

import contextlib
import gzip
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving.server import small_models
from tests.serving.server.http_clients import ANSWER, GOOD, ask, clients, connect, head, is_open, post
from tests.serving.server.serve_process import ServeProcess
from tests.serving.server.small_models import Stubs

pytestmark = pytest.mark.end_to_end
MEGABYTE = 2**20
LARGEST = 64 * MEGABYTE
LIMIT_MEGABYTES = 1000
CONNECTIONS = 200
GRACE_SECONDS = 2.0


class Watched(ServeProcess):
    """`interestflow serve`, with what the process uses."""

    def memory(self) -> int:
        """Return the most megabytes that have been resident."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmHWM:")[1].split()[0]) // 1024

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    base = tmp_path_factory.mktemp("scaled")
    small_models.write_scaled(base, 3)
    server = start(base)
    try:
        yield server
        assert server.terminate(60) == 0
        assert not [line for line in server.lines if "Traceback" in line]
    finally:
        server.process.kill()


def start(base: Path) -> Watched:
    server = Watched(
        base, "--name", "scaled", "--rest-port", "0", "--max-http-connections", str(CONNECTIONS),
        "--http-header-seconds", "3", "--http-body-seconds", "10", "--grace-seconds", str(GRACE_SECONDS),
    )  # fmt: skip
    server.wait_for("scaled: version 3")
    assert ask(server.port("REST"), post(GOOD)) == ANSWER
    return server


def values(start: bytes, value: bytes, count: int, end: bytes) -> bytes:
    """Return a body with the same value many times."""
    return start + b",".join([value] * count) + end


TEXTS = b'],"signature_name":"lengths"}'
LARGE: dict[str, tuple[Callable[[], bytes], int]] = {
    "lists in lists, 64 MB": (lambda: b"[" * LARGEST, 400),
    "a million objects in objects": (lambda: b'{"a":' * 1_000_000, 400),
    "lists nested 900 deep": (lambda: b'{"inputs":' + b"[" * 900 + b"]" * 900 + b"}", 400),
    "ten million numbers": (lambda: values(b'{"inputs":[', b"1.5", 10_000_000, b"]}"), 400),
    "two million numbers": (lambda: values(b'{"inputs":[', b"1.5", 2_000_000, b"]}"), 400),
    "two million texts": (lambda: values(b'{"inputs":[', b'"abcdefgh"', 2_000_000, TEXTS), 400),
    "a million lists": (lambda: values(b'{"inputs":[', b"[]", 1_000_000, b"]}"), 400),
    "a million rows": (lambda: values(b'{"instances":[', b'{"x":1}', 1_000_000, b"]}"), 400),
    "two million keys": (lambda: b"{" + b",".join(b'"%d":1' % n for n in range(2_000_000)) + b"}", 400),
    "a million examples": (lambda: values(b'{"examples":[', b"{}", 1_000_000, b"]}"), 400),
    "an example with a million features": (
        lambda: b'{"examples":[{' + b",".join(b'"%d":1' % n for n in range(1_000_000)) + b"}]}",
        400,
    ),
    "a text of 60 MB": (lambda: b'{"inputs":[["' + b"a" * 60 * MEGABYTE + "😀".encode() + b'"]' + TEXTS, 200),
    "more than 64 MB": (lambda: b" " * (LARGEST + 1), 413),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_bodies(server: Watched, name: str) -> None:
    body, expected = LARGE[name]
    before = server.memory()
    path = "/v1/models/scaled:classify" if "examples" in name else "/v1/models/scaled:predict"
    status, answer = ask(server.port("REST"), post(body(), path))
    show_and_check(server, name, before)
    assert status == expected, answer[:300]
    assert ask(server.port("REST"), post(GOOD)) == ANSWER


def test_bodies_that_grow_when_they_are_decompressed(server: Watched) -> None:
    before, port = server.memory(), server.port("REST")
    bomb = post(gzip.compress(b"0" * 2**30), more="Content-Encoding: gzip\r\n")
    assert ask(port, bomb)[0] == 400
    text = gzip.compress(b'{"inputs":[["' + b"a" * (LARGEST - 1000) + b'"]' + TEXTS)
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(ask(port, post(text, more="Content-Encoding: gzip\r\n"))[0])
        )
        for _ in range(8)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    show_and_check(server, "eight texts of 64 MB in 64 KB each", before)
    assert set(statuses) <= {200, 429}
    assert 200 in statuses
    assert ask(port, post(GOOD)) == ANSWER


def test_600_connections_that_stall(server: Watched) -> None:
    before, port = server.memory(), server.port("REST")
    descriptors = server.descriptors()
    stalled = [b"", b"POST /v1/models/scaled:predict HTTP/1.1\r\nX: ", head(100) + b"{"] * 200
    with clients(port, stalled) as opened, Stubs(server.port()) as stubs:
        for _ in range(10):
            assert ask(port, post(GOOD)) == ANSWER
            assert stubs.scaled([1.0]) == [3.0]
        used = server.descriptors() - descriptors
        print(f"\n600 stalled connections use {used} descriptors")
        assert used <= CONNECTIONS + 20  # and those of gRPC
        assert sum(map(is_open, opened)) <= CONNECTIONS
    show_and_check(server, "600 stalled connections", before)


def test_150_uploads_that_stall(server: Watched) -> None:
    before, port = server.memory(), server.port("REST")
    with contextlib.ExitStack() as stack:
        for _ in range(150):
            client = stack.enter_context(connect(port, timeout=5))
            with contextlib.suppress(OSError):
                client.sendall(head(60 * MEGABYTE) + b"{" + b" " * 4 * MEGABYTE)
        assert ask(port, post(GOOD)) == ANSWER
    show_and_check(server, "150 stalled uploads of 4 MB each", before)


def test_a_stalled_upload_does_not_keep_the_server_from_its_end(tmp_path: Path) -> None:
    small_models.write_scaled(tmp_path, 3)
    server = start(tmp_path)
    port = server.port("REST")
    with clients(port, [head(MEGABYTE) + b"{" + b" " * 1000, b"POST /v1", b""]):
        ask(port, post(GOOD))  # by then the others have been read
        began = time.monotonic()
        # The upload could go on for ten seconds more. The process itself needs some time to end, on a busy machine.
        code = server.terminate(GRACE_SECONDS + 7.0)
        print(f"\nended {time.monotonic() - began:.1f} s after SIGTERM, with {GRACE_SECONDS:g} s of grace")
    assert code == 0
    assert not [line for line in server.lines if "Traceback" in line], server.lines


def show_and_check(server: Watched, name: str, before: int) -> None:
    """Print the peak of memory since the server's start, and check how far it is above the server at rest."""
    peak, idle = server.memory(), IDLE.setdefault(server.process.pid, before)
    print(f"\n{name}: peak {peak} MB, {peak - idle} MB above the idle server")
    assert peak - idle <= LIMIT_MEGABYTES


IDLE: dict[int, int] = {}
