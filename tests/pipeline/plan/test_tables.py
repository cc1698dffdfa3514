"""Tables that a model would have, by the rows and widths of its configuration."""

from __future__ import annotations

from pathlib import Path

from interestflow.models.training_config import OptimizerConfig
from interestflow.pipeline.config import PipelineConfig, load
from interestflow.pipeline.plan.tables import expected_inputs, expected_tables
from tests.pipeline.small_config import BASE, write


def config(folder: Path, **replaced: str) -> PipelineConfig:
    text = BASE
    for old, new in replaced.items():
        text = text.replace({"model": "model:\n  name: din\n", "features": "features:\n"}[old], new)
    return load(write(folder, text))


def test_a_ranker_declares_its_tables(tmp_path: Path) -> None:
    pooled = config(tmp_path, model="model:\n  name: pooled\n  embedding_dimension: 8\n")
    inputs = expected_inputs(pooled, 100_000_000.0, 5.0, {"category": 7, "device": 3})
    assert (inputs.item_rows, inputs.user_rows, inputs.history_length) == (100_000_002, None, 20)
    assert {category.name: category.rows for category in inputs.categorical} == {"category": 9, "device": 5}
    tables, assumption = expected_tables(pooled.model, inputs, OptimizerConfig(name="lazy_adam"))
    assert assumption is None
    (item,) = (table for table in tables if table.name == "item")
    # Eight floats a row, and twice as many of the optimizer, without a table of that size in memory.
    assert (item.rows, item.weight_bytes, item.slot_bytes) == (100_000_002, 3_200_000_064, 6_400_000_128)


def test_vocabularies_hashes_and_layouts_limit_the_rows(tmp_path: Path) -> None:
    limited = config(
        tmp_path,
        features="embeddings: {item: {kind: quotient_remainder, buckets: 100}}\n"
        "features:\n  item: {vocabulary_size: 5000}\n  user: {in_model: true, hash_buckets: 64}\n",
    )
    inputs = expected_inputs(limited, 1e6, 1e6, {})
    assert (inputs.item_rows, inputs.user_rows) == (5002, 65)
    assert inputs.item_layout is not None
    assert inputs.item_layout.buckets == 100


def test_a_matcher_is_taken_to_have_a_table_of_its_width_for_each_input(tmp_path: Path) -> None:
    text = BASE.replace("model:\n  name: din\n", "model: {name: two_tower, embedding_dimension: 10}\n")
    matcher = load(write(tmp_path, text))
    inputs = expected_inputs(matcher, 98.0, 5.0, {"category": 8, "device": 3})
    tables, assumption = expected_tables(matcher.model, inputs, OptimizerConfig(name="rowwise_adagrad"))
    sizes = {table.name: (table.rows, table.weight_bytes, table.slot_bytes) for table in tables}
    assert sizes == {"item": (100, 4000, 400), "category": (10, 400, 40), "device": (5, 200, 20)}
    assert assumption is not None
    assert assumption.startswith("two_tower is taken to have a table of width 10")
