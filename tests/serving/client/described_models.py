"""Small models with a description, as exported ones have, whose outputs show the shapes of the request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from interestflow.serving.description import Description, sized_rank_signature
from interestflow.serving.server.configuration import ServerOptions, one_model
from interestflow.serving.server.server import Server

NAME = "described"
LENGTH, TAGS = 4, 2
CATALOGUE = tuple(f"i{index}" for index in range(40))
RANKER = Description(
    {"history_item": LENGTH, "history_age": LENGTH, "tags": TAGS}, (3, 5), 4, ("hour", "device", "item", "price")
)
MATCHER = Description({"history_item": LENGTH, "history_age": LENGTH, "tags": TAGS}, (), 4, ("device",))


def _spec(dtype: Any, name: str, axes: int) -> tf.TensorSpec:
    return tf.TensorSpec([None] * axes, dtype, name=name)


def _user(device: bool = True) -> dict[str, tf.TensorSpec]:
    specs = {"history_item": _spec(tf.string, "history_item", 2), "history_age": _spec(tf.int64, "history_age", 2)}
    specs |= {"device": _spec(tf.string, "device", 1)} if device else {}
    return specs


def _item(axes: int, size: int | None = None) -> dict[str, tf.TensorSpec]:
    """Return specs of the item's features; `size` is that of the last axis before the axis of lists."""
    shape = [*[None] * (axes - 1), size]
    return {
        "item": tf.TensorSpec(shape, tf.string, name="item"),
        "price": tf.TensorSpec(shape, tf.float32, name="price"),
        "tags": tf.TensorSpec([*shape, None], tf.string, name="tags"),
    }


def _code(texts: Any) -> tf.Tensor:
    """Return a whole number for each text, 0 for the empty one."""
    return tf.where(texts == "", 0.0, tf.cast(tf.strings.to_hash_bucket_fast(texts, 96) + 1, tf.float32))


def _tags_code(tags: Any) -> tf.Tensor:
    """Return the sum over the first `TAGS` that are not empty."""
    position = tf.cumsum(tf.cast(tags != "", tf.int32), axis=-1)
    return tf.reduce_sum(tf.where(position <= TAGS, _code(tags), 0.0), axis=-1)


class Described(tf.Module):
    """The signature `describe`, as exported models have it."""

    def __init__(self, version: int, description: Description | str | None) -> None:
        super().__init__()
        self.version = tf.Variable(float(version))
        self._served: dict[str, Any] = {}
        if description is not None:
            content = json.dumps(description.as_json()) if isinstance(description, Description) else description
            self._add("describe", lambda rows: {"description": tf.fill(tf.shape(rows), content)},
                      rows=_spec(tf.int32, "rows", 1))  # fmt: skip

    def _add(self, name: str, function: Any, **specs: tf.TensorSpec) -> None:
        self._served[name] = tf.function(function, autograph=False).get_concrete_function(**specs)

    def write(self, base: Path) -> Path:
        """Write the model as a version below `base`, which a server sees whole or not at all."""
        version = str(int(self.version.numpy()))
        tf.saved_model.save(self, str(base / f"coming-{version}"), signatures=self._served)
        (base / f"coming-{version}").rename(base / version)
        return base / version


