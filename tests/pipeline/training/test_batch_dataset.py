"""Batches as a TensorFlow dataset: shapes, and an end that comes early."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from interestflow.pipeline.training.batch_dataset import batch_dataset
from interestflow.pipeline.training.batch_stream import BatchPlan, Window
from interestflow.pipeline.training.example_block import ExampleBlock
from interestflow.pipeline.training.example_layout import ExampleLayout
from interestflow.readable_reason import readable_reason
from interestflow.transforms.transformed.format import TransformedFormatError
from interestflow.transforms.transformed.reader import open_columns
from tests.pipeline.support import training_examples

LAYOUT = ExampleLayout.build(training_examples.INPUTS)
ROWS = training_examples.make_rows(30)


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> list[Window]:
    pattern = training_examples.write(ROWS, tmp_path_factory.mktemp("rows"), files=1)
    with open_columns(pattern.replace("*", "0")) as file:
        parts = [ExampleBlock.from_batch(LAYOUT, batch, "") for batch in file.read_all(list(LAYOUT.columns))]
    block = ExampleBlock.concatenate(parts)
    return [Window(30, (lambda: block,))]


def test_elements_are_tensors_by_name_with_shapes_as_far_as_they_are_known(windows: list[Window]) -> None:
    padded = batch_dataset(windows, BatchPlan(8, drop_remainder=True), LAYOUT).element_spec
    assert padded["history_item"] == tf.TensorSpec((8, 4), tf.int64)
    assert padded["label_like"] == tf.TensorSpec((8,), tf.float32)
    cut = batch_dataset(windows, BatchPlan(8, by_length=True), LAYOUT).element_spec
    assert cut["history_item"].shape.as_list() == [None, None]
    assert cut["tags"].shape.as_list() == [None, 2]


def test_each_iteration_begins_anew(windows: list[Window]) -> None:
    dataset = batch_dataset(windows, BatchPlan(8), LAYOUT)
    for _ in dataset.take(1):
        pass
    for _ in range(2):
        items = np.concatenate([batch["item"].numpy() for batch in dataset])
        assert items.tolist() == ROWS["item"].tolist()


def test_a_file_that_breaks_while_it_is_read_ends_the_epoch_with_its_own_sentence() -> None:
    def load() -> ExampleBlock:
        raise TransformedFormatError("part-0.arrow should be whole, received half of it")

    dataset = batch_dataset([Window(30, (load,))], BatchPlan(8), LAYOUT)
    with pytest.raises(tf.errors.OpError) as raised:
        list(dataset)
    assert readable_reason(raised.value) == "part-0.arrow should be whole, received half of it"
