"""Types of examples in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from interestflow.models.inputs import CategoricalInput
from interestflow.pipeline.training.example_layout import ExampleLayout, model_column
from interestflow.transforms.transformed.format import Column
from tests.pipeline.support import training_examples


def test_ids_have_the_smallest_type_that_holds_their_table() -> None:
    categories = [CategoricalInput(str(rows), rows, "item", None, True, True) for rows in (256, 257, 65_536, 65_537)]
    layout = ExampleLayout.build(replace(training_examples.INPUTS, categorical=tuple(categories), numeric=()))
    types = [np.uint8, np.uint16, np.uint16, np.uint32]
    assert [layout.record[str(category.rows)] for category in categories] == types
    assert [layout.step[f"history_{category.rows}"] for category in categories] == types
    assert layout.record["label_click"] == np.float32


def test_columns_are_inputs_labels_and_masks() -> None:
    layout = ExampleLayout.build(training_examples.INPUTS)
    assert layout.columns["history_item"] == model_column((4,), "int64") == Column("int32", (4,))
    assert {"label_click", "label_like", "mask_like"} <= layout.columns.keys()
    assert "mask_click" not in layout.columns
    assert set(layout.history_names) == {"history_item", "history_age", "history_category"}
    assert set(layout.single_names) | set(layout.history_names) == layout.columns.keys()


def test_a_history_has_at_most_eight_pages() -> None:
    pages = {}
    for length in (1, 4, 8, 9, 50, 100):
        layout = ExampleLayout.build(replace(training_examples.INPUTS, history_length=length))
        pages[length] = layout.page_steps, layout.pages
    assert pages == {1: (1, 1), 4: (1, 4), 8: (1, 8), 9: (2, 5), 50: (7, 8), 100: (13, 8)}


def test_training_alone_reads_the_items_drawn_for_behaviours() -> None:
    layout = ExampleLayout.build(replace(training_examples.INPUTS, history_negatives=True))
    assert {"history_negative_item", "history_negative_category"} <= set(layout.history_names)
    assert layout.table_rows["history_negative_category"] == 6
