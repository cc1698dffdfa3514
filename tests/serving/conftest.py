"""Transform graph and exported models that the tests of serving share; nobody may change their folders."""

from __future__ import annotations

import pytest
from tensorflow_transform.output_wrapper import TFTransformOutput

from tests.serving import transformed
from tests.serving.exported_cases import ExportedModels


@pytest.fixture(scope="session")
def transform_output(tmp_path_factory: pytest.TempPathFactory) -> TFTransformOutput:
    """Return the small transform graph of `transformed`."""
    return transformed.shared(tmp_path_factory)


@pytest.fixture(scope="session")
def exported_models(transform_output: TFTransformOutput, tmp_path_factory: pytest.TempPathFactory) -> ExportedModels:
    """Return the registered models by name; each is exported when a test first asks for it."""
    return ExportedModels(transform_output, tmp_path_factory)
