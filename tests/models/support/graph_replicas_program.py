"""Trains KGAT on one replica and on two that get the same batch; writes the weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from interestflow.models.graphs.collaborative_graph import CollaborativeGraph, KnowledgeGraph
from interestflow.models.inputs import ModelInputs
from interestflow.models.matchers.kgat import KGAT
from interestflow.models.matchers.kgat_spec import KGATHyperparameters
from tests.models.support.two_replicas import save_replica_results

USERS, ITEMS = 5, 6
INPUTS = ModelInputs(("click",), ITEMS, history_length=4, history_age_buckets=4, user_rows=USERS)
KNOWN = KnowledgeGraph(
    np.array([0, 1, 2, 2]), np.array([0, 0, 1, 1]), np.array([2, 2, 0, 1]), 3, 2, np.array([-1, 0, 1, -1, -1, -1])
)
BATCH = {"user": np.array([1, 2, 3, 1]), "item": np.array([1, 3, 2, 2])}
SIZES: dict[str, Any] = {"embedding_dimension": 4, "relation_dimension": 3, "layer_units": (4, 2)}


def trained(strategy: tf.distribute.Strategy) -> dict[str, np.ndarray]:
    keras.utils.set_random_seed(3)
    with strategy.scope():
        graph = CollaborativeGraph.from_interactions(USERS, BATCH["user"], BATCH["item"], KNOWN)
        model = KGAT(INPUTS, KGATHyperparameters(**SIZES, message_dropout=0.0, graph_steps=5), graph=graph, name="kgat")
        model.build()
        weights = model.trainable_variables
        optimizer = keras.optimizers.SGD(0.1)
        optimizer.build(weights)

    def step(features: dict[str, Any]) -> None:
        with tf.GradientTape() as tape:
            loss = model.training_loss(features)
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)

    together = tf.function(lambda features: strategy.run(step, (features,)), autograph=False)
    for epoch in range(2):
        for _ in range(3):
            together({name: tf.constant(values) for name, values in BATCH.items()})
        model.on_epoch_end(epoch)
    return {f"{index} {weight.name}": weight.numpy() for index, weight in enumerate(model.weights)}


if __name__ == "__main__":
    save_replica_results(trained)
