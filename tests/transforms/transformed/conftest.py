"""Rows that were transformed once for all tests."""

from __future__ import annotations

import pytest

from interestflow.transforms.preprocessing import Preprocessing
from tests.transforms.transformed.raw_rows import CONFIG, draw_rows
from tests.transforms.transformed.transformed_rows import Transformed, transform_rows


@pytest.fixture(scope="session")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> Transformed:
    """Return rows of a matcher without items; nobody may change their folders."""
    splits = {"train": draw_rows(300, seed=1), "validation": draw_rows(120, seed=2)}
    return transform_rows(tmp_path_factory.mktemp("job"), Preprocessing(CONFIG, with_items=True), splits, 130)
