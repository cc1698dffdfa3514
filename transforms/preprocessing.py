"""From raw examples to what a model reads: one TensorFlow graph for training and for serving.

TFX's Transform is given `preprocessing_fn="interestflow.transforms.preprocessing.preprocessing_fn"`.
Vocabularies, quantiles and means are learned from the training split, and from what was logged: a sampled negative says
nothing about how often an item is met.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tfx.proto import transform_pb2

from interestflow.transforms import feature_names
from interestflow.transforms.config import AttributeConfig, IngestionConfig
from interestflow.transforms.encoding.encoders import age_buckets, bucket_encoder, identity_encoder, standardized
from interestflow.transforms.encoding.flat_values import (
    FlatValues,
    encode,
    first_of_list,
    newest_of_history,
    newest_of_list_history,
    single,
)
from interestflow.transforms.splits import ITEMS_SPLIT


def transform_splits_config(with_items: bool = False, learn_items: bool = False) -> transform_pb2.SplitsConfig:
    """Which splits Transform learns from, and which it writes.

    The test split stays raw: the exported model is evaluated on what it will be served with.

    Args:
        with_items: whether there is the split of items, for matchers.
        learn_items: whether each item of it has a number of its own, met in training or not: a model of graphs knows
            something of those that were not, which would all be one unknown item to it. Each item of the catalogue then
            counts once more among the events.
    """
    items = [ITEMS_SPLIT] if with_items else []
    learned = items if learn_items else []
    return transform_pb2.SplitsConfig(analyze=["train", *learned], transform=["train", "validation", *items])


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, str]) -> dict[str, tf.Tensor]:
    """Raw features to a model's inputs, labels and masks.

    Args:
        inputs: parsed by `raw_feature_spec(config, with_labels=True)`: single values `[B]`, lists and histories
            `tf.SparseTensor`.
        custom_config: `ingestion`, an `IngestionConfig` as JSON; `keep_item_text`, where a matcher needs to know which
            item each number stands for.

    Returns:
        By name: inputs as the table in `models/inputs.py` says; labels and masks float32 `[B]`. Of a history longer
        than `sequence.max_length` the newest are kept.
    """
    config = IngestionConfig.model_validate_json(custom_config["ingestion"])
    features, length = config.features, config.sequence.max_length
    logged = _is_logged(config, inputs)

    item = {
        feature_names.ITEM: single(inputs[feature_names.ITEM], logged),
        feature_names.HISTORY_ITEM: newest_of_history(inputs[feature_names.HISTORY_ITEM], logged, length),
    }
    encoder = identity_encoder(features.item, feature_names.ITEM, _analyzed(item))
    outputs = encode(item, encoder)
    if config.sequence.history_negatives:
        # On their own, since a server has none: what it is asked with must not be looked up together with them.
        drawn = inputs[feature_names.HISTORY_NEGATIVE_ITEM]
        negatives = {feature_names.HISTORY_NEGATIVE_ITEM: newest_of_history(drawn, logged, length)}
        outputs |= encode(negatives, encoder)
    age = {feature_names.HISTORY_AGE: newest_of_history(inputs[feature_names.HISTORY_AGE], logged, length)}
    outputs |= encode(age, age_buckets)
    if features.user.in_model:
        user = {feature_names.USER: single(inputs[feature_names.USER], logged)}
        outputs |= encode(user, identity_encoder(features.user, feature_names.USER, _analyzed(user)))
    for attribute in features.attributes:
        if attribute.is_number:
            number = single(inputs[attribute.name], logged)
            outputs[attribute.name] = standardized(number.values, number.analyzed())
            continue
        places = _places(attribute, inputs, logged, length)
        if attribute.is_bucketed:
            encoder = bucket_encoder(attribute, _analyzed(places))
        else:
            encoder = identity_encoder(attribute, attribute.name, _analyzed(places))
        outputs |= encode(places, encoder)
        if config.sequence.history_negatives and attribute in features.of_item_vector():
            name = feature_names.history_negative(attribute.name)
            outputs |= encode({name: _along_history(attribute, inputs[name], logged, length)}, encoder)
    for task in config.tasks:
        outputs[feature_names.label(task.name)] = inputs[feature_names.label(task.name)]
        if task.mask is not None:
            outputs[feature_names.mask(task.name)] = inputs[feature_names.mask(task.name)]
    if custom_config.get("keep_item_text"):
        outputs[feature_names.ITEM_TEXT] = inputs[feature_names.ITEM]
    return outputs


def _is_logged(config: IngestionConfig, inputs: Mapping[str, Any]) -> tf.Tensor | None:
    """bool `[B]`; None where every example was logged."""
    if config.negatives.source != "sampled":
        return None
    return inputs[feature_names.SAMPLING_PROBABILITY] >= 1.0


def _places(
    attribute: AttributeConfig, inputs: Mapping[str, Any], logged: tf.Tensor | None, length: int
) -> dict[str, FlatValues]:
    """Where the model sees a category, by feature: with the target first, along the history."""
    is_list, size = attribute.kind == "categorical_list", attribute.max_values
    places = {}
    if "target" in attribute.use:
        raw = inputs[attribute.name]
        places[attribute.name] = first_of_list(raw, logged, size) if is_list else single(raw, logged)
    if "history" in attribute.use:
        name = feature_names.history(attribute.name)
        places[name] = _along_history(attribute, inputs[name], logged, length)
    return places


def _along_history(
    attribute: AttributeConfig, raw: tf.SparseTensor, logged: tf.Tensor | None, length: int
) -> FlatValues:
    if attribute.kind == "categorical_list":
        return newest_of_list_history(raw, logged, attribute.separator, attribute.max_values, length)
    return newest_of_history(raw, logged, length)


def _analyzed(places: Mapping[str, FlatValues]) -> tf.Tensor:
    """The target's values, where there is one: what comes to be in a history was a target too, or nearly all of it."""
    return next(iter(places.values())).analyzed()
