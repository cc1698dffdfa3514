"""Batches read from files: their content and order, and the equality of in-memory and streamed reading."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.example_files import TrainingDataError
from tests.pipeline.support import training_examples

COUNT = 103
IN_MEMORY, STREAMED = 100, 0


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> str:
    rows = training_examples.make_rows(COUNT)
    rows["price"] = np.arange(COUNT, dtype=np.float32)  # identifies the rows
    return training_examples.write(rows, tmp_path_factory.mktemp("examples"))


@pytest.fixture(params=[IN_MEMORY, STREAMED], ids=["in memory", "streamed"])
def split(request: pytest.FixtureRequest, pattern: str) -> Split:
    return Split.read([pattern], training_examples.INPUTS, request.param)


def prices(dataset: tf.data.Dataset) -> list[list[float]]:
    return [features["price"].numpy().tolist() for features, _, _ in dataset]


def flat(batches: list[list[float]]) -> list[float]:
    return [price for batch in batches for price in batch]


def epoch(split: Split, epoch_index: int = 0, first_step: int = 0, **changes: bool) -> list[list[float]]:
    return prices(split.epoch(10, seed=3, epoch=epoch_index, shuffle_buffer=50, first_step=first_step, **changes))


def test_only_what_fits_is_kept(pattern: str) -> None:
    assert Split.read([pattern], training_examples.INPUTS, IN_MEMORY).is_cached
    streamed = Split.read([pattern], training_examples.INPUTS, STREAMED)
    assert not streamed.is_cached
    assert streamed.count == COUNT


def test_a_batch_has_the_shapes_and_types_of_the_inputs(split: Split) -> None:
    features, labels, weights = next(iter(split.in_order(10)))
    tensors = training_examples.INPUTS.tensors()
    assert features.keys() == tensors.keys()
    for name, (shape, dtype) in tensors.items():
        assert features[name].shape == (10, *shape), name
        assert features[name].dtype == dtype, name
    for tensor in (*labels.values(), *weights.values()):
        assert tensor.shape == (10,)
        assert tensor.dtype == tf.float32


def test_values_are_those_that_were_written(split: Split) -> None:
    rows = training_examples.make_rows(COUNT)
    for features, labels, weights in split.in_order(50):
        at = features["price"].numpy().astype(int)
        for name in ("item", "tags", "history_item", "history_age", "history_category"):
            np.testing.assert_array_equal(features[name], rows[name][at])
        np.testing.assert_array_equal(labels["like"], rows["label_like"][at])
        np.testing.assert_array_equal(weights["like"], rows["mask_like"][at])
        np.testing.assert_array_equal(weights["click"], np.ones(len(at)))


def test_an_epoch_has_every_example_once(split: Split) -> None:
    batches = epoch(split)
    assert sorted(flat(batches)) == list(range(COUNT))
    assert [len(batch) for batch in batches] == [10] * 10 + [3]
    assert len(batches) == split.steps(10)


def test_order_follows_from_seed_and_epoch_alone(split: Split) -> None:
    assert epoch(split) == epoch(split)
    assert epoch(split) != epoch(split, 1)
    assert epoch(split) != prices(split.epoch(10, seed=4, epoch=0, shuffle_buffer=50))
    assert flat(epoch(split)) != flat(prices(split.in_order(10)))


def test_going_on_at_a_step_gives_the_rest_of_the_epoch(split: Split) -> None:
    assert epoch(split, 1, first_step=4) == epoch(split, 1)[4:]


def test_part_of_a_split_in_memory_is_a_split(pattern: str) -> None:
    part = Split.read([pattern], training_examples.INPUTS, IN_MEMORY).take(np.array([5, 2, 60]))
    assert part.count == 3
    in_order = flat(prices(Split.read([pattern], training_examples.INPUTS, IN_MEMORY).in_order(10)))
    assert flat(prices(part.in_order(10))) == [in_order[row] for row in (5, 2, 60)]


def test_a_last_batch_that_is_not_full_can_be_left_out(split: Split) -> None:
    batches = epoch(split, drop_remainder=True)
    assert [len(batch) for batch in batches] == [10] * 10
    assert split.steps(10, drop_remainder=True) == 10


def test_both_ways_of_reading_give_the_same_order_of_the_files(pattern: str) -> None:
    in_memory, streamed = (Split.read([pattern], training_examples.INPUTS, limit) for limit in (IN_MEMORY, STREAMED))
    assert prices(in_memory.in_order(10)) == prices(streamed.in_order(10))


def test_no_files_and_no_examples_are_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"no file of examples matches .*nothing"):
        Split.read([str(tmp_path / "nothing-*")], training_examples.INPUTS, 10)
    empty = training_examples.write(training_examples.make_rows(0), tmp_path)
    with pytest.raises(TrainingDataError, match="hold no examples"):
        Split.read([empty], training_examples.INPUTS, 10)


def test_streamed_examples_are_shuffled_across_files_and_within_windows(pattern: str) -> None:
    """A window of 50 examples holds record batches of several files; rows of a file are every third."""
    split = Split.read([pattern], training_examples.INPUTS, STREAMED)
    first = flat(epoch(split))[:50]
    assert len({price % 3 for price in first}) > 1
    assert np.count_nonzero(np.diff(first) == 3) < 10


def test_batches_by_length_have_every_example_once_and_the_same_order_again(split: Split) -> None:
    def by_length(epoch_index: int, first_step: int = 0) -> list[list[float]]:
        return epoch(split, epoch_index, first_step, by_length=True)

    assert sorted(flat(by_length(0))) == list(range(COUNT))
    assert [len(batch) for batch in by_length(0)] == [10] * 10 + [3]
    assert by_length(0) != by_length(1)
    assert by_length(1, 7) == by_length(1)[7:]
    assert [len(batch) for batch in epoch(split, by_length=True, drop_remainder=True)] == [10] * 10


def test_batches_by_length_hold_what_was_written_without_the_padding_that_all_share(split: Split) -> None:
    rows = training_examples.make_rows(COUNT)
    lengths = np.count_nonzero(rows["history_item"], axis=1)
    cuts = []
    batches = [*split.epoch(10, seed=3, epoch=0, shuffle_buffer=50, by_length=True), *split.in_order(10, True)]
    for features, labels, _ in batches:
        at = features["price"].numpy().astype(int)
        cut = max(lengths[at].max(), 1)  # four places, so that each length is one that histories may be cut at
        cuts.append(cut)
        for name in ("history_item", "history_age", "history_category"):
            np.testing.assert_array_equal(features[name], rows[name][at, :cut])
        np.testing.assert_array_equal(features["tags"], rows["tags"][at])
        np.testing.assert_array_equal(labels["click"], rows["label_click"][at])
    assert set(cuts) >= {2, 3, 4}


@pytest.mark.parametrize("memory", [IN_MEMORY, STREAMED], ids=["in memory", "streamed"])
@pytest.mark.parametrize("task", ["click", "like"])
def test_positives_alone_are_read_where_a_task_is_named(pattern: str, memory: int, task: str) -> None:
    rows = training_examples.make_rows(COUNT)
    wanted = rows["label_click"] if task == "click" else rows["label_like"] * rows["mask_like"]
    split = Split.read([pattern], training_examples.INPUTS, memory, positives_of=task)
    assert split.count == wanted.sum() > 0
    assert split.left_out == COUNT - wanted.sum()
    expected = sorted(np.flatnonzero(wanted).tolist())  # the price of a row is its number
    assert sorted(flat(prices(split.in_order(10)))) == expected
    assert sorted(flat(epoch(split))) == expected
    assert all((labels[task].numpy() == 1.0).all() for _, labels, _ in split.in_order(10))


def test_a_split_without_positives_is_refused(tmp_path: Path) -> None:
    rows = training_examples.make_rows(8)
    pattern = training_examples.write(rows | {"label_click": np.zeros(8, np.float32)}, tmp_path / "none")
    with pytest.raises(TrainingDataError, match="hold no positives of click among their 8 examples"):
        Split.read([pattern], training_examples.INPUTS, IN_MEMORY, positives_of="click")
