"""Running of a server until a signal stops it."""

from __future__ import annotations

import gc
import logging
import os
import queue
import signal
import threading

from rich.console import Console

from interestflow.serving.server.configuration import ServerOptions
from interestflow.serving.server.server import Server

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
LOADED = 0
"""Event beside the numbers of signals: the models are loaded."""


def serve(options: ServerOptions, console: Console) -> None:
    """Serve until SIGTERM or Ctrl-C, then let the running requests end.

    Where some of them have not ended two seconds after the grace period (`drain_seconds`), this ends the process,
    with exit code 0: Python would wait for their threads.

    Args:
        options: models to serve, and all settings.
        console: console that shows the server's addresses, its models, and later changes.

    Raises:
        ServerConfigurationError: for options, a port or a certificate that cannot be used.
    """
    log_to(console)
    server = Server(options)
    # Unlike a threading.Event, a SimpleQueue may be used inside a signal handler.
    events: queue.SimpleQueue[int] = queue.SimpleQueue()
    handlers = {
        signal_number: signal.signal(signal_number, lambda received, _: events.put(received))
        for signal_number in STOP_SIGNALS
    }
    try:
        server.listen()
        show(console, describe_ports(server))
        # In a thread, so that a signal does not have to wait until the models are loaded.
        threading.Thread(target=_load, args=(server, events), name="load", daemon=True).start()
        if events.get() == LOADED:
            show(console, describe_models(server))
            events.get()
        show(console, ["stopping, when the running requests have ended"])
        has_ended = server.stop()
    finally:
        for signal_number, handler in handlers.items():
            signal.signal(signal_number, handler)
    if not has_ended:
        show(console, ["stopped; what still ran was given up"])
        console.file.flush()
        os._exit(0)


def describe_ports(server: Server) -> list[str]:
    """Return where the server listens, a line for each port."""
    host, tls = server.options.host, server.options.tls
    lines = [f"gRPC on {host}:{server.port}{'' if tls is None else ', TLS'}"]
    if server.rest_port is not None:
        lines.append(f"REST on {'http' if tls is None else 'https'}://{host}:{server.rest_port}/v1/models")
    return lines


def describe_models(server: Server) -> list[str]:
    """Return which versions answer, a line for each model."""
    lines = []
    for name, versions in server.manager.available().items():
        numbers = ", ".join(map(str, versions))
        lines.append(f"{name}: version {numbers}" if versions else f"{name}: no version yet")
    return lines


def show(console: Console, lines: list[str]) -> None:
    """Print `lines` as they are."""
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def log_to(console: Console) -> None:
    """Show the server's log on `console`."""

    class ConsoleHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            show(console, [self.format(record)])

    log = logging.getLogger("interestflow.serving")
    log.setLevel(logging.INFO)
    log.propagate = False
    if not log.handlers:
        log.addHandler(ConsoleHandler())


def _load(server: Server, events: queue.SimpleQueue[int]) -> None:
    # Imported modules stay. Excluding them from later collections, one of which follows each unloaded version, makes
    # these ten times faster. Models must not be excluded, or they would never be freed.
    gc.collect()
    gc.freeze()
    server.load()
    events.put(LOADED)
