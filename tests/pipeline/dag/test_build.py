"""A graph has its steps in order, with a baseline where one is asked for."""

from __future__ import annotations

from pathlib import Path

from tfx.dsl.components.base.executor_spec import BeamExecutorSpec

from interestflow.pipeline.beam_config import BEAM_STEPS, BeamConfig
from interestflow.pipeline.dag.build import FINDERS, build_components, build_pipeline, set_beam_arguments
from interestflow.pipeline.folders import Folders
from tests.pipeline.dag.small_configs import FINGERPRINTS, GRAPH_MATCHER, PARAMETERS, RANKER, load_text


def test_the_baseline_comes_last_and_only_where_it_is_asked_for(tmp_path: Path) -> None:
    folders = Folders(str(tmp_path / "shop"))
    with_baseline = [
        step.id for step in build_components(load_text(tmp_path, RANKER), folders, FINGERPRINTS, PARAMETERS)
    ]
    alone = load_text(tmp_path, RANKER + "evaluation: {compare_with_baseline: false}\n")
    without = [step.id for step in build_components(alone, folders, FINGERPRINTS, PARAMETERS)]
    assert with_baseline == [*without, "BaselineTrainer", "BaselineEvaluator"]
    assert (without[0], without[-1]) == ("InputFinder", "Pusher")


def test_a_pipeline_is_cached_and_written_below_the_run(tmp_path: Path) -> None:
    config, folders = load_text(tmp_path, RANKER), Folders(str(tmp_path / "shop"))
    components = build_components(config, folders, FINGERPRINTS, PARAMETERS)
    pipeline = build_pipeline(config, folders, components, metadata_file=folders.metadata)
    assert (pipeline.pipeline_info.pipeline_name, pipeline.enable_cache) == ("shop", True)
    assert pipeline.pipeline_info.pipeline_root == folders.artifacts
    assert pipeline.metadata_connection_config.sqlite.filename_uri == folders.metadata


def test_the_steps_that_a_cache_cannot_judge_are_in_the_graph(tmp_path: Path) -> None:
    components = build_components(load_text(tmp_path, RANKER), Folders(str(tmp_path)), FINGERPRINTS, PARAMETERS)
    assert {step.id for step in components} > FINDERS


def test_each_beam_step_has_its_arguments_in_a_compiled_graph_and_no_other_step_has_any(tmp_path: Path) -> None:
    config = load_text(tmp_path, GRAPH_MATCHER)
    components = build_components(config, Folders(str(tmp_path)), FINGERPRINTS, PARAMETERS)
    beam = BeamConfig.model_validate({"steps": {"Transform": {"runner": "FlinkRunner"}}})
    set_beam_arguments(components, beam)
    arguments = {
        step.id: step.executor_spec.beam_pipeline_args
        for step in components
        if isinstance(step.executor_spec, BeamExecutorSpec)
    }
    in_memory = ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1"]
    assert arguments == dict.fromkeys(BEAM_STEPS, in_memory) | {"Transform": ["--runner=FlinkRunner"]}
