"""Checks that the tests of the server share: errors of calls, and conditions that hold after a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from interestflow.serving.server.errors import ServingError


def serving_error(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    """Return the code and the message of the `ServingError` that `call` has to raise."""
    with pytest.raises(ServingError) as raised:
        call()
    return raised.value.code, raised.value.message


def invalid_message(call: Callable[[], Any]) -> str:
    """Return the message of the `ServingError` that `call` has to raise, whose code has to be INVALID_ARGUMENT."""
    code, message = serving_error(call)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    return message


def rpc_error(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    """Return the status code and the details with which a remote call has to fail."""
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return raised.value.code(), raised.value.details()


def eventually(is_so: Callable[[], bool], seconds: float = 120.0) -> bool:
    """Return whether a condition comes to hold within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.02)
    return False
