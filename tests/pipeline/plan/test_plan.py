"""The plan of a small shop from round formulas, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from interestflow.pipeline.config import PipelineConfig, load
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.plan import plan as planning
from interestflow.pipeline.plan.log_size import LogSize
from interestflow.pipeline.plan.plan import Plan, free_bytes, make_plan
from tests.pipeline.plan.formulas import round_formulas
from tests.pipeline.small_config import BASE, write

SIZE = LogSize(
    events=2e6, log_mb=30.0, files=2, items=1e6, users=1e4, behaviours=1.0, positives=0.1, history=15.0, values={}
)


def shop(folder: Path, text: str = BASE) -> PipelineConfig:
    return load(write(folder, text))


def planned(config: PipelineConfig, folder: Path, size: LogSize = SIZE) -> Plan:
    return make_plan(config, size, round_formulas(), Folders(str(folder)))


def test_a_run_is_planned_with_its_baseline(tmp_path: Path) -> None:
    result = planned(shop(tmp_path), tmp_path)
    seconds = {cost.step: cost.seconds for cost in result.costs}
    # 1 s and 10 s for each million: all examples, nine tenths, and eight tenths in each of two epochs.
    assert (seconds["LogExampleGen"], seconds["Transform"], seconds["Trainer"]) == (21.0, 19.0, 33.0)
    assert "BaselineTrainer is taken to cost what `din` does: its model was not measured" in result.assumptions
    assert result.fits


def test_a_step_without_formulas_is_named(tmp_path: Path) -> None:
    formulas = round_formulas()
    steps = {step: quantities for step, quantities in formulas.steps.items() if step != "Transform"}
    result = make_plan(shop(tmp_path), SIZE, replace(formulas, steps=steps), Folders(str(tmp_path)))
    assert "Transform" not in [cost.step for cost in result.costs]
    assert "not measured, and not in the plan: Transform" in result.assumptions


def test_sampled_negatives_make_examples_of_the_positives(tmp_path: Path) -> None:
    result = planned(shop(tmp_path, BASE + "negatives: {source: sampled, per_positive: 4}\n"), tmp_path)
    assert sum(result.model.workload.examples.values()) == pytest.approx(2e6 * 0.1 * 5)


def test_disk_is_a_limit_where_it_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "free_bytes", lambda folder: 500 * 2**20)
    result = planned(shop(tmp_path), tmp_path)
    (disk,) = (limit for limit in result.limits if limit.name.startswith("free disk at"))
    assert disk.needed == sum(cost.output_mb for cost in result.costs)
    assert disk.needed < 500 < planned(shop(tmp_path), tmp_path, replace(SIZE, events=2e7)).limits[3].needed
    remote = make_plan(shop(tmp_path), SIZE, round_formulas(), Folders("s3://bucket/runs"))
    assert not any(limit.name.startswith("free disk") for limit in remote.limits)


def test_the_budget_of_tables_is_a_limit_of_the_catalogue(tmp_path: Path) -> None:
    text = BASE.replace("training:\n", "training:\n  max_embedding_memory_mb: 300\n")
    result = planned(shop(tmp_path, text), tmp_path)
    (budget,) = (limit for limit in result.limits if "max_embedding" in limit.name)
    # A million items of 16 values and a bias for each of two tasks, with as many of the optimizer, in MB.
    assert budget.needed == pytest.approx(1e6 * 18 * 4 * 2 / 2**20, rel=0.01)
    assert budget.items == pytest.approx(300 / budget.needed * 1e6, rel=0.02)
    assert budget.events is None
    assert not planned(shop(tmp_path, text), tmp_path, replace(SIZE, items=4e6)).fits


def test_tables_have_to_fit_the_memory_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "machine_memory", lambda: 8e9)
    (tables,) = (limit for limit in planned(shop(tmp_path), tmp_path).limits if limit.name.startswith("tables in"))
    # 144 bytes an item, as above.
    assert tables.items == pytest.approx(8e9 / 144, rel=0.02)
    assert tables.events is None


def test_free_space_of_a_folder_that_does_not_exist_is_that_of_its_parent(tmp_path: Path) -> None:
    assert free_bytes(str(tmp_path / "not" / "yet")) == pytest.approx(free_bytes(str(tmp_path)), rel=0.1)
