"""Declarations of models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interestflow.models import registry
from interestflow.models.rankers.din_spec import SPEC
from interestflow.models.spec import ModelSpec


def test_the_implementation_is_the_class_that_is_named() -> None:
    loaded = SPEC.load()
    assert (loaded.__module__, loaded.__name__) == ("interestflow.models.rankers.din", "DIN")
    assert not SPEC.is_matcher
    assert registry.spec("kgat").is_matcher


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "din2"}, "`hyperparameters.name` should have the default 'din2', received 'din'"),
        (
            {"implementation": "interestflow.models.rankers.din.DIN"},
            "`implementation` should be 'module:Class', received",
        ),
    ],
)
def test_parts_that_do_not_agree(change: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SPEC, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("spec", registry.BUILT_IN.values(), ids=lambda spec: spec.name)
def test_every_model_says_what_it_is(spec: ModelSpec) -> None:
    assert spec.paper
    assert spec.summary.endswith(".")
    baseline = registry.spec(spec.baseline)
    assert baseline.family == spec.family
    assert baseline.baseline == baseline.name, "a baseline is compared with itself"
    assert not baseline.needs_user_ids, "a baseline can be trained on every log"
    assert not baseline.needs_graph
