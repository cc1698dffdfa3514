"""Limits of requests, checked before memory is allocated for them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import tensor_pb2, types_pb2

from interestflow.serving.server.errors import invalid

STRING_BYTES = 64
"""Memory of a string besides its characters: a Python object, the pointer to it, and TensorFlow's copy."""


@dataclass(frozen=True)
class RequestLimits:
    """Limits of one request to a model.

    A few bytes can stand for a tensor of any size, since one value may be repeated; and a model needs far more memory
    for a row or a candidate than the request does.

    Attributes:
        max_candidates: size of any axis that the signature leaves open, and, where a model describes its candidates,
            rows times candidates. A list inside a `tf.Example` may not be longer either.
        max_expanded_bytes: memory of all tensors of a request together, once repeated values are written out.
    """

    max_candidates: int = 10_000
    max_expanded_bytes: int = 64 * 2**20

    def check_shape(self, name: str, shape: tuple[int, ...], sizes: tuple[int, ...], has_candidates: bool) -> None:
        """Check the axes of a tensor.

        Args:
            name: name of the input.
            shape: shape of the tensor.
            sizes: axes of the signature, -1 where it leaves the size open.
            has_candidates: whether the second axis, where there is one, is that of the candidates.

        Raises:
            ServingError: INVALID_ARGUMENT, naming the tensor, the limit and the option.
        """
        for axis, size in enumerate(shape):
            if size > self.max_candidates and not (axis < len(sizes) and size == sizes[axis]):
                raise invalid(
                    f"`{name}` should have axes of at most {self.max_candidates:,} (`max_candidates`), "
                    f"received the shape {list(shape)}"
                )
        if has_candidates and len(shape) > 1 and shape[0] * shape[1] > self.max_candidates:
            raise invalid(
                f"`{name}` should have at most {self.max_candidates:,} rows times candidates (`max_candidates`), "
                f"received the shape {list(shape)}"
            )

    def check_bytes(self, name: str, expanded: int) -> None:
        """Check the memory of the tensors up to the one with this name.

        Raises:
            ServingError: INVALID_ARGUMENT, naming the tensor, the limit and the option.
        """
        if expanded > self.max_expanded_bytes:
            raise invalid(
                f"the tensors of a request should take at most {self.max_expanded_bytes:,} bytes "
                f"(`max_expanded_bytes`), received {expanded:,} or more up to `{name}`"
            )

    def check_examples(self, name: str, examples: np.ndarray) -> None:
        """Check the lists inside strings that may be serialized `tf.Example`s.

        A value takes a byte at least, so only strings with more bytes than a list may have values are parsed.

        Raises:
            ServingError: INVALID_ARGUMENT, naming the feature.
        """
        strings = examples.ravel().tolist()
        if max(map(len, strings), default=0) > self.max_candidates:
            for example in strings:
                if len(example) > self.max_candidates:
                    self._check_lists(name, example)

    def _check_lists(self, name: str, example: bytes) -> None:
        try:
            features = tf.train.Example.FromString(example).features.feature
        except DecodeError:
            return  # the graph says what is wrong with it
        for key, feature in features.items():
            kind = feature.WhichOneof("kind")
            length = len(getattr(feature, kind).value) if kind is not None else 0
            if length > self.max_candidates:
                raise invalid(
                    f"feature `{key}` in `{name}` should have at most {self.max_candidates:,} values "
                    f"(`max_candidates`), received {length:,}"
                )


def expanded_bytes(proto: tensor_pb2.TensorProto, shape: tuple[int, ...]) -> int:
    """Return the memory of a tensor once it is decoded."""
    size = math.prod(shape)
    if proto.dtype != types_pb2.DT_STRING:
        return size * int(tf.as_dtype(proto.dtype).size)
    values = proto.string_val
    if proto.tensor_content or not values:
        return size * STRING_BYTES + len(proto.tensor_content)
    repeated = max(size - len(values), 0)
    return size * STRING_BYTES + sum(map(len, values)) + repeated * len(values[-1])
