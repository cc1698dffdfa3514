"""The transform from raw examples to model inputs: one TensorFlow graph for training and for serving.

`Preprocessing` is what TF Transform calls a `preprocessing_fn`. Vocabularies, quantiles and means are learned from the
training split, and from logged examples only: a sampled negative says nothing about how often an item occurs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import tensorflow as tf

from interestflow.transforms import feature_names
from interestflow.transforms.config import AttributeConfig, IngestionConfig
from interestflow.transforms.encoding.encoders import age_buckets, bucket_encoder, identity_encoder, standardize
from interestflow.transforms.encoding.flat_values import (
    FlatValues,
    encode,
    first_of_list,
    newest_of_history,
    newest_of_list_history,
    single_value,
)
from interestflow.transforms.feature_spec import label_features, raw_feature_spec
from interestflow.transforms.splits import ITEMS_SPLIT

RawInputs: TypeAlias = Mapping[str, tf.Tensor | tf.SparseTensor]
Outputs: TypeAlias = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Preprocessing:
    """The transform of a configuration: a function from raw features to model inputs, and the splits that it is for.

    Attributes:
        config: configuration of the log.
        with_items: whether there is the split of items, for matchers, which need the text of each item id too.
        learn_items: whether each item of it has its own id, seen in training or not: a model of graphs knows something
            of unseen items, which would otherwise share one unknown id. Each item of the catalogue then counts once
            more among the events.
    """

    config: IngestionConfig
    with_items: bool = False
    learn_items: bool = False

    @property
    def learned_splits(self) -> list[str]:
        """The splits that vocabularies, quantiles and means are learned from."""
        return ["train", *([ITEMS_SPLIT] if self.with_items and self.learn_items else [])]

    @property
    def transformed_splits(self) -> list[str]:
        """The splits that are transformed.

        The test split stays raw: the exported model is evaluated on the same features as in serving.
        """
        return ["train", "validation", *([ITEMS_SPLIT] if self.with_items else [])]

    def features(self) -> set[str]:
        """Return the raw features that the outputs depend on."""
        names = {*raw_feature_spec(self.config, with_labels=False), *label_features(self.config)}
        if self.config.sequence.history_negatives:
            names.add(feature_names.HISTORY_NEGATIVE_ITEM)
            attributes = self.config.features.item_vector_attributes()
            names.update(feature_names.history_negative(attribute.name) for attribute in attributes)
        return names

    def analyzed_features(self) -> set[str]:
        """Return the raw features from which something is learned; the item if there is none."""
        config, features = self.config, self.config.features
        names = set() if features.item.hash_buckets else {feature_names.ITEM}
        if features.user.in_model and not features.user.hash_buckets:
            names.add(feature_names.USER)
        for attribute in features.attributes:
            if attribute.hash_buckets is None and attribute.boundaries is None:
                names.add(attribute.name if "target" in attribute.use else feature_names.history(attribute.name))
        if config.negatives.source == "sampled":
            names.add(feature_names.SAMPLING_PROBABILITY)
        return names or {feature_names.ITEM}

    def __call__(self, inputs: RawInputs) -> Outputs:
        """Transform raw features to a model's inputs, labels and masks.

        Args:
            inputs: features parsed by `raw_feature_spec(config, with_labels=True)`: single values `[B]`, lists and
                histories `tf.SparseTensor`.

        Returns:
            By name, inputs as in the table of `models/inputs.py`; labels and masks float32 `[B]`. Of a history longer
            than `sequence.max_length` the newest behaviours are kept.
        """
        config = self.config
        is_logged = _is_logged(config, inputs)
        outputs = _encode_ids(config, inputs, is_logged)
        for attribute in config.features.attributes:
            outputs |= _encode_attribute(attribute, config, inputs, is_logged)
        outputs |= {name: inputs[name] for name in label_features(config)}
        if self.with_items:
            outputs[feature_names.ITEM_TEXT] = inputs[feature_names.ITEM]
        return outputs


def _is_logged(config: IngestionConfig, inputs: RawInputs) -> tf.Tensor | None:
    """Return which examples are events of the log, bool `[B]`; None if all are."""
    if config.negatives.source != "sampled":
        return None
    return inputs[feature_names.SAMPLING_PROBABILITY] >= 1.0


def _encode_ids(config: IngestionConfig, inputs: RawInputs, is_logged: tf.Tensor | None) -> Outputs:
    """Encode the items of target and history, the ages of behaviours, and the user if the model has an embedding."""
    features, length = config.features, config.sequence.max_length
    items = {
        feature_names.ITEM: single_value(inputs[feature_names.ITEM], is_logged),
        feature_names.HISTORY_ITEM: newest_of_history(inputs[feature_names.HISTORY_ITEM], is_logged, length),
    }
    encoder = identity_encoder(features.item, feature_names.ITEM, _analyzed(items))
    outputs = encode(items, encoder)
    if config.sequence.history_negatives:
        # Encoded separately: a server has none of them, so its inputs must not be looked up in one call with them.
        sampled = inputs[feature_names.HISTORY_NEGATIVE_ITEM]
        negatives = {feature_names.HISTORY_NEGATIVE_ITEM: newest_of_history(sampled, is_logged, length)}
        outputs |= encode(negatives, encoder)
    age = {feature_names.HISTORY_AGE: newest_of_history(inputs[feature_names.HISTORY_AGE], is_logged, length)}
    outputs |= encode(age, age_buckets)
    if features.user.in_model:
        user = {feature_names.USER: single_value(inputs[feature_names.USER], is_logged)}
        outputs |= encode(user, identity_encoder(features.user, feature_names.USER, _analyzed(user)))
    return outputs


def _encode_attribute(
    attribute: AttributeConfig, config: IngestionConfig, inputs: RawInputs, is_logged: tf.Tensor | None
) -> Outputs:
    """Encode an attribute of the target, along the history, and of the items sampled for behaviours."""
    if attribute.is_number:
        numbers = single_value(inputs[attribute.name], is_logged)
        return {attribute.name: standardize(numbers.values, numbers.analyzed())}
    length = config.sequence.max_length
    features = _category_features(attribute, inputs, is_logged, length)
    if attribute.is_bucketed:
        encoder = bucket_encoder(attribute, _analyzed(features))
    else:
        encoder = identity_encoder(attribute, attribute.name, _analyzed(features))
    outputs = encode(features, encoder)
    if config.sequence.history_negatives and attribute in config.features.item_vector_attributes():
        name = feature_names.history_negative(attribute.name)
        outputs |= encode({name: _along_history(attribute, inputs[name], is_logged, length)}, encoder)
    return outputs


def _category_features(
    attribute: AttributeConfig, inputs: RawInputs, is_logged: tf.Tensor | None, length: int
) -> dict[str, FlatValues]:
    """Return the features in which the model sees a category: that of the target first, then along the history."""
    is_list, size = attribute.kind == "categorical_list", attribute.max_values
    features = {}
    if "target" in attribute.use:
        raw = inputs[attribute.name]
        features[attribute.name] = first_of_list(raw, is_logged, size) if is_list else single_value(raw, is_logged)
    if "history" in attribute.use:
        name = feature_names.history(attribute.name)
        features[name] = _along_history(attribute, inputs[name], is_logged, length)
    return features


def _along_history(
    attribute: AttributeConfig, raw: tf.SparseTensor, is_logged: tf.Tensor | None, length: int
) -> FlatValues:
    """Return an attribute's values along the history."""
    if attribute.kind == "categorical_list":
        return newest_of_list_history(raw, is_logged, attribute.separator, attribute.max_values, length)
    return newest_of_history(raw, is_logged, length)


def _analyzed(features: Mapping[str, FlatValues]) -> tf.Tensor:
    """Return the values to learn from: the target's, if there is one, since nearly every behaviour was a target too."""
    return next(iter(features.values())).analyzed()
