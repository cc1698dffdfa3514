"""Table sizes are known before the tables are allocated, and equal the allocated sizes."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.declared_tables import is_table
from interestflow.models.rankers.base import Ranker
from interestflow.models.registry import build_matcher, build_ranker, names
from interestflow.models.table_sizes import TableSize, table_sizes
from interestflow.models.training_config import OptimizerConfig
from tests.models.support.random_features import COMPACT, PLAIN, RICH, make_catalogue, random_graph


def builder(name: str, inputs: ModelInputs, **hyperparameters: Any) -> Callable[[], Ranker]:
    return lambda: build_ranker(name, inputs, {"embedding_dimension": 4} | hyperparameters)


def test_by_hand() -> None:
    """21 items of width 4 in float32 are 336 bytes; Adam keeps two numbers beside each, Adagrad by rows one a row."""
    build = builder("din", PLAIN)
    items, bias = table_sizes(build, OptimizerConfig(name="lazy_adam"))
    assert items == TableSize("item", 21, 4, 2 * 336)
    assert (items.weight_bytes, items.bytes) == (336, 3 * 336)
    assert bias == TableSize("bias", 21, 1, 2 * 84)
    assert [size.slot_bytes for size in table_sizes(build, OptimizerConfig(name="rowwise_adagrad"))] == [84, 84]
    assert [size.slot_bytes for size in table_sizes(build, OptimizerConfig(name="sgd"))] == [0, 0]


def test_two_tables_of_one_feature() -> None:
    """21 items in buckets of 5: 5 quotients; 9 users in 2: 5 quotients."""
    sizes = table_sizes(builder("pooled", COMPACT), OptimizerConfig(name="sgd"))
    rows = {size.name: size.rows for size in sizes}
    assert (rows["item quotient"], rows["item remainder"], rows["user quotient"], rows["user remainder"]) == (
        5,
        5,
        5,
        2,
    )


@pytest.mark.parametrize("inputs", [RICH, COMPACT], ids=["rich", "compact"])
@pytest.mark.parametrize("name", names("ranker"))
def test_they_are_those_that_are_made(name: str, inputs: ModelInputs) -> None:
    build = builder(name, inputs)
    shapes = [tuple(variable.shape) for variable in build().trainable_variables if is_table(variable)]
    sizes = table_sizes(build, OptimizerConfig())
    assert sorted((size.rows, size.width) for size in sizes) == sorted(shapes)
    assert len({size.name for size in sizes}) == len(sizes)


def test_a_matchers_tables_have_layouts_too() -> None:
    sizes = table_sizes(
        lambda: build_matcher("bpr_mf", COMPACT, {"item_bias": False}, make_catalogue(COMPACT)), OptimizerConfig()
    )
    names = {size.name for size in sizes}
    assert names == {"item quotient", "item remainder", "user quotient", "user remainder"}


def test_a_graphs_nodes_are_tables() -> None:
    """9 users, 21 items and 3 entities are 33 nodes of width 4; what is served has a column for each of two layers too.

    Adam keeps two numbers beside each that the batches move, and so does the triples' own optimizer, among the weights.
    """
    graph = random_graph(RICH)
    hyperparameters = {"embedding_dimension": 4, "layer_units": (3, 2), "relation_dimension": 2}
    sizes = table_sizes(
        lambda: build_matcher("kgat", RICH, hyperparameters, make_catalogue(RICH), graph),
        OptimizerConfig(name="lazy_adam"),
    )
    assert set(sizes) == {
        TableSize("nodes", 33, 4, 33 * 4 * 8),
        TableSize("nodes momentum", 33, 4, 0),
        TableSize("nodes velocity", 33, 4, 0),
        TableSize("vectors", 30, 4 + 3 + 2, 0),
        TableSize("item_levels", 21, 4 + 3, 0),
    }


def test_what_would_fit_into_no_memory_is_not_made() -> None:
    """A million million items of 4 numbers: 16 TB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    build = builder("pooled", replace(PLAIN, item_rows=10**12))
    (size,) = table_sizes(build, OptimizerConfig(name="lazy_adam"))
    assert (size.rows, size.bytes) == (10**12, 3 * 16 * 10**12)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # in KB
