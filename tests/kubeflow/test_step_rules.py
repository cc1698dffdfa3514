"""Rules of steps: by default, every step is cached, unconditional and without parameters."""

from __future__ import annotations

from interestflow.kubeflow.step_rules import StepRules


def test_by_default_there_are_none() -> None:
    rules = StepRules()
    assert (rules.uncached, rules.verdicts, dict(rules.conditions)) == (frozenset(), frozenset(), {})
    assert tuple(rules.parameters) == ()
