"""The configuration section `generate`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from interestflow.transforms.generator.config import LogGeneratorConfig


def test_there_are_items_for_each_category() -> None:
    assert LogGeneratorConfig(items=30, categories=30).items == 30
    with pytest.raises(ValidationError, match="`items` should be at least `categories`, 30, received 20"):
        LogGeneratorConfig(items=20, categories=30)


def test_two_labels_ask_for_two_interests() -> None:
    assert LogGeneratorConfig(interests_per_user=1).task_effect == 0.0
    with pytest.raises(ValidationError, match="`interests_per_user` should be at least 2 with `task_effect`"):
        LogGeneratorConfig(interests_per_user=1, task_effect=1.0)
