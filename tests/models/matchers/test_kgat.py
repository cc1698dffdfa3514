"""KGAT computed by hand on small graphs, what it learns from a graph, and which users it can serve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.graphs.collaborative_graph import CollaborativeGraph, KnowledgeGraph
from interestflow.models.inputs import ModelInputs
from interestflow.models.matchers import kgat
from interestflow.models.matchers.base import Matcher
from interestflow.models.matchers.kgat import KGAT
from interestflow.models.matchers.kgat_spec import KGATHyperparameters
from tests.models.support.two_replicas import run_program

USERS, ITEMS, STEPS = 5, 6, 4
INPUTS = ModelInputs(tasks=("click",), item_rows=ITEMS, history_length=STEPS, history_age_buckets=4, user_rows=USERS)
SMALL = {"embedding_dimension": 4, "relation_dimension": 3, "layer_units": (4, 2), "message_dropout": 0.0}


def knowledge(shared_tail: int = 5) -> KnowledgeGraph:
    """Entities 0 to 3 are items 1 to 4; 4 and 5 are none. Items 1 and 2 know 4, item 4 knows `shared_tail`."""
    heads, tails = np.array([0, 1, 3]), np.array([4, 4, shared_tail])
    relations = np.array([0, 0, 1])
    return KnowledgeGraph(
        np.r_[heads, tails], np.r_[relations, relations + 2], np.r_[tails, heads], 6, 4, np.array([-1, 0, 1, 2, 3, -1])
    )


def graph(shared_tail: int = 5, users: tuple[int, ...] = (1, 2, 3), items: tuple[int, ...] = (1, 3, 4)) -> Any:
    """User 1 took item 1, user 2 item 3, user 3 item 4; user 4 took nothing."""
    return CollaborativeGraph.from_interactions(USERS, np.array(users), np.array(items), knowledge(shared_tail))


def build(over: CollaborativeGraph, **changes: Any) -> KGAT:
    keras.utils.set_random_seed(7)
    model = KGAT(INPUTS, KGATHyperparameters(**{**SMALL, **changes}), graph=over)
    model.build()
    return model


def scores(model: Matcher, history: Any = None) -> np.ndarray:
    """Return scores [USERS, ITEMS] of every user for every item."""
    histories = np.zeros((USERS, STEPS), np.int64) if history is None else np.tile(history, (USERS, 1))
    users = model.encode_user({"user": np.arange(USERS), "history_item": histories})
    return np.asarray(model.score(users, model.encode_items({"item": np.arange(ITEMS)})))


def test_the_attention_of_every_head_sums_to_1() -> None:
    """Over eleven or so edges; with projections that are zero all edges of a head are equal."""
    model = build(graph())
    heads = model.edges.graph.heads
    sums = np.bincount(heads, weights=model.attention.numpy())
    np.testing.assert_allclose(sums[np.unique(heads)], 1.0, rtol=1e-6)
    model.transr.projections.assign(np.zeros(model.transr.projections.shape))
    model.refresh()
    np.testing.assert_allclose(model.attention.numpy(), 1.0 / np.bincount(heads)[heads], rtol=1e-6)


def test_the_attention_is_the_softmax_of_the_paper() -> None:
    """Edge by edge in NumPy: (W e_t)' tanh(W e_h + e_r), then softmax over the edges of item 1: user 1 and entity 4."""
    model = build(graph())
    parts = model.edges.graph
    nodes, matrices = model.nodes.numpy(), model.transr.projections.numpy()
    edge_indices = np.flatnonzero(parts.heads == USERS + 1)
    assert len(edge_indices) == 2
    results = []
    for relation, tail in zip(parts.relations[edge_indices], parts.tails[edge_indices], strict=True):
        moved = nodes[USERS + 1] @ matrices[relation] + model.transr.vectors.numpy()[relation]
        results.append(nodes[tail] @ matrices[relation] @ np.tanh(moved))
    np.testing.assert_allclose(
        model.attention.numpy()[edge_indices], np.exp(results) / np.exp(results).sum(), rtol=1e-5
    )


