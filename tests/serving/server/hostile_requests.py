"""Malformed and hostile requests by their defect, and random ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import classification_pb2, predict_pb2

from tests.serving.server.small_models import request

MEGABYTE = 2**20
LARGE = 60 * MEGABYTE
"""Below the largest message that a server accepts."""


def varint(value: int) -> bytes:
    encoded = b""
    while value > 0x7F:
        encoded, value = encoded + bytes([value & 0x7F | 0x80]), value >> 7
    return encoded + bytes([value])


def field(field_number: int, content: bytes) -> bytes:
    """Return a length-delimited field as protobuf encodes it."""
    return varint(field_number << 3 | 2) + varint(len(content)) + content


def nested(depth: int) -> bytes:
    """Return a message in a message, and so on."""
    content = b""
    for _ in range(depth):
        content = field(1, content)
    return content


def repeated(shape: list[int], value: Any = b"i1") -> tensor_pb2.TensorProto:
    """Return one value that stands for a whole tensor."""
    if isinstance(value, bytes):
        proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[value])
    elif isinstance(value, float):
        proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[value])
    else:
        proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_INT64, int64_val=[value])
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


def ranking(rows: int = 1, candidates: int = 2, steps: int = 3, **changes: tensor_pb2.TensorProto) -> Any:
    """Return a request for `rank` of the recorded ranker, all of one value."""
    message = predict_pb2.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = "ranker", "rank"
    tensors = {
        "user": repeated([rows], b"u1"),
        "history_item": repeated([rows, steps]),
        "history_category": repeated([rows, steps], b"c1"),
        "history_age": repeated([rows, steps], 10),
        "item": repeated([rows, candidates]),
        "category": repeated([rows, candidates], b"c1"),
        "price": repeated([rows, candidates], 1.5),
        "tags": repeated([rows, candidates, 2], b"t1"),
    }
    for name, proto in (tensors | changes).items():
        message.inputs[name].CopyFrom(proto)
    return message


def pointwise(rows: int, steps: int = 3) -> Any:
    """Return a request for `predict` of the recorded ranker, all of one value."""
    message = ranking(rows, 2, steps)
    message.model_spec.signature_name = "predict"
    for name, value in (("item", b"i1"), ("category", b"c1"), ("price", 1.5)):
        message.inputs[name].CopyFrom(repeated([rows], value))
    message.inputs["tags"].CopyFrom(repeated([rows, 2], b"t1"))
    return message


def retrieval(*k: int) -> Any:
    """Return a request for `retrieve` of the recorded matcher."""
    message = predict_pb2.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = "matcher", "retrieve"
    rows = len(k)
    tensors = {
        "user": repeated([rows], b"u1"),
        "history_item": repeated([rows, 2]),
        "history_category": repeated([rows, 2], b"c1"),
        "history_age": repeated([rows, 2], 10),
        "k": tf.make_tensor_proto(np.int32(k)),
    }
    for name, proto in tensors.items():
        message.inputs[name].CopyFrom(proto)
    return message


def of_examples(*examples: bytes) -> Any:
    message = predict_pb2.PredictRequest()
    message.model_spec.name = "ranker"
    message.inputs["examples"].CopyFrom(
        tensor_pb2.TensorProto(
            dtype=types_pb2.DT_STRING,
            string_val=examples,
            tensor_shape={"dim": [{"size": len(examples)}]},
        )
    )
    return message


def tensor_fields(dtype: int, values: bytes, size: int) -> bytes:
    """Return a request for `rank` whose `item` is encoded by hand."""
    shape = field(2, field(2, varint(1 << 3) + varint(size)))
    tensor = varint(1 << 3) + varint(dtype) + shape + values
    spec = field(1, b"ranker") + field(3, b"rank")
    return field(1, spec) + field(2, field(1, b"item") + field(2, tensor))


def example_with_list(length: int) -> bytes:
    example = tf.train.Example()
    example.features.feature["history_item"].bytes_list.value.extend([b"i1"] * length)
    return example.SerializeToString()


def feature_named(name: bytes) -> bytes:
    """Return a `tf.Example` with one feature, whose name need not be UTF-8."""
    return field(1, field(1, field(1, name) + field(2, field(1, field(1, b"i1")))))


def changed(proto: tensor_pb2.TensorProto, **fields: Any) -> tensor_pb2.TensorProto:
    copy = tensor_pb2.TensorProto()
    copy.CopyFrom(proto)
    copy.MergeFrom(tensor_pb2.TensorProto(**fields))
    return copy


ITEM = repeated([1, 2])
REFUSED: dict[str, Callable[[], Any]] = {
    "one value for 2^20 candidates": lambda: ranking(candidates=2**20),
    "one value for 2^10 users with 2^10 candidates": lambda: ranking(rows=2**10, candidates=2**10),
    "one value for 2^20 rows": lambda: pointwise(2**20),
    "one value for a history of 2^20": lambda: pointwise(1, steps=2**20),
    "one text of 1 MB for 10,000 candidates": lambda: ranking(1, 10_000, item=repeated([1, 10_000], b"x" * MEGABYTE)),
    "one value for 2^62": lambda: ranking(item=repeated([1, 2**62])),
    "an overflow of the size": lambda: ranking(item=repeated([2**32, 2**32])),
    "a negative size": lambda: ranking(item=repeated([-1, 2])),
    "the smallest size": lambda: ranking(item=repeated([-(2**63), 2])),
    "a thousand axes": lambda: ranking(item=repeated([1] * 1000)),
    "nine axes": lambda: ranking(item=repeated([1] * 9)),
    "an unknown dtype": lambda: ranking(item=changed(ITEM, dtype=99)),
    "a negative dtype": lambda: ranking(item=changed(ITEM, dtype=-1)),
    "no dtype": lambda: ranking(item=tensor_pb2.TensorProto(tensor_shape=ITEM.tensor_shape)),
    "a resource": lambda: ranking(item=tensor_pb2.TensorProto(dtype=types_pb2.DT_RESOURCE)),
    "a variant": lambda: ranking(item=tensor_pb2.TensorProto(dtype=types_pb2.DT_VARIANT)),
    "a reference": lambda: ranking(item=changed(ITEM, dtype=101)),
    "content of another size": lambda: ranking(price=changed(repeated([1, 2], 1.5), tensor_content=b"abc")),
    "content that is no text": lambda: ranking(item=changed(ITEM, tensor_content=b"\xff" * 50)),
    "unequal candidates": lambda: ranking(category=repeated([1, 3], b"c1")),
    "unequal histories": lambda: ranking(history_age=repeated([1, 4], 10)),
    "a rank that the graph does not take": lambda: ranking(item=repeated([2])),
    "unknown inputs": lambda: ranking(**{f"input-{index}": ITEM for index in range(1000)}),
    "garbage as an example": lambda: of_examples(b"\xff\xfe no example"),
    "garbage of 1 MB as an example": lambda: of_examples(b"\xff" * MEGABYTE),
    "an example in itself": lambda: of_examples(nested(10_000)),
    "a list of 2^20 in an example": lambda: of_examples(example_with_list(2**20), *[b""] * 9999),
    "2^20 examples": lambda: of_examples(*[b""] * 2**20),
}
"""Requests that are the client's fault, by what is wrong; each is to be answered INVALID_ARGUMENT."""

