"""TransR by hand, in two dimensions: relation 0 is the identity, relation 1 swaps and doubles the coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from interestflow.models.layers.graph.transr import TransR


@pytest.fixture
def transr() -> TransR:
    layer = TransR(2, 2, 2)
    layer.build()
    layer.projections.assign([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 2.0], [2.0, 0.0]]])
    layer.vectors.assign([[1.0, 0.0], [0.0, -1.0]])
    return layer


HEADS = np.array([[1.0, 2.0], [1.0, 2.0]], np.float32)
TAILS = np.array([[2.0, 2.0], [0.5, 0.0]], np.float32)


def test_the_distance_of_a_triple(transr: TransR) -> None:
    """(1, 2) + (1, 0) - (2, 2) is 0. Swapped and doubled (4, 2) + (0, -1) - (0, 1) is (4, 0): 16."""
    np.testing.assert_allclose(transr.distances(np.array([0, 1]), HEADS, TAILS), [0.0, 16.0])


def test_the_score_of_a_neighbour(transr: TransR) -> None:
    """Relation 0: (2, 2) with tanh (2, 2). Relation 1: (0, 1) with tanh (4, 1)."""
    np.testing.assert_allclose(transr.scores(0, HEADS[:1], TAILS[:1]), [4 * np.tanh(2.0)], rtol=1e-6)
    np.testing.assert_allclose(transr.scores(1, HEADS[1:], TAILS[1:]), [np.tanh(1.0)], rtol=1e-6)


def test_the_loss_compares_with_another_tail_and_penalizes_all_four_vectors(transr: TransR) -> None:
    """Distances 0 and, to (0, 0), 4 + 4: softplus(-8). Squares: 5 + 1 + 8 + 0 = 14, half of which counts 0.1 times."""
    corrupted = np.zeros((1, 2), np.float32)
    loss = transr.losses(np.array([0]), HEADS[:1], TAILS[:1], corrupted, l2=0.1)
    np.testing.assert_allclose(loss, [np.log1p(np.exp(-8.0)) + 0.05 * 14.0], rtol=1e-5)


@pytest.mark.parametrize("rows", [1, 32, 33, 500])
def test_rows_projected_in_blocks_keep_their_order(rows: int) -> None:
    """Of seven relations one has no row and one has most; the result is as if every row had its own matrix."""
    random = np.random.default_rng(3)
    layer = TransR(7, 5, 4)
    layer.build()
    relations = np.where(random.random(rows) < 0.6, 2, random.choice([0, 1, 3, 5, 6], rows))
    heads, tails = random.normal(size=(2, rows, 5)).astype(np.float32)
    vectors, projections = (np.array(weight) for weight in (layer.vectors, layer.projections))
    translated = np.einsum("bd,bdk->bk", heads - tails, projections[relations]) + vectors[relations]
    np.testing.assert_allclose(layer.distances(relations, heads, tails), np.sum(translated**2, axis=-1), rtol=1e-4)
