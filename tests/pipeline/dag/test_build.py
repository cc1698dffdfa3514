"""A graph has its steps in order, with a baseline where one is asked for."""

from __future__ import annotations

from pathlib import Path

from interestflow.pipeline.dag.build import build_components, build_pipeline, uncached_steps
from interestflow.pipeline.dag.fingerprints import UNSEEN, Fingerprints
from interestflow.pipeline.folders import Folders
from tests.pipeline.dag.small_configs import FINGERPRINTS, RANKER, load_text


def test_the_baseline_comes_last_and_only_where_it_is_asked_for(tmp_path: Path) -> None:
    folders = Folders(str(tmp_path / "shop"))
    with_baseline = [step.id for step in build_components(load_text(tmp_path, RANKER), folders, FINGERPRINTS)]
    alone = load_text(tmp_path, RANKER + "evaluation: {compare_with_baseline: false}\n")
    without = [step.id for step in build_components(alone, folders, FINGERPRINTS)]
    assert with_baseline == [*without, "BaselineTrainer", "BaselineEvaluator"]
    assert (without[0], without[-1]) == ("LogExampleGen", "Pusher")


def test_a_pipeline_is_cached_and_written_below_the_run(tmp_path: Path) -> None:
    config, folders = load_text(tmp_path, RANKER), Folders(str(tmp_path / "shop"))
    components = build_components(config, folders, FINGERPRINTS)
    pipeline = build_pipeline(config, folders, components, metadata_file=folders.metadata)
    assert (pipeline.pipeline_info.pipeline_name, pipeline.enable_cache) == ("shop", True)
    assert pipeline.pipeline_info.pipeline_root == folders.artifacts
    assert pipeline.metadata_connection_config.sqlite.filename_uri == folders.metadata


def test_what_a_cache_cannot_see_is_run_every_time() -> None:
    assert uncached_steps(FINGERPRINTS) == {"ChampionFinder"}
    unseen = Fingerprints(UNSEEN, "ingestion", "training", "evaluation")
    assert uncached_steps(unseen) == {"ChampionFinder", "LogExampleGen", "KnowledgeGraphGen"}