def test_vectors_are_those_of_the_dense_product() -> None:
    """Two layers in NumPy, on the matrix of the attention."""
    model = build(graph())
    parts, count = model.edges.graph, model.edges.graph.node_count
    matrix = np.zeros((count, count))
    np.add.at(matrix, (parts.heads, parts.tails), model.attention.numpy())
    vectors = model.nodes.numpy()
    expected = [vectors]

    def activated(values: np.ndarray) -> np.ndarray:
        return np.where(values > 0, values, 0.2 * values)

    for layer in model.propagation:
        messages = matrix @ vectors
        of_sum = (vectors + messages) @ layer.sum_projection.kernel.numpy() + layer.sum_projection.bias.numpy()
        of_product = (
            vectors * messages
        ) @ layer.product_projection.kernel.numpy() + layer.product_projection.bias.numpy()
        vectors = activated(of_sum) + activated(of_product)
        expected.append(vectors / np.sqrt((vectors**2).sum(axis=1, keepdims=True) + 1e-12))
    embeddings = kgat._join_levels(model.propagate())
    np.testing.assert_allclose(embeddings, np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-6)
    # Serving uses the embeddings of users, and of items that have edges.
    users, items = embeddings[1:4], embeddings[USERS + 1 : USERS + 5]
    np.testing.assert_allclose(scores(model)[1:4, 1:5], users @ tf.transpose(items), rtol=1e-5, atol=1e-6)


def test_one_triple_changes_what_is_two_steps_away_and_nothing_that_is_not_connected() -> None:
    """Item 4's triple leads to entity 5 or to 4: user 3, who took item 4, is two steps from it; user 2 is nowhere near.

    The weights are those of one seed, in both of the same shapes.
    """
    before, after = scores(build(graph(5))), scores(build(graph(4)))
    assert np.abs(after[3, 4] - before[3, 4]) > 1e-4
    np.testing.assert_array_equal(after[2, 3], before[2, 3])


def test_what_is_refreshed_is_what_is_used() -> None:
    """The relations' vectors reach scores and the training's loss through the attention alone, and not before."""
    model = build(graph(users=(1, 1, 2), items=(1, 2, 3)))
    features = {
        "user": np.tile([1, 2], 8),
        "item": np.tile([2, 3], 8),
    }  # against 16 sampled items, some of them without interactions

    def loss() -> float:
        model.random.state.assign([1, 2])
        return float(model.training_loss(features))

    before, served = loss(), scores(model)
    model.transr.vectors.assign(10.0 * np.random.default_rng(1).normal(size=model.transr.vectors.shape))
    assert loss() == before
    np.testing.assert_array_equal(scores(model), served)
    model.refresh()
    assert abs(loss() - before) > 1e-5
    assert np.abs(scores(model)[1] - served[1]).max() > 1e-4


def test_the_training_loss_is_the_papers() -> None:
    """BPR and half of the penalty on all three vectors, with the item that was drawn put back by the same seed."""
    model = build(graph(), embedding_l2=0.1)
    user, item = np.array([1, 2, 3]), np.array([1, 3, 4])
    model.random.state.assign([1, 2])
    loss = float(model.training_loss({"user": user, "item": item}))
    model.random.state.assign([1, 2])
    negatives = np.asarray(model.edges.sample_items(3, model.random))
    vectors = np.asarray(kgat._join_levels(model.propagate()))
    u, i, j = vectors[user], vectors[USERS + item], vectors[USERS + negatives]
    rows = np.log1p(np.exp(((j - i) * u).sum(axis=1))) * (negatives != item)
    rows += 0.05 * ((u**2).sum(axis=1) + (i**2).sum(axis=1) + (j**2).sum(axis=1))
    np.testing.assert_allclose(loss, rows.mean(), rtol=1e-5)


def test_each_phase_has_its_own_weights_and_moments() -> None:
    """Positives teach nodes and layers; triples nodes and relations, by an optimizer of their own."""
    model = build(graph())
    with tf.GradientTape() as tape:
        loss = model.training_loss({"user": np.array([1]), "item": np.array([1])})
    learning = [*model.trainable_variables, *model.transr.variables]
    gradients = tape.gradient(loss, [weight.value for weight in learning])
    assert [gradient is None for gradient in gradients] == [False] * len(model.trainable_variables) + [True] * 2
    before = {weight.path: weight.numpy() for weight in model.variables}
    model.train_on_graph()
    changed = {w.path for w in model.variables if not np.array_equal(w.numpy(), before[w.path])}
    moments = {weight.path for weight in model.graph_moments if "learning_rate" not in weight.path}
    assert changed == {w.path for w in model.graph_weights} | moments | {model.random.state.path}


