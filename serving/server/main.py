"""Runs a server until it is told to stop."""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
from typing import Any

from rich.console import Console

from serving.server.configuration import ServerOptions
from serving.server.server import Server

Event = signal.Signals | Exception | None
"""A signal, what `Server.start` raised, or None once the server has started."""


def serve(options: ServerOptions, console: Console) -> None:
    """Serve until SIGTERM or Ctrl-C, then let the running requests end.

    Where some of them have not ended two seconds after the grace period (`drain_seconds`), this ends the process,
    with exit code 0: Python would wait for their threads.

    Args:
        options: what to serve and how.
        console: shows where the server is and what it serves, and what changes after that.

    Raises:
        ServerConfigurationError: for options, a port or a certificate that cannot be used.
    """
    log_to(console)
    server = Server(options)
    # Unlike a threading.Event, a SimpleQueue may be used inside a signal handler.
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    handlers = {
        number: signal.signal(number, lambda received, _: events.put(signal.Signals(received)))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        # Loading takes as long as it takes, and a signal should not have to wait for it.
        threading.Thread(target=_start, args=(server, events), name="start", daemon=True).start()
        event = events.get()
        if isinstance(event, Exception):
            raise event
        if event is None:
            for line in describe(server):
                console.print(line, highlight=False, soft_wrap=True)
            events.get()
        console.print("stopping, when the running requests have ended")
        has_ended = server.stop()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if not has_ended:
        console.print("stopped; requests that still ran were given up")
        console.file.flush()
        os._exit(0)


def describe(server: Server) -> list[str]:
    """Return where the server is and what it serves, a line each."""
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


def log_to(console: Console) -> None:
    """Show the server's log on `console`."""

    class ConsoleHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            console.print(self.format(record), highlight=False, soft_wrap=True)

    log = logging.getLogger("interestflow.serving")
    log.setLevel(logging.INFO)
    log.propagate = False
    if not log.handlers:
        log.addHandler(ConsoleHandler())


def _start(server: Server, events: queue.SimpleQueue[Any]) -> None:
    try:
        server.start()
    except Exception as error:
        events.put(error)
    else:
        events.put(None)
