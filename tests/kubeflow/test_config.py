"""The configuration section `kubeflow`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from interestflow.kubeflow.config import KubeflowConfig


def test_no_accelerator_unless_asked_for() -> None:
    assert KubeflowConfig().trainer_gpus == 0
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        KubeflowConfig(trainer_gpus=-1)
