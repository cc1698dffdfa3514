"""Columns of a batch of examples, gathered from the events that its rows stand for."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from interestflow.transforms import feature_names
from interestflow.transforms.examples.arrow import single_values, to_arrow
from interestflow.transforms.examples.example_rows import ExampleRows
from interestflow.transforms.examples.negatives import NO_POSITIVES, NegativeSampler, combine_hashes
from interestflow.transforms.examples.shard_data import ShardData
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER

HISTORY_BOUNDS = (1, 5, 20, 50)
HISTORY_NAMES = ("0", "1-4", "5-19", "20-49", "50+")

Columns = dict[str, pa.Array]


def id_columns(shard: ShardData, rows: ExampleRows) -> Columns:
    """Return user, item and time."""
    return {
        USER: single_values(to_arrow(shard.events.get_column(USER).gather(rows.event))),
        ITEM: single_values(to_arrow(_item_ids(shard, rows))),
        TIMESTAMP: single_values(pa.array(shard.time[rows.event])),
    }


def _item_ids(shard: ShardData, rows: ExampleRows) -> pl.Series:
    """Return the item of each example: the event's own, or the sampled one."""
    own_ids = shard.events.get_column(ITEM).gather(rows.event)
    if not rows.is_sampled.any():
        return own_ids
    sampled = shard.catalogue.items.gather(np.maximum(rows.sampled_item, 0))
    return pl.select(pl.when(pl.Series(rows.is_sampled)).then(sampled).otherwise(own_ids)).to_series()


def attribute_columns(shard: ShardData, rows: ExampleRows) -> Columns:
    """Return the attributes of the target."""
    columns = {}
    item_row = shard.item_row[np.where(rows.is_sampled, len(shard.time) + rows.sampled_item, rows.event)]
    source_rows = {"events": rows.event, "users": shard.user_row[rows.event], "items": item_row}
    sources = {"events": shard.attributes, "users": shard.users.values, "items": shard.items.values}
    for attribute in shard.config.features.target_attributes():
        source = sources[attribute.source].target[attribute.name]
        values = source.take(pa.array(source_rows[attribute.source]))
        columns[attribute.name] = values if attribute.kind == "categorical_list" else single_values(values)
    return columns


def label_columns(shard: ShardData, rows: ExampleRows) -> Columns:
    """Return the label of each task, 0 for sampled negatives, and the mask of each task that has one."""
    columns = {}
    for task in shard.config.tasks:
        label = np.where(rows.is_sampled, np.float32(0.0), shard.labels[task.name][rows.event])
        columns[feature_names.label(task.name)] = single_values(pa.array(label))
        if task.mask is not None:
            mask = single_values(pa.array(shard.masks[task.name][rows.event]))
            columns[feature_names.mask(task.name)] = mask
    return columns


def history_columns(shard: ShardData, events: np.ndarray, item_ids: pa.Array) -> Columns:
    """Return everything along the histories of these events.

    Args:
        shard: the shard.
        events: int64 [B], rows of the events.
        item_ids: ids of the items of all events of the shard.
    """
    histories = shard.histories.select(events)
    behaviours = histories.flatten()
    age = (np.repeat(shard.time[events], histories.lengths) - shard.time[behaviours]) // 1_000_000
    flat: Columns = {
        feature_names.HISTORY_ITEM: item_ids.take(pa.array(behaviours)),
        feature_names.HISTORY_AGE: pa.array(age),
    }
    for attribute in shard.config.features.history_attributes():
        if attribute.source == "items":
            source, source_row = shard.items.values, shard.item_row[behaviours]
        else:
            source, source_row = shard.attributes, behaviours
        flat[feature_names.history(attribute.name)] = source.history[attribute.name].take(pa.array(source_row))
    offsets = pa.array(histories.offsets)
    columns = {name: pa.LargeListArray.from_arrays(offsets, values) for name, values in flat.items()}
    columns[feature_names.HISTORY_COUNT] = single_values(pa.array(histories.count))
    return columns


def history_negative_columns(shard: ShardData, events: np.ndarray, keys: np.ndarray, count: int) -> Columns:
    """Return a sampled item for each behaviour of these events; none for the rest of `count` examples.

    The item is never the behaviour's own; it is missing if all attempts sampled that one. Items are sampled from
    events of the training window alone, and a prediction has no use for them: only the loss of training examples does.

    Args:
        shard: the shard.
        events: int64 [B], rows of the events; B is at most `count`.
        keys: uint64 [N], hashes of all events of the shard.
        count: number of examples.
    """
    histories = shard.histories.select(events)
    behaviours = histories.flatten()
    samples = np.full(len(behaviours), -1, np.int64)
    if len(behaviours):
        sampler = NegativeSampler.for_behaviours(shard.config.negatives.seed, shard.catalogue.counts)
        no_user = np.zeros(len(behaviours), np.int64)
        # A behaviour has a different sample in each example whose history holds it.
        step_keys = combine_hashes(np.repeat(keys[events], histories.lengths), keys[behaviours])
        own_item = shard.own_item[behaviours]
        samples = sampler.draw(step_keys, no_user, shard.time[behaviours], own_item, NO_POSITIVES)[:, 0]
    ids = pl.concat([shard.catalogue.items, pl.Series([""], dtype=pl.String)])
    item_row = np.append(shard.item_row[len(shard.time) :], len(shard.items.ids))[samples]
    flat = {feature_names.HISTORY_NEGATIVE_ITEM: to_arrow(ids.gather(samples % len(ids)))}
    for attribute in shard.config.features.item_vector_attributes():
        values = shard.items.values.history[attribute.name].take(pa.array(item_row))
        flat[feature_names.history_negative(attribute.name)] = values
    offsets = np.pad(histories.offsets, (0, count - len(events)), mode="edge")
    return {name: pa.LargeListArray.from_arrays(pa.array(offsets), values) for name, values in flat.items()}


def slice_columns(shard: ShardData, rows: ExampleRows, is_new_user: np.ndarray) -> Columns:
    """Return the slices that metrics are broken down by: length of the history, new users, cold items."""
    length = np.digitize(shard.histories.count[rows.event], HISTORY_BOUNDS)
    is_cold = (shard.item[rows.event] == len(shard.catalogue.items)) & ~rows.is_sampled
    is_new = is_new_user[shard.user[rows.event]]
    slices = {
        feature_names.SLICE_HISTORY: pl.Series(HISTORY_NAMES).gather(length),
        feature_names.SLICE_USER: pl.Series(["known", "new"]).gather(is_new.astype(np.int64)),
        feature_names.SLICE_ITEM: pl.Series(["known", "cold"]).gather(is_cold.astype(np.int64)),
    }
    return {name: single_values(to_arrow(values)) for name, values in slices.items()}
