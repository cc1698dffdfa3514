"""A graph traced once for any history length trains as one with full padding, as batching by length requires."""

import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.registry import build_ranker, names
from tests.models.support import ranker_battery as battery
from tests.models.support.random_features import RICH, make_features, make_labels, with_longer_padding

ROWS, PADDED = 9, 6


@pytest.mark.parametrize("name", names("ranker"))
def test_one_trace_takes_histories_of_any_length(name: str) -> None:
    ranker = battery.randomized(lambda: build_ranker(name, RICH, {"embedding_dimension": 4}))
    along = RICH.history_tensors()
    features = make_features(RICH, ROWS)
    longer = with_longer_padding(features, PADDED)
    labels, masks = make_labels(RICH, ROWS, 2)
    signature = {
        key: tf.TensorSpec([None, None, *values.shape[2:]] if key in along else [None, *values.shape[1:]], values.dtype)
        for key, values in features.items()
    }

    @tf.function(input_signature=[signature])
    def gradients(batch: dict[str, tf.Tensor]) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = ranker.compute_loss(batch, labels, ranker(batch, training=True), masks)
        variables = [weight.value for weight in ranker.trainable_variables]
        return [tf.convert_to_tensor(g) for g in tape.gradient(loss, variables) if g is not None]

    def train_on(batch: dict[str, np.ndarray]) -> list[np.ndarray]:
        with battery.unchanged(ranker):
            return [gradient.numpy() for gradient in gradients(batch)]

    for short, long in zip(train_on(features), train_on(longer), strict=True):
        np.testing.assert_allclose(long, short, rtol=1e-4, atol=1e-4)
