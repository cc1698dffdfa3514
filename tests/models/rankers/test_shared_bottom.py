"""The shared-bottom baseline: tasks share the lower layers only."""

from __future__ import annotations

import keras
import numpy as np

from interestflow.models.registry import build_ranker
from tests.models.support.random_features import RICH, make_features, move_weights

FEATURES = make_features(RICH, 9)


def test_a_tasks_mlp_changes_its_logits_alone_and_the_shared_layers_change_all() -> None:
    keras.utils.set_random_seed(1)
    ranker = build_ranker("shared_bottom", RICH, {"embedding_dimension": 4})
    move_weights(ranker)
    before = {task: np.asarray(logits) for task, logits in ranker(FEATURES).items()}
    ranker.heads.scores[1].bias.assign_add([2.0])
    after = ranker(FEATURES)
    np.testing.assert_array_equal(after["click"], before["click"])
    np.testing.assert_allclose(after["like"], before["like"] + 2.0, rtol=1e-5, atol=1e-5)
    ranker.bottom.dense[0].bias.assign_add(np.ones(ranker.bottom.dense[0].units))
    for task, logits in ranker(FEATURES).items():
        assert np.abs(np.asarray(logits) - np.asarray(after[task])).max() > 1e-3, task
