"""Runs a server until it is told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

from rich.console import Console

from serving.server.configuration import ServerOptions
from serving.server.server import Server


def serve(options: ServerOptions, console: Console) -> None:
    """Serves until SIGTERM or Ctrl-C, then lets the requests under way end.

    Args:
        options: what and how.
        console: told where the server is and what it serves, once it does, and what changes after that.

    Raises:
        ServerConfigurationError: for a port or a certificate that cannot be used.
    """
    _log_to(console)
    server = Server(options)
    asked_to_stop = threading.Event()

    def stop(*_: Any) -> None:
        asked_to_stop.set()

    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.start()
        for line in described(server):
            console.print(line, highlight=False, soft_wrap=True)
        asked_to_stop.wait()
        console.print("stopping, when the requests under way have ended")
        server.stop()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def described(server: Server) -> list[str]:
    """Where the server is and what it serves, a line each."""
    options = server.options
    secured = "" if options.tls is None else ", TLS"
    lines = [f"gRPC on {options.host}:{server.port}{secured}"]
    if server.rest_port is not None:
        scheme = "http" if options.tls is None else "https"
        lines.append(f"REST on {scheme}://{options.host}:{server.rest_port}/v1/models")
    for name, versions in server.manager.available().items():
        shown = f"version {', '.join(map(str, versions))}" if versions else "no version yet"
        lines.append(f"{name}: {shown}")
    return lines


def _log_to(console: Console) -> None:
    class ToConsole(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            console.print(self.format(record), highlight=False, soft_wrap=True)

    log = logging.getLogger("interestflow.serving")
    log.setLevel(logging.INFO)
    log.propagate = False
    if not log.handlers:
        log.addHandler(ToConsole())