class DescribedRanker(Described):
    """`click`: of item, first `TAGS` tags and newest `LENGTH` steps of the history.

    `columns`, `steps`, `tags` and `rows` are the sizes of the request's axes; `sized` is the number in the name of the
    signature, 0 where it has none.
    """

    def __init__(self, version: int = 1, description: Description | str | None = RANKER, extra: str = "hour") -> None:
        super().__init__(version, description)
        user = _user() | {extra: _spec(tf.float32, extra, 1)}
        self._add("predict", self._predict, **user, **_item(1))
        self._add("rank", self._ranked_by(0), **user, **_item(2))
        for size in description.candidate_sizes if isinstance(description, Description) else ():
            self._add(sized_rank_signature(size), self._ranked_by(size), **user, **_item(2, size))

    def _history(self, features: dict[str, Any]) -> tf.Tensor:
        steps = features["history_item"] != ""
        codes = tf.ragged.boolean_mask(_code(features["history_item"]), steps)[:, -LENGTH:]
        ages = tf.ragged.boolean_mask(tf.cast(features["history_age"], tf.float32), steps)[:, -LENGTH:]
        return tf.reduce_sum(codes * ages, axis=1)

    def _click(self, features: dict[str, Any], history: tf.Tensor) -> tf.Tensor:
        price = tf.where(tf.math.is_nan(features["price"]), 0.0, features["price"])
        score = _code(features["item"]) + price + _tags_code(features["tags"]) + history
        return tf.where(features["item"] == "", 0.0, self.version * score)

    def _sizes(self, features: dict[str, Any], like: tf.Tensor) -> dict[str, tf.Tensor]:
        shapes = {
            "rows": tf.shape(features["device"])[0],
            "columns": tf.shape(features["item"])[-1],
            "steps": tf.shape(features["history_item"])[1],
            "tags": tf.shape(features["tags"])[-1],
        }
        return {name: tf.fill(tf.shape(like), tf.cast(size, tf.float32)) for name, size in shapes.items()}

    def _predict(self, **features: Any) -> dict[str, tf.Tensor]:
        click = self._click(features, self._history(features))
        return {"click": click, **self._sizes(features, click)}

    def _ranked_by(self, size: int) -> Any:
        def rank(**features: Any) -> dict[str, tf.Tensor]:
            click = self._click(features, self._history(features)[:, tf.newaxis])
            return {"click": click, "sized": tf.fill(tf.shape(click), float(size)), **self._sizes(features, click)}

        return rank


class DescribedMatcher(Described):
    """Retrieves the items of `CATALOGUE` in their order; vectors hold the sizes of the request's axes."""

    def __init__(self, version: int = 1, description: Description | str | None = MATCHER) -> None:
        super().__init__(version, description)
        self._add("encode_user", self._encode_user, **_user())
        self._add("encode_items", self._encode_items, **_item(1))
        self._add("retrieve", self._retrieve, **_user(), k=_spec(tf.int32, "k", 1))

    def _encode_user(self, history_item: Any, history_age: Any, device: Any) -> dict[str, tf.Tensor]:
        shape = tf.cast(tf.shape(history_item), tf.float32)
        ages = tf.cast(tf.reduce_sum(history_age, axis=1), tf.float32)
        vector = tf.stack([_code(device), ages, tf.fill(tf.shape(device), shape[1])], axis=1)
        return {"user": tf.stack([self.version * vector, vector], axis=1)}

    def _encode_items(self, item: Any, price: Any, tags: Any) -> dict[str, tf.Tensor]:
        price = tf.where(tf.math.is_nan(price), -1.0, price)
        return {"item": tf.stack([self.version * _code(item), price, _tags_code(tags)], axis=1)}

    def _retrieve(self, history_item: Any, history_age: Any, device: Any, k: Any) -> dict[str, tf.Tensor]:
        items = tf.constant(CATALOGUE)
        is_seen = tf.reduce_any(items[tf.newaxis, :, tf.newaxis] == history_item[:, tf.newaxis, :], axis=2)
        order = self.version * tf.range(float(len(CATALOGUE)), 0.0, -1.0)
        scores = tf.where(is_seen, -1.0, order[tf.newaxis])
        best, positions = tf.math.top_k(scores, tf.minimum(tf.reduce_max(k) + 3, len(CATALOGUE)))
        return {"items": tf.where(best < 0.0, "", tf.gather(items, positions)), "scores": best}


@contextmanager
def serve(base: Path, **options: Any) -> Iterator[str]:
    """Serve the versions below `base` under `NAME`, and give the server's address."""
    with Server(ServerOptions(**{"models": one_model(NAME, str(base)), "poll_seconds": 0.05, **options})) as server:
        yield f"127.0.0.1:{server.port}"
