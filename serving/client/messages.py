"""Plain Python values to requests and answers to plain values, by what a model's metadata says of its signatures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, model_pb2, predict_pb2

HISTORY = "history_"
HISTORY_ITEM = "history_item"
ITEM = "item"
MISSING: dict[str, Any] = {"string": b"", "float32": math.nan, "int64": 0}
"""What stands for a value that is not given, by type: models take it as missing."""
Row = Mapping[str, Any]


class ClientError(Exception):
    """A question that cannot be asked or was not answered; `code` is the server's status, where it gave one."""

    def __init__(self, message: str, code: Any = None) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Tensor:
    """dtype: TensorFlow's name. shape: sizes of the axes, None for any."""

    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Signature:
    """What a signature takes and gives, by name."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


@dataclass(frozen=True)
class Metadata:
    """version: that answered. signatures: by name."""

    version: int
    signatures: dict[str, Signature]

    @classmethod
    def of(cls, response: get_model_metadata_pb2.GetModelMetadataResponse) -> Metadata:
        found = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(found)
        return cls(
            response.model_spec.version.value,
            {
                key: Signature(_tensors(signature.inputs), _tensors(signature.outputs))
                for key, signature in found.signature_def.items()
            },
        )

    @classmethod
    def of_model(cls, model: Any) -> Metadata:
        """The same of a model that was loaded by `tf.saved_model.load`; its version is 0."""

        def tensors(specs: Mapping[str, Any]) -> dict[str, Tensor]:
            return {name: Tensor(spec.dtype.name, tuple(spec.shape)) for name, spec in sorted(specs.items())}

        return cls(
            0,
            {
                key: Signature(tensors(each.structured_input_signature[1]), tensors(each.structured_outputs))
                for key, each in model.signatures.items()
            },
        )

    def signature(self, name: str) -> Signature:
        """The signature `name`.

        Raises:
            ClientError: where the model has none.
        """
        if name not in self.signatures:
            raise ClientError(f"the model has no signature {name!r}; it has {', '.join(sorted(self.signatures))}")
        return self.signatures[name]

    def of_candidates(self) -> frozenset[str]:
        """Inputs of `rank` that describe candidates: they have an axis more there than in `predict`."""
        alone, ranked = self.signature("predict").inputs, self.signature("rank").inputs
        return frozenset(name for name, tensor in ranked.items() if len(tensor.shape) == len(alone[name].shape) + 1)


@dataclass(frozen=True)
class Scores:
    """by_task: probabilities, float32 `[N]`, in the order of the rows. version: that gave them."""

    by_task: dict[str, np.ndarray]
    version: int


@dataclass(frozen=True)
class Ranking:
    """candidates: as they were asked about. by_task: probabilities, float32 `[N]`. version: that gave them."""

    candidates: tuple[str, ...]
    by_task: dict[str, np.ndarray]
    version: int

    def best(self, count: int | None = None, task: str | None = None) -> list[tuple[str, float]]:
        """Candidates and their probabilities, the best first.

        Args:
            count: how many; all where None.
            task: by which to order; the first where None.
        """
        scores = self.by_task[task or next(iter(self.by_task))]
        order = np.argsort(-scores, kind="stable")[:count]
        return [(self.candidates[place], float(scores[place])) for place in order]


@dataclass(frozen=True)
class Retrieved:
    """items: ids, the best first. scores: float32 `[K]`. version: that gave them."""

    items: tuple[str, ...]
    scores: np.ndarray
    version: int


def model_spec(model: str, signature: str, version: int | None, label: str | None) -> model_pb2.ModelSpec:
    """Which model, and which version of it."""
    spec = model_pb2.ModelSpec(name=model, signature_name=signature)
    if version is not None:
        spec.version.value = version
    elif label is not None:
        spec.version_label = label
    return spec


def score_request(spec: model_pb2.ModelSpec, metadata: Metadata, rows: Sequence[Row]) -> predict_pb2.PredictRequest:
    """Asks `predict` for rows such as `{"item": "12", "history_item": ["3"], "history_age": [60]}`.

    Raises:
        ClientError: for a feature that the model does not know, or that is not of its type.
    """
    inputs = metadata.signature("predict").inputs
    _check_known(rows, inputs.keys(), "rows")
    request = predict_pb2.PredictRequest(model_spec=spec)
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(_message(_stacked(name, tensor, rows, len(tensor.shape)), tensor))
    return request


def rank_request(
    spec: model_pb2.ModelSpec, metadata: Metadata, user: Row, candidates: Sequence[Row]
) -> predict_pb2.PredictRequest:
    """Asks `rank` for the candidates of one user.

    Raises:
        ClientError: as `score_request`, and for a feature on the wrong side.
    """
    inputs = metadata.signature("rank").inputs
    of_candidates = metadata.of_candidates()
    _check_known([user], inputs.keys() - of_candidates, "the user")
    _check_known(candidates, of_candidates, "candidates")
    request = predict_pb2.PredictRequest(model_spec=spec)
    for name, tensor in inputs.items():
        if name in of_candidates:
            array = _stacked(name, tensor, candidates, len(tensor.shape) - 1)[np.newaxis]
        else:
            array = _stacked(name, tensor, [user], len(tensor.shape))
        request.inputs[name].CopyFrom(_message(array, tensor))
    return request


def retrieve_request(
    spec: model_pb2.ModelSpec, metadata: Metadata, user: Row, count: int
) -> predict_pb2.PredictRequest:
    """Asks `retrieve` for the best `count` of all items for one user.

    Raises:
        ClientError: as `score_request`.
    """
    inputs = metadata.signature("retrieve").inputs
    _check_known([user], inputs.keys() - {"k"}, "the user")
    request = predict_pb2.PredictRequest(model_spec=spec)
    for name, tensor in inputs.items():
        array = np.array([count], np.int32) if name == "k" else _stacked(name, tensor, [user], len(tensor.shape))
        request.inputs[name].CopyFrom(_message(array, tensor))
    return request


def as_candidates(candidates: Sequence[Row | str]) -> list[Row]:
    """Ids alone become candidates of which nothing else is known.

    Raises:
        ClientError: for a candidate without an item.
    """
    rows = [{ITEM: candidate} if isinstance(candidate, str | bytes) else candidate for candidate in candidates]
    for number, row in enumerate(rows):
        if not row.get(ITEM):
            raise ClientError(f"candidate {number} should have an `{ITEM}`, received {dict(row)!r}")
    return rows


def scores_of(response: predict_pb2.PredictResponse) -> Scores:
    return Scores(
        {name: tf.make_ndarray(proto) for name, proto in sorted(response.outputs.items())},
        response.model_spec.version.value,
    )


def ranking_of(response: predict_pb2.PredictResponse, candidates: Sequence[Row]) -> Ranking:
    scores = scores_of(response)
    ids = tuple(_text(row[ITEM]) for row in candidates)
    return Ranking(ids, {task: values[0] for task, values in scores.by_task.items()}, scores.version)


def retrieved_of(response: predict_pb2.PredictResponse) -> Retrieved:
    items = tf.make_ndarray(response.outputs["items"])[0]
    scores = tf.make_ndarray(response.outputs["scores"])[0]
    known = items != b""
    return Retrieved(tuple(_text(item) for item in items[known]), scores[known], response.model_spec.version.value)


def _tensors(protos: Mapping[str, Any]) -> dict[str, Tensor]:
    return {
        name: Tensor(
            tf.as_dtype(info.dtype).name,
            tuple(None if dimension.size == -1 else dimension.size for dimension in info.tensor_shape.dim),
        )
        for name, info in sorted(protos.items())
    }


def _check_known(rows: Sequence[Row], known: Any, whose: str) -> None:
    unknown = sorted({name for row in rows for name in row} - set(known))
    if unknown:
        verb = "has" if whose == "the user" else "have"
        raise ClientError(f"{whose} {verb} {', '.join(unknown)}; the model knows {', '.join(sorted(known))}")


def _stacked(name: str, tensor: Tensor, rows: Sequence[Row], axes: int) -> np.ndarray:
    """One array of the feature of all rows, `[N]` or, padded, `[N, L]`."""
    if axes == 1:
        values = [row.get(name) for row in rows]
        for value in values:
            if isinstance(value, list | tuple | np.ndarray):
                raise ClientError(f"`{name}` should be one value, received {value!r}")
        return _array(name, tensor.dtype, values, (len(rows),))
    lists = [_listed(row.get(name)) for row in rows]
    length = max((len(values) for values in lists), default=0)
    if name.startswith(HISTORY):
        steps = [len(_listed(row.get(HISTORY_ITEM))) for row in rows]
        length = max(steps, default=0)
        for values, own in zip(lists, steps, strict=True):
            if values and len(values) != own:
                raise ClientError(
                    f"`{name}` should have as many values as `{HISTORY_ITEM}`, {own}, received {len(values)}"
                )
    padded = [value for values in lists for value in [*values, *[None] * (length - len(values))]]
    return _array(name, tensor.dtype, padded, (len(rows), length))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple | np.ndarray) else [value]


def _array(name: str, dtype: str, values: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    values = [MISSING[dtype] if value is None else value for value in values]
    try:
        if dtype == "string":
            array = np.empty(len(values), object)
            array[:] = [value if isinstance(value, bytes) else str(value).encode() for value in values]
        elif dtype == "int64":
            array = np.array([int(value) for value in values], np.int64)
        else:
            array = np.array([float(value) for value in values], np.float32)
    except (TypeError, ValueError, OverflowError):
        wrong = next(value for value in values if not isinstance(value, int | float) or isinstance(value, bool))
        raise ClientError(f"`{name}` should be {dtype}, received {wrong!r}") from None
    return array.reshape(shape)


def _message(array: np.ndarray, tensor: Tensor) -> Any:
    return tf.make_tensor_proto(array, dtype=tf.as_dtype(tensor.dtype), shape=array.shape)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
