"""KGAT ranks items without interactions by their knowledge-graph neighbours."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from interestflow.models.catalogue import Catalogue
from interestflow.models.graphs.collaborative_graph import CollaborativeGraph, KnowledgeGraph
from interestflow.models.inputs import ModelInputs
from interestflow.models.matchers.base import Matcher
from interestflow.models.matchers.bpr_mf import BPRMF
from interestflow.models.matchers.bpr_mf_spec import BPRMFHyperparameters
from interestflow.models.matchers.kgat import KGAT
from interestflow.models.matchers.kgat_spec import KGATHyperparameters
from tests.models.support.matcher_training import build_step

GENRES, WARM, COLD, READERS, STEPS = 8, 80, 40, 200, 4


def taste() -> tuple[np.ndarray, np.ndarray, np.ndarray, CollaborativeGraph, CollaborativeGraph]:
    """Each of 200 users has one of eight genres, took four warm items of it and one of any.

    Returns the genre of every item and user, the positives, and their graph with every item's genre and without. Of the
    last 40 items nobody has taken one.
    """
    random = np.random.default_rng(1)
    items = np.arange(WARM + COLD)
    liked = np.concatenate([np.append(random.choice(np.arange(u % GENRES, WARM, GENRES), 4, False),
                                      random.integers(0, WARM)) for u in range(READERS)])  # fmt: skip
    pairs = np.stack([np.repeat(np.arange(READERS), 5), liked]) + 1
    genre = len(items) + items % GENRES
    graph = KnowledgeGraph(
        np.r_[items, genre], np.r_[0 * items, 0 * items + 1], np.r_[genre, items],
        len(items) + GENRES, 2, np.r_[-1, items],
    )  # fmt: skip
    graphs = [
        CollaborativeGraph.from_interactions(READERS + 1, *pairs, which)
        for which in (graph, KnowledgeGraph.without_triples(len(items) + 1))
    ]
    return items % GENRES, np.arange(READERS) % GENRES, pairs, *graphs


def trained(model: Matcher, pairs: np.ndarray, epochs: int) -> Matcher:
    step = build_step(model, keras.optimizers.Adam(0.01))
    random = np.random.default_rng(2)
    for epoch in range(epochs):
        for rows in np.split(random.permutation(pairs.shape[1]), 5):
            users, items = (tf.constant(part[rows]) for part in pairs)
            step({"user": users, "item": items, "history_item": tf.zeros((len(rows), STEPS), tf.int64)})
        model.on_epoch_end(epoch)
    return model


def test_the_graph_tells_cold_items_apart() -> None:
    """Of the five cold items that come first for a user, which share is of the user's genre: an eighth by chance. And
    of the five of that genre, which share is among the twenty first of all items that the user did not take.

    A matrix factorisation knows nothing of an item that nobody took, and nor does KGAT without the triples. 0.97 came
    out against 0.16 and 0.10, and 0.99 against 0.23 and 0.00.
    """
    genres, of_users, pairs, with_triples, without = taste()
    inputs = ModelInputs(("click",), WARM + COLD + 1, STEPS, 4, READERS + 1)
    sizes = {"embedding_dimension": 16, "relation_dimension": 16, "layer_units": (16, 16)}
    learning = {"graph_learning_rate": 0.01, "graph_batch_size": 256}
    keras.utils.set_random_seed(7)
    catalogue = Catalogue.from_ids(inputs, np.bincount(pairs[1], minlength=WARM + COLD + 1))
    models = [
        KGAT(inputs, KGATHyperparameters(**sizes, **learning), graph=with_triples),
        KGAT(inputs, KGATHyperparameters(**sizes, **learning), graph=without),
        BPRMF(inputs, BPRMFHyperparameters(embedding_dimension=16), catalogue),
    ]
    shares, precisions = [], []
    for model in models:
        model.build()
        trained(model, pairs, epochs=20)
        nothing = np.zeros((READERS, STEPS), np.int64)
        users = model.encode_user({"user": np.arange(1, READERS + 1), "history_item": nothing})
        given = np.array(model.score(users, model.encode_items({"item": np.arange(1, WARM + COLD + 1)})))
        first = WARM + np.argsort(-given[:, WARM:], axis=1)[:, :5]
        shares.append(float(np.mean(genres[first] == of_users[:, None])))
        given[pairs[0] - 1, pairs[1] - 1] = -np.inf
        first = np.argsort(-given, axis=1)[:, :20]
        precisions.append(float(np.sum((first >= WARM) & (genres[first] == of_users[:, None])) / (READERS * 5)))
    assert shares[0] > 0.8
    assert max(shares[1:]) < 0.25
    assert precisions[0] > 0.7
    assert max(precisions[1:]) < 0.4
