"""Record batches of a split's files: their places, counts and contents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from interestflow.pipeline.training.example_files import ExampleFiles, TrainingDataError, find_files
from interestflow.pipeline.training.example_layout import ExampleLayout
from interestflow.transforms.transformed.format import TransformedFormatError
from tests.pipeline.support import training_examples

LAYOUT = ExampleLayout.build(training_examples.INPUTS)
ROWS = training_examples.make_rows(50)
"""In two files, of which each has a record batch of 16 examples and one of 9."""


def test_record_batches_are_counted_as_they_are_loaded(tmp_path: Path) -> None:
    pattern = training_examples.write(ROWS, tmp_path, files=2)
    files = ExampleFiles.find([pattern], LAYOUT, None)
    references = files.references()
    assert [(Path(reference.path).name, reference.position) for reference in references] == [
        ("part-0.arrow", 0), ("part-0.arrow", 1), ("part-1.arrow", 0), ("part-1.arrow", 1),
    ]  # fmt: skip
    assert list(files.count(references)) == [(16, 16), (9, 9), (16, 16), (9, 9)]
    block, total = files.load(references[3])
    assert total == 9
    assert block.gather(np.arange(9))["item"].tolist() == ROWS["item"][1::2][16:].tolist()


@pytest.mark.parametrize("task", ["click", "like"])
def test_positives_are_selected(tmp_path: Path, task: str) -> None:
    files = ExampleFiles.find([training_examples.write(ROWS, tmp_path, files=1)], LAYOUT, task)
    wanted = ROWS["label_click"] if task == "click" else ROWS["label_like"] * ROWS["mask_like"]
    loaded = [files.load(reference) for reference in files.references()]
    assert list(files.count(files.references())) == [(len(block), total) for block, total in loaded]
    items = np.concatenate([block.gather(np.arange(len(block)))["item"] for block, _ in loaded])
    assert items.tolist() == ROWS["item"][wanted > 0].tolist()


def test_files_without_a_column_of_the_model_are_refused(tmp_path: Path) -> None:
    rows = {name: values for name, values in ROWS.items() if name != "price"}
    files = ExampleFiles.find([training_examples.write(rows, tmp_path)], LAYOUT, None)
    with pytest.raises(TransformedFormatError, match=r"part-0.arrow should have a column `price`, received category"):
        files.references()


def test_files_should_exist(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"no file of examples matches .*nothing"):
        find_files([str(tmp_path / "nothing-*")])
