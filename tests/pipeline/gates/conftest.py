"""Exported models that the tests of the serving gate share; they only read them."""

from __future__ import annotations

import pytest
from tensorflow_transform.output_wrapper import TFTransformOutput

from tests.pipeline.support.serving_gate import (
    Exported,
    export_every_input,
    export_nearest_items,
    write_test_examples,
)
from tests.serving import transformed


@pytest.fixture(scope="session")
def transform_output(tmp_path_factory: pytest.TempPathFactory) -> TFTransformOutput:
    return transformed.shared(tmp_path_factory)


@pytest.fixture(scope="session")
def example_files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return write_test_examples(tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="session")
def ranker(
    transform_output: TFTransformOutput, example_files: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    return Exported(export_every_input(transform_output, tmp_path_factory.mktemp("ranker") / "exported"), example_files)


@pytest.fixture(scope="session")
def matcher(
    transform_output: TFTransformOutput, example_files: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    folder = tmp_path_factory.mktemp("matcher") / "exported"
    return Exported(export_nearest_items(transform_output, folder), example_files)
