"""Run parameters replace settings of the configuration, and values that cannot be used are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.gate_config import GateConfig
from interestflow.pipeline.run_parameters import (
    RunParameterError,
    parse_assignments,
    with_gate,
    with_learning_rate,
    with_parameters,
)
from tests.pipeline.dag.small_configs import RANKER, load_text


@pytest.fixture
def config(tmp_path: Path) -> PipelineConfig:
    text = RANKER.replace("events-*.parquet", "{span}/events-*.parquet")
    return load_text(tmp_path, text + "evaluation: {gate: {at_least: {auc: 0.6}, at_most: {ece: 0.1}}}\n")


def test_each_parameter_replaces_its_setting(config: PipelineConfig) -> None:
    values = parse_assignments(["span=2026-11-30", "learning_rate=0.25", 'gate={"at_least": {"auc": 0.7}}'])
    changed = with_parameters(config, values)
    assert changed.data.events.path == "2026-11-30/events-*.parquet"
    assert changed.training.optimizer.learning_rate == 0.25
    assert changed.evaluation.gate == GateConfig(at_least={"auc": 0.7}, at_most={"ece": 0.1})


def test_without_parameters_only_the_configured_span_is_filled_in(config: PipelineConfig) -> None:
    changed = with_parameters(config, {})
    assert changed.data.events.path == "*/events-*.parquet"
    assert changed.model_dump(exclude={"data"}) == config.model_dump(exclude={"data"})


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["span"], "`--parameter` should be NAME=VALUE, received 'span'"),
        (["rate=1"], "`--parameter` should name one of gate, learning_rate, span, received 'rate'"),
        (["scheduled_time=1"], "`--parameter` should name one of gate, learning_rate, span, received 'scheduled_time'"),
        (["span=a", "span=b"], "`--parameter span` should be given once, received it twice"),
    ],
)
def test_an_assignment_that_cannot_be_used_is_refused(assignments: list[str], message: str) -> None:
    with pytest.raises(RunParameterError) as raised:
        parse_assignments(assignments)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": "fast"}, "run parameter `learning_rate` should be a number, received 'fast'"),
        ({"learning_rate": "-1"}, "run parameter `learning_rate`: `learning_rate`: .* greater than 0, received -1.0"),
        ({"gate": "0.7"}, "run parameter `gate` should be a JSON object .*, received '0.7'"),
        ({"gate": "{"}, "run parameter `gate` should be a JSON object .*, received '{'"),
        ({"gate": '{"least": 1}'}, "run parameter `gate`: `least`: .*, received 1"),
        ({"gate": '{"at_least": {"recall_50": 0.1}}'}, "`evaluation.gate.at_least.recall_50` is a metric of matchers"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(config: PipelineConfig, values: dict[str, str], message: str) -> None:
    with pytest.raises(RunParameterError, match=message):
        with_parameters(config, values)


def test_a_learning_rate_leaves_the_rest_of_the_optimizer(config: PipelineConfig) -> None:
    before, after = config.training.optimizer, with_learning_rate(config, 0.5).training.optimizer
    assert after == before.model_copy(update={"learning_rate": 0.5})


def test_no_gate_settings_leave_the_gate() -> None:
    gate = GateConfig(at_least={"auc": 0.6})
    assert with_gate(gate, "") is gate
