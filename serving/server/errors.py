"""Errors of requests and of the server's own configuration."""

from __future__ import annotations

import re

import grpc
import tensorflow as tf

MAX_MESSAGE_BYTES = 2000
"""Most bytes of a status message. It is sent in the headers, of which gRPC accepts 8 KB and in which bytes beyond ASCII
take three."""
CODES = {code.value[0]: code for code in grpc.StatusCode}
FUNCTIONS = re.compile(r"^(\{\{function_node [^}]*\}\}\s*)+")
FIRST_ROOT_ERROR = re.compile(r"^\d+ root error\(s\) found\.\s*\(0\) [A-Z_]+: (?P<message>[^\n]*)")


class ServingError(Exception):
    """A request that cannot be answered: a gRPC status code and one sentence.

    Args:
        code: status of the call.
        message: reason, cut to the length of a status message.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        """Store the code and the shortened message."""
        self.code = code
        self.message = shorten(message)
        super().__init__(self.message)


class ServerConfigurationError(Exception):
    """A file or an option with which the server cannot start; the message names it."""


def invalid(message: str) -> ServingError:
    """Return the error of an invalid request."""
    return ServingError(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> ServingError:
    """Return the error of a request for something that does not exist."""
    return ServingError(grpc.StatusCode.NOT_FOUND, message)


def graph_error(error: tf.errors.OpError | UnicodeDecodeError) -> ServingError:
    """Return the error of a request that the graph of a model failed on, in TensorFlow's first sentence.

    TensorFlow quotes values of the request. Where these are not UTF-8, Python cannot convert its status to an
    exception, and only the bytes of the message are left. Since the request was quoted, it was at fault.
    """
    if isinstance(error, UnicodeDecodeError):
        return invalid(_first_sentence(error.object.decode("utf-8", "backslashreplace")))
    message = _first_sentence(error.message or "")
    if isinstance(error, tf.errors.CancelledError):  # by another operation, which failed
        return invalid(message)
    return ServingError(CODES.get(error.error_code, grpc.StatusCode.INTERNAL), message)


def shorten(message: str) -> str:
    """Return `message`, cut to a length that every gRPC client accepts."""
    content = message.encode("utf-8", "backslashreplace")
    if len(content) <= MAX_MESSAGE_BYTES:
        return content.decode()
    return f"{content[: MAX_MESSAGE_BYTES - 5].decode('utf-8', 'ignore')} ..."


def _first_sentence(text: str) -> str:
    """Return TensorFlow's message without the functions before it, and the node and the stack after it."""
    root = FIRST_ROOT_ERROR.match(text)
    text = FUNCTIONS.sub("", text if root is None else root["message"])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "the model's graph failed without a message"
