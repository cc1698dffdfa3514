"""Users of the test window, all items ranked for each by an exported matcher, and where what they took then stands."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
import polars as pl
import tensorflow as tf

from pipeline.evaluation_result import EvaluationError
from pipeline.metrics.retrieval_measures import CUTOFFS, ranks_of_targets, top_lists
from pipeline.slices import Slice
from transforms import feature_names

BATCH = 4096
SCORES = 2**25
"""Scores held at once, of all interests of some users for all items: 128 MB."""
Pairs = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class RankedUsers:
    """Some users; U of them, with R targets, over N candidates.

    lists: columns of each user's best candidates, `[U, L]`; -1 where there are fewer.
    users: number of each target's user, `[R]`.
    ranks: how many candidates stand before each target, `[R]`.
    repeated: of each user, how much of what it took it had taken before, `[U]`.
    counts: training positives of each candidate, `[N]`.
    user_slices, target_slices: by slice, rows and the value of each, as `Slice.pairs` gives them.
    """

    lists: np.ndarray
    users: np.ndarray
    ranks: np.ndarray
    repeated: np.ndarray
    counts: np.ndarray
    user_slices: dict[str, Pairs] = field(default_factory=dict)
    target_slices: dict[str, Pairs] = field(default_factory=dict)

    @classmethod
    def joined(cls, parts: Sequence[RankedUsers]) -> RankedUsers:
        """All users of several parts, numbered on."""
        users = np.cumsum([0, *(len(part.lists) for part in parts)])
        targets = np.cumsum([0, *(len(part.users) for part in parts)])

        def pairs(of: str, starts: np.ndarray) -> dict[str, Pairs]:
            found: dict[str, Pairs] = {}
            for name in dict.fromkeys(name for part in parts for name in getattr(part, of)):
                own = [(getattr(part, of)[name], start) for part, start in zip(parts, starts, strict=False)
                       if name in getattr(part, of)]  # fmt: skip
                rows = np.concatenate([rows + start for (rows, _), start in own])
                found[name] = rows, np.concatenate([values for (_, values), _ in own])
            return found

        return cls(
            np.concatenate([part.lists for part in parts]),
            np.concatenate([part.users + start for part, start in zip(parts, users, strict=False)]),
            np.concatenate([part.ranks for part in parts]),
            np.concatenate([part.repeated for part in parts]),
            np.sum([part.counts for part in parts], axis=0),
            pairs("user_slices", users),
            pairs("target_slices", targets),
        )


@dataclass(frozen=True)
class Candidates:
    """ids: of all items, `[N]`. vectors: float32 `[N, d]`. kinds: what lists should be diverse in, or None."""

    ids: pl.Series
    vectors: np.ndarray
    kinds: np.ndarray | None

    def columns(self, items: pl.Series) -> np.ndarray:
        """The column of each item, -1 for one that is no candidate."""
        places = pl.DataFrame({"item": self.ids, "column": np.arange(len(self.ids))})
        found = items.to_frame("item").join(places, on="item", how="left", maintain_order="left")
        return found.get_column("column").fill_null(-1).to_numpy()


@dataclass(frozen=True)
class UserRanker:
    """Ranks all items for the users of a shard with the exported matcher in `folder`.

    A user is asked about once, as of its first example of the test window, and its targets are the items of all its
    positive examples there.

    candidate_files: of the split of items.
    task: whose positive label says that an item was taken; `has_mask` where only some examples have one.
    slices: `item_slices` are by what a target is, all others by what the user was when it was asked about.
    kind: raw feature of items in which lists should be diverse, or None.
    leave_out_seen: whether what a user had taken before is neither ranked nor a target.
    """

    folder: str
    candidate_files: tuple[str, ...]
    task: str
    has_mask: bool
    slices: tuple[Slice, ...]
    item_slices: frozenset[str]
    kind: str | None
    leave_out_seen: bool

    def rank(self, earlier: Sequence[str], test: str | None) -> RankedUsers:
        """The users of one shard.

        Args:
            earlier: files of examples before the test window, the training split's first.
            test: file of test examples; None where the shard has none.

        Raises:
            EvaluationError: where the model cannot be asked.
        """
        candidates = _candidates(self)
        taken = [self._positives(file) for file in earlier]
        training = [frame for file, frame in zip(earlier, taken, strict=True) if "Split-train" in file]
        columns = candidates.columns(pl.concat([self._nothing, *training]).get_column("item"))
        counts = np.bincount(columns[columns >= 0], minlength=len(candidates.ids))
        if test is None:
            nothing = np.zeros(0, np.int64)
            return RankedUsers(np.zeros((0, max(CUTOFFS)), np.int64), nothing, nothing, nothing, counts)
        return self._ranked(candidates, pl.concat([self._nothing, *taken]), test, counts)

    def _ranked(self, candidates: Candidates, before: pl.DataFrame, test: str, counts: np.ndarray) -> RankedUsers:
        examples = self._positives(test, all_examples=True)
        users = examples.sort("timestamp", "row").group_by("user", maintain_order=True).agg(pl.col("row").first())
        users = users.join(
            examples.filter("positive").select("user").unique(), on="user", how="semi", maintain_order="left"
        )
        users = users.with_row_index("number")
        serialized = np.concatenate([batch.numpy() for batch in _records(test).batch(BATCH)])
        asked = serialized[users.get_column("row").to_numpy()]
        history = _history(asked)
        seen = pl.concat([before.select("user", "item"), history.with_columns(
            users.get_column("user").gather(history.get_column("number")).alias("user")).select("user", "item")]
        ).join(users.select("user", "number"), on="user").select("number", "item").unique()  # fmt: skip
        targets = (
            examples.filter("positive").join(users.select("user", "number"), on="user")
            .unique(["number", "item"], keep="first", maintain_order=True)
        )  # fmt: skip
        again = targets.join(seen, on=["number", "item"], how="semi")
        if self.leave_out_seen:
            targets = targets.join(seen, on=["number", "item"], how="anti", maintain_order="left")
        targets = targets.sort("number", maintain_order=True)
        lists, ranks = self._scored(candidates, asked, seen, targets)
        own = tf.constant(serialized[targets.get_column("row").to_numpy()], tf.string)
        parsed_users = tf.io.parse_example(tf.constant(asked), self._slice_spec)
        parsed_targets = tf.io.parse_example(own, self._slice_spec)
        return RankedUsers(
            lists,
            targets.get_column("number").to_numpy().astype(np.int64),
            ranks,
            np.bincount(again.get_column("number").to_numpy(), minlength=users.height),
            counts,
            {s.name: s.pairs(parsed_users[s.feature]) for s in self.slices if s.name not in self.item_slices},
            {s.name: s.pairs(parsed_targets[s.feature]) for s in self.slices if s.name in self.item_slices},
        )

    def _scored(
        self, candidates: Candidates, asked: np.ndarray, seen: pl.DataFrame, targets: pl.DataFrame
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lists of every user and the ranks of all targets, a chunk of users at a time."""
        vectors = _vectors(self.folder, asked, "user")
        width = max(1, SCORES // (vectors.shape[1] * max(1, len(candidates.ids))))
        seen_columns = candidates.columns(seen.get_column("item"))
        seen_rows = seen.get_column("number").to_numpy()[seen_columns >= 0]
        seen_columns = seen_columns[seen_columns >= 0]
        rows = targets.get_column("number").to_numpy()
        columns = candidates.columns(targets.get_column("item"))
        lists, ranks = [], np.zeros(len(rows), np.int64)
        for start in range(0, len(asked), width):
            part = vectors[start : start + width]
            products = part.reshape(-1, part.shape[-1]) @ candidates.vectors.T
            scores = products.reshape(len(part), -1, len(candidates.ids)).max(axis=1)
            if self.leave_out_seen:
                here = (seen_rows >= start) & (seen_rows < start + len(part))
                scores[seen_rows[here] - start, seen_columns[here]] = -np.inf
            lists.append(top_lists(scores, max(CUTOFFS)))
            mine = (rows >= start) & (rows < start + len(part))
            ranks[mine] = ranks_of_targets(scores, rows[mine] - start, columns[mine])
        return np.concatenate([np.zeros((0, lists[0].shape[1] if lists else max(CUTOFFS)), np.int64), *lists]), ranks

    @property
    def _nothing(self) -> pl.DataFrame:
        schema = {"row": pl.Int64, "user": pl.Binary, "item": pl.Binary, "timestamp": pl.Int64, "positive": pl.Boolean}
        return pl.DataFrame(schema=schema)

    def _positives(self, file: str, all_examples: bool = False) -> pl.DataFrame:
        """Examples of `file` that are positive, or all: `row` in the file, `user`, `item`, `timestamp`, `positive`."""
        number = tf.io.FixedLenFeature([], tf.float32)
        text, whole = tf.io.FixedLenFeature([], tf.string), tf.io.FixedLenFeature([], tf.int64)
        spec = {feature_names.USER: text, feature_names.ITEM: text, feature_names.TIMESTAMP: whole}
        spec[feature_names.label(self.task)] = number
        if self.has_mask:
            spec[feature_names.mask(self.task)] = number
        frames, start = [self._nothing], 0
        for batch in _records(file).batch(BATCH):
            parsed = {name: tensor.numpy() for name, tensor in tf.io.parse_example(batch, spec).items()}
            positive = parsed[feature_names.label(self.task)] > 0.5
            if self.has_mask:
                positive &= parsed[feature_names.mask(self.task)] > 0.5
            frame = pl.DataFrame({
                "row": np.arange(start, start + len(positive)),
                "user": pl.Series(parsed[feature_names.USER].tolist(), dtype=pl.Binary),
                "item": pl.Series(parsed[feature_names.ITEM].tolist(), dtype=pl.Binary),
                "timestamp": parsed[feature_names.TIMESTAMP],
                "positive": positive,
            })  # fmt: skip
            start += len(positive)
            frames.append(frame if all_examples else frame.filter("positive"))
        return pl.concat(frames)

    @functools.cached_property
    def _slice_spec(self) -> dict[str, Any]:
        return {part.feature: part.parsing for part in self.slices} | {
            feature_names.ITEM: tf.io.VarLenFeature(tf.string)
        }


class RankShards(beam.DoFn):
    """`(earlier files, test file or None)` of a shard to `RankedUsers`."""

    def __init__(self, ranker: UserRanker) -> None:
        self._ranker = ranker

    def process(self, element: tuple[Sequence[str], str | None]) -> Iterator[RankedUsers]:
        yield self._ranker.rank(*element)


def _history(asked: np.ndarray) -> pl.DataFrame:
    """Items of the histories of serialized examples: `number` of the example and `item`."""
    spec = {feature_names.HISTORY_ITEM: tf.io.VarLenFeature(tf.string)}
    parsed = tf.io.parse_example(tf.constant(asked, tf.string, shape=[len(asked)]), spec)[feature_names.HISTORY_ITEM]
    items = pl.Series("item", parsed.values.numpy().tolist(), dtype=pl.Binary)
    return pl.DataFrame({"number": parsed.indices.numpy()[:, 0], "item": items})


@functools.lru_cache(maxsize=2)
def _candidates(ranker: UserRanker) -> Candidates:
    serialized = [batch.numpy() for file in ranker.candidate_files for batch in _records(file).batch(BATCH)]
    if not serialized:
        raise EvaluationError("the split of items is empty: there is nothing to rank")
    examples = np.concatenate(serialized)
    spec: dict[str, Any] = {feature_names.ITEM: tf.io.FixedLenFeature([], tf.string)}
    if ranker.kind is not None:
        spec[ranker.kind] = tf.io.VarLenFeature(tf.string)
    parsed = tf.io.parse_example(tf.constant(examples), spec)
    kinds = None
    if ranker.kind is not None:
        texts = tf.strings.reduce_join(tf.sparse.to_dense(parsed[ranker.kind]), axis=1, separator="\t").numpy()
        kinds = np.unique(texts.astype(object), return_inverse=True)[1]
    ids = pl.Series(parsed[feature_names.ITEM].numpy().tolist(), dtype=pl.Binary)
    return Candidates(ids, _vectors(ranker.folder, examples, "item"), kinds)


def kinds_of(ranker: UserRanker) -> np.ndarray | None:
    """Of every candidate, what lists should be diverse in; None where items have nothing of the kind."""
    return _candidates(ranker).kinds


def _vectors(folder: str, examples: np.ndarray, output: str) -> np.ndarray:
    """What the model gives for serialized examples under `output`, float32 `[N, ...]`."""
    signature, found = _signature(folder), []
    for start in range(0, len(examples), BATCH):
        try:
            outputs: Mapping[str, tf.Tensor] = signature(examples=tf.constant(examples[start : start + BATCH]))
        except tf.errors.OpError as error:
            raise EvaluationError(f"the model in {folder} cannot encode the examples: {error.message}") from None
        if output not in outputs:
            raise EvaluationError(
                f"the model in {folder} should give `{output}` under serving_default, as matchers do, "
                f"it gives {', '.join(sorted(outputs))}"
            )
        found.append(outputs[output].numpy())
    return np.concatenate(found)


@functools.lru_cache(maxsize=2)
def _model(folder: str) -> Any:
    try:
        return tf.saved_model.load(folder)
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise EvaluationError(f"{folder} holds no model that can be loaded: {error}") from None


def _signature(folder: str) -> Any:
    return _model(folder).signatures["serving_default"]


def _records(file: str) -> tf.data.Dataset:
    compression = "GZIP" if file.endswith(".gz") else ""
    return tf.data.TFRecordDataset(file, compression_type=compression, buffer_size=2**20)
