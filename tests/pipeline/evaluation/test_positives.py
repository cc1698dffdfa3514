"""Positives of a file of raw examples."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from interestflow.pipeline.evaluation import positives
from interestflow.pipeline.evaluation.positives import no_positives, read_examples, read_positives
from tests.pipeline.support import exported_rankers

ROWS = exported_rankers.make_rows(50)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("examples") / "data.gz"
    exported_rankers.write_file(ROWS, path)
    return str(path)


@pytest.mark.parametrize(("task", "has_mask"), [("click", False), ("like", True)])
def test_positives_are_rows_with_a_label_of_one_that_is_known(
    file: str, task: str, has_mask: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positives, "BATCH", 16)  # so that rows count on over batches
    frame = read_positives(file, task, has_mask)
    expected = [
        index
        for index, row in enumerate(ROWS)
        if row[f"label_{task}"] > 0.5 and (not has_mask or row["mask_like"] > 0.5)
    ]
    assert expected
    assert frame.get_column("row").to_list() == expected
    assert frame.get_column("user").to_list() == [ROWS[row]["user"].encode() for row in expected]
    assert frame.get_column("item").to_list() == [ROWS[row]["item"].encode() for row in expected]
    assert frame.get_column("timestamp").to_list() == [ROWS[row]["timestamp"] for row in expected]
    assert frame.schema == no_positives().schema


def test_examples_are_read_by_row(file: str) -> None:
    spec = {"timestamp": tf.io.FixedLenFeature([], tf.int64)}
    parsed = tf.io.parse_example(tf.constant(read_examples(file, np.array([7, 3, 3]))), spec)
    assert parsed["timestamp"].numpy().tolist() == [ROWS[row]["timestamp"] for row in (7, 3, 3)]