def test_true_triples_come_closer_than_corrupted_ones() -> None:
    """Over 40 entities with 3 relations by rule, 600 steps; before, no more than chance, half of them, are."""
    random = np.random.default_rng(5)
    count = 40
    heads = np.repeat(np.arange(count), 3)
    relations = np.tile(np.arange(3), count)
    tails = (heads + 1 + relations * 7) % count
    triples = KnowledgeGraph(
        np.r_[heads, tails], np.r_[relations, relations + 3], np.r_[tails, heads], count, 6, np.full(ITEMS, -1)
    )
    nobody = np.zeros(0, np.int64)
    changes = {"graph_learning_rate": 0.02, "graph_steps": 600, "graph_batch_size": 128}
    sizes = {"embedding_dimension": 16, "relation_dimension": 16}
    model = build(CollaborativeGraph.from_interactions(USERS, nobody, nobody, triples), **changes, **sizes)

    def share_closer() -> float:
        nodes, first = model.nodes.numpy(), USERS + ITEMS
        negatives = (tails + random.integers(1, count, len(tails))) % count
        kind = relations + 2
        true = model.transr.distances(kind, nodes[first + heads], nodes[first + tails])
        false = model.transr.distances(kind, nodes[first + heads], nodes[first + negatives])
        return float(np.mean(np.asarray(true) < np.asarray(false)))

    assert share_closer() < 0.7
    model.train_on_graph()
    assert share_closer() > 0.85  # 0.94 was measured


def test_a_node_without_edges_stays_finite() -> None:
    """Padding, item 5 and user 4 have none; with nobody and nothing in the graph, no node has."""
    nobody = np.zeros(0, np.int64)
    nothing = CollaborativeGraph.from_interactions(USERS, nobody, nobody, KnowledgeGraph.without_triples(ITEMS))
    for over in (graph(), nothing):
        assert np.isfinite(scores(build(over))).all()


def test_a_user_is_what_the_history_makes_of_the_node() -> None:
    """User 1 took items 1 and 2 and no more, so that with them for a history the node itself comes out."""
    model = build(graph(users=(1, 1, 2, 3), items=(1, 2, 3, 4)))
    node = scores(model)[1]
    np.testing.assert_allclose(scores(model, [2, 1, 0, 0])[1], node, rtol=1e-4, atol=1e-6)
    # Later interactions count, in any order.
    results = scores(model, [1, 3, 2, 0])[1]
    assert np.abs(results - node).max() > 1e-3
    np.testing.assert_allclose(scores(model, [3, 2, 1, 0])[1], results, rtol=1e-5, atol=1e-6)
    # A user without interactions in training has the mean embedding of the other users.
    np.testing.assert_allclose(model.nodes[4], model.nodes.numpy()[1:4].mean(axis=0), rtol=1e-6)
    assert np.abs(scores(model, [2, 1, 0, 0])[4] - node).max() > 1e-3
    assert np.abs(scores(model, [3, 0, 0, 0])[4] - scores(model)[4]).max() > 1e-3


def test_the_newest_behaviours_alone_fold_a_user_in() -> None:
    model = build(graph(users=(1, 1, 2, 3), items=(1, 2, 3, 4)), fold_in_length=2)
    results = scores(model, [4, 2, 1, 0])
    np.testing.assert_array_equal(results, scores(model, [3, 2, 1, 0]))
    assert np.abs(results - scores(model, [3, 4, 1, 0])).max() > 1e-3


def test_an_item_without_edges_is_neither_wanted_nor_unwanted() -> None:
    """Item 5 is in no triple and nobody took it. In a history it says nothing."""
    model = build(graph())
    np.testing.assert_array_equal(scores(model)[:, 5], 0.0)
    np.testing.assert_allclose(scores(model, [1, 5, 0, 0]), scores(model, [1, 0, 0, 0]), rtol=1e-6)


def test_reloaded_it_serves_the_same_and_says_that_it_cannot_learn(tmp_path: Path) -> None:
    model = build(graph())
    model.on_epoch_end(0)
    model.save(tmp_path / "kgat.keras")
    again = keras.models.load_model(tmp_path / "kgat.keras")
    np.testing.assert_array_equal(scores(again, [1, 2, 0, 0]), scores(model, [1, 2, 0, 0]))
    with pytest.raises(ValueError, match="a model that was loaded only serves"):
        again.training_loss({"user": np.array([1]), "item": np.array([1])})


def test_two_replicas_end_as_one(tmp_path: Path) -> None:
    """Both phases of two epochs; each replica is given the batch of the one, and draws the same triples."""
    arrays = run_program("graph_replicas_program", tmp_path)
    names = [name.removeprefix("1 ") for name in arrays if name.startswith("1 ")]
    assert any(name.endswith("attention") for name in names)
    for name in names:
        np.testing.assert_allclose(arrays[f"2 {name}"], arrays[f"1 {name}"], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("inputs", "over", "says"),
    [
        (ModelInputs(("click",), ITEMS, STEPS, 4), graph(), "kgat needs the ids of users among its inputs"),
        (INPUTS, None, "kgat needs a graph"),
        (ModelInputs(("click",), 9, STEPS, 4, USERS), graph(), "items 5 and 9, received 5 and 6"),
    ],
)
def test_what_it_cannot_do_without(inputs: ModelInputs, over: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        KGAT(inputs, KGATHyperparameters(**SMALL), graph=over)
