"""Candidates as an exported matcher encodes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from interestflow.pipeline.evaluation.candidates import load_candidates, model_vectors
from interestflow.pipeline.evaluation.result import EvaluationError
from tests.pipeline.support import exported_matchers, exported_rankers


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    folder = exported_matchers.write({}, tmp_path_factory.mktemp("examples"))
    return tuple(str(path) for path in (folder / "Split-items").iterdir())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(exported_matchers.export_matcher(tmp_path_factory.mktemp("model") / "matcher"))


def test_items_have_ids_vectors_and_kinds(files: tuple[str, ...], model: str) -> None:
    candidates = load_candidates(model, files, "category")
    assert candidates.ids.to_list() == [f"i{index}".encode() for index in range(exported_matchers.ITEMS)]
    np.testing.assert_array_equal(candidates.vectors, exported_matchers.VECTORS[: exported_matchers.ITEMS])
    assert candidates.kinds is not None  # the category is the item's last digit
    np.testing.assert_array_equal(candidates.kinds, np.arange(exported_matchers.ITEMS) % 10)
    assert load_candidates(model, files, None).kinds is None


def test_columns_are_found_by_id(files: tuple[str, ...], model: str) -> None:
    candidates = load_candidates(model, files, None)
    items = pl.Series([b"i7", b"unknown", b"i0"], dtype=pl.Binary)
    assert candidates.columns(items).tolist() == [7, -1, 0]


def test_without_items_there_is_nothing_to_rank(model: str) -> None:
    with pytest.raises(EvaluationError, match="the split of items is empty"):
        load_candidates(model, (), None)


def test_a_model_without_the_output_is_named(tmp_path: Path) -> None:
    ranker = str(exported_rankers.export_model(tmp_path / "ranker"))
    example = tmp_path / "one.gz"
    exported_rankers.write_file(exported_rankers.make_rows(1), example)
    with pytest.raises(EvaluationError, match=r"should give `item` under serving_default.* it gives click, like"):
        load_candidates(ranker, (str(example),), None)


def test_examples_that_the_model_cannot_read_are_named(model: str) -> None:
    with pytest.raises(EvaluationError, match="cannot encode the examples"):
        model_vectors(model, np.array([b"not an example"], object), "item")