RANK = field(1, field(1, b"ranker") + field(3, b"rank"))
GROWING: dict[str, Callable[[], bytes]] = {
    "empty texts": lambda: tensor_fields(types_pb2.DT_STRING, field(8, b"") * (LARGE // 2), LARGE // 2),
    "packed numbers": lambda: tensor_fields(types_pb2.DT_INT64, field(10, b"\0" * LARGE), LARGE),
    "numbers": lambda: tensor_fields(types_pb2.DT_INT64, (varint(10 << 3) + b"\0") * (LARGE // 2), LARGE // 2),
    "resources": lambda: tensor_fields(types_pb2.DT_RESOURCE, field(14, b"") * (LARGE // 2), LARGE // 2),
    "variants": lambda: tensor_fields(types_pb2.DT_VARIANT, field(15, b"") * (LARGE // 2), LARGE // 2),
    "axes": lambda: RANK + field(2, field(1, b"item") + field(2, field(2, field(2, b"") * (LARGE // 2)))),
    "inputs": lambda: RANK + b"".join(field(2, field(1, b"%06x" % index)) for index in range(2 * MEGABYTE)),
    "one input again and again": lambda: RANK + field(2, b"") * (LARGE // 2),
    "filters": lambda: RANK + field(3, b"") * (LARGE // 2),
    "fields that nobody knows": lambda: RANK + field(999, b"") * (LARGE // 3),
}
"""Encoded requests of up to 60 MB that take gigabytes once parsed; each is to be answered INVALID_ARGUMENT."""

ANSWERED: dict[str, Callable[[], Any]] = {
    "10,000 candidates": lambda: ranking(candidates=10_000, steps=50),
    "100 users with 100 candidates": lambda: ranking(100, 100, steps=50),
    "1,000 candidates": lambda: ranking(candidates=1000, steps=50),
    "10,000 rows": lambda: pointwise(10_000, steps=20),
    "1,000 examples": lambda: of_examples(*[example_with_list(50)] * 1000),
    "a list of 10,000": lambda: of_examples(example_with_list(10_000), *[b""] * 999),
    "no rows": lambda: ranking(rows=0),
    "no candidates": lambda: ranking(candidates=0),
    "the largest k": lambda: retrieval(2**31 - 1),
    "numbers that are none": lambda: ranking(price=repeated([1, 2], float("nan"))),
    "text that is no UTF-8": lambda: ranking(item=repeated([1, 2], b"\xff\xfe")),
    "a feature whose name is no UTF-8": lambda: of_examples(feature_named(b"\xff\xfe")),
}
"""Requests at the limits, and odd ones that the graph takes; each is to be answered."""


def classification(example: bytes) -> bytes:
    """Return a request for Classify with an example as bytes."""
    spec = classification_pb2.ClassificationRequest()
    spec.model_spec.name = "labelled"
    return spec.SerializeToString() + field(2, field(1, field(1, example)))


def random_request(random: np.random.Generator) -> bytes:
    """Return a malformed request, or bytes that are no request."""
    message = request(name="double", signature="only", x=np.float32([1.0, 2.0]))
    proto = message.inputs["x"]
    kind = random.integers(0, 9)
    if kind == 0:
        proto.dtype = int(random.integers(-3, 130))
    elif kind == 1:
        del proto.tensor_shape.dim[:]
        for size in random.integers(-(2**62), 2**62, random.integers(1, 5)):
            proto.tensor_shape.dim.add(size=int(size))
    elif kind == 2:
        proto.tensor_content = random.bytes(int(random.integers(0, 100)))
    elif kind == 3:
        proto.tensor_shape.unknown_rank = True
    elif kind == 4:
        message.model_spec.signature_name = random.bytes(8).hex()
    elif kind == 5:
        message.model_spec.version.value = int(random.integers(-(2**62), 2**62))
    elif kind == 6:
        message.inputs[random.bytes(4).hex()].CopyFrom(proto)
    elif kind == 7:
        proto.dtype = types_pb2.DT_STRING
        proto.string_val.append(random.bytes(10))
    content = message.SerializeToString()
    if kind == 8:
        if random.random() < 0.5:
            return content[: random.integers(1, len(content))]
        return random.bytes(int(random.integers(1, 200)))
    return content
