"""A model's fingerprint depends on its configuration, on the input and on the code."""

from __future__ import annotations

from pathlib import Path

from interestflow.pipeline.training.fingerprint import model_fingerprint
from tests.pipeline.dag.small_configs import RANKER, load_text


def test_everything_that_the_model_is_made_from_counts(tmp_path: Path) -> None:
    config = load_text(tmp_path, RANKER).for_training()
    first = model_fingerprint(config, "inputs", "code")
    assert model_fingerprint(config, "inputs", "code") == first
    others = {
        model_fingerprint(config.with_seed(5), "inputs", "code"),
        model_fingerprint(config, "other inputs", "code"),
        model_fingerprint(config, "inputs", "other code"),
    }
    assert len(others | {first}) == 4
