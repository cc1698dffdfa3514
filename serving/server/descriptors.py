"""Division of a process's file descriptors between HTTP and gRPC."""

from __future__ import annotations

import resource

RESERVED = 128
"""Descriptors for the process itself: models that are loaded, logs, the event loops."""
MAX_CONNECTIONS = 10_000
MAX_DESCRIPTORS = 65_536
"""Highest limit to request; far higher ones only cost memory."""


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files towards the hard one, as any process may.

    Returns:
        The soft limit afterwards.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft  # some systems allow less than they report
        return wanted
    return MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


def connection_limit(descriptors: int) -> int:
    """Return how many of `descriptors` HTTP connections may use; gRPC may use as many."""
    return max(1, min((descriptors - RESERVED) // 2, MAX_CONNECTIONS))
