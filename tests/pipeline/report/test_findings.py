"""A model passes if both gates let it pass, and models of equal name are distinguished."""

from __future__ import annotations

import pytest

from interestflow.pipeline.evaluation.result import Evaluation, ModelEvaluation
from interestflow.pipeline.gates.quality import Verdict
from interestflow.pipeline.gates.serving import ServingVerdict
from interestflow.pipeline.report.findings import Findings
from tests.pipeline.report.test_terminal import COUNTS, model


def findings(quality: bool = True, serving: bool = True, baseline: ModelEvaluation | None = None) -> Findings:
    evaluation = Evaluation(model=model("din", 0.74), champion=None, champion_problem=None, examples=483)
    return Findings(
        COUNTS, evaluation, baseline, Verdict(is_blessed=quality), ServingVerdict(is_blessed=serving), {}, None
    )


@pytest.mark.parametrize("quality", [True, False])
@pytest.mark.parametrize("serving", [True, False])
def test_a_model_needs_the_blessing_of_both_gates(quality: bool, serving: bool) -> None:
    assert findings(quality, serving).is_blessed == (quality and serving)


def test_a_baseline_of_the_same_name_is_marked() -> None:
    assert list(findings().models()) == ["din"]
    assert list(findings(baseline=model("pooled", 0.7)).models()) == ["din", "pooled"]
    assert list(findings(baseline=model("din", 0.7)).models()) == ["din", "din (baseline)"]
