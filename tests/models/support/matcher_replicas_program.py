"""The loss and its gradients of matchers on one replica and on two."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from interestflow.models.registry import build_matcher
from tests.models.support.random_features import RICH, make_catalogue, make_features
from tests.models.support.two_replicas import save_replica_results

ROWS = 24
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "in_batch": ("comirec", {"hard_negatives": 7, "embedding_l2": 0.01}),
    "soft": ("hcn", {"recent_length": 2, "temperature": 0.5}),
    "sampled": ("two_tower", {"loss": "sampled_softmax", "negatives": 9, "embedding_l2": 0.01, "item_bias": False}),
    "bpr": ("bpr_mf", {"loss": "bpr"}),
}


def measured(strategy: tf.distribute.Strategy, name: str, hyperparameters: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the sums over replicas of their shares of the loss and of its gradients."""
    keras.utils.set_random_seed(4)
    features, weights = make_features(RICH, ROWS), np.arange(ROWS, dtype=np.float32) % 5
    share = ROWS // strategy.num_replicas_in_sync
    with strategy.scope():
        matcher = build_matcher(name, RICH, {"embedding_dimension": 4, **hyperparameters}, make_catalogue(RICH))
        matcher.on_epoch_begin(0)

    def step() -> list[Any]:
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        mine = slice(replica * share, (replica + 1) * share)
        with tf.GradientTape() as tape:
            loss = matcher.training_loss(
                {key: tf.constant(x)[mine] for key, x in features.items()}, tf.constant(weights)[mine]
            )
        variables = matcher.trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        return [loss] + [
            tf.zeros(variable.shape) if gradient is None else tf.convert_to_tensor(gradient)
            for variable, gradient in zip(variables, gradients, strict=True)
        ]

    def total(value: Any) -> np.ndarray:
        return np.sum([part.numpy() for part in strategy.experimental_local_results(value)], axis=0)

    values = tf.function(lambda: strategy.run(step), autograph=False)()
    return {f"{index}": total(value) for index, value in enumerate(values)}


def of_every_case(strategy: tf.distribute.Strategy) -> dict[str, np.ndarray]:
    return {
        f"{case} {key}": value
        for case, (name, hyperparameters) in CASES.items()
        for key, value in measured(strategy, name, hyperparameters).items()
    }


if __name__ == "__main__":
    save_replica_results(of_every_case)
