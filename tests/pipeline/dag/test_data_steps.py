"""The steps before training, their wiring, and how a matcher or a knowledge graph changes them."""

from __future__ import annotations

from pathlib import Path

from tfx.types.channel_utils import get_dependent_channels

from tests.pipeline.dag.small_configs import GRAPH_MATCHER, RANKER, data_steps, load_text

ORDER = [
    "InputFinder", "LogExampleGen", "LeakCheck", "StatisticsGen", "SchemaGen", "ExpectedSchema", "ExampleValidator",
    "DataGate", "Transform",
]  # fmt: skip


def test_the_steps_of_a_ranker_and_the_checks_that_transform_waits_for(tmp_path: Path) -> None:
    data = data_steps(load_text(tmp_path, RANKER))
    assert [step.id for step in data.components] == ORDER
    steps = {step.id: step for step in data.components}
    assert {"LeakCheck", "DataGate"} <= {step.id for step in steps["Transform"].upstream_nodes}
    assert data.knowledge_graph is None
    assert data.schema.producer_component_id == "ExpectedSchema"
    assert data.examples.producer_component_id == "LogExampleGen"
    assert {data.transformed_examples.output_key, data.transform_graph.output_key} == {
        "transformed_examples", "transform_graph",
    }  # fmt: skip
    assert steps["LogExampleGen"].exec_properties["with_items"] == 0
    assert steps["StatisticsGen"].exec_properties["exclude_splits"] == ""
    transform = steps["Transform"].exec_properties
    assert (transform["with_items"], transform["learn_items"]) == (0, 0)


def test_a_matcher_that_learns_from_a_graph_has_the_items_and_the_graph(tmp_path: Path) -> None:
    data = data_steps(load_text(tmp_path, GRAPH_MATCHER))
    assert [step.id for step in data.components] == [*ORDER, "KnowledgeGraphGen"]
    steps = {step.id: step for step in data.components}
    assert data.knowledge_graph is steps["KnowledgeGraphGen"].outputs["graph"]
    assert steps["LogExampleGen"].exec_properties["with_items"] == 1
    assert steps["StatisticsGen"].exec_properties["exclude_splits"] == "items"
    assert steps["StatisticsGen"].exec_properties["max_examples"] == 1_000_000
    transform = steps["Transform"].exec_properties
    assert (transform["with_items"], transform["learn_items"]) == (1, 1)


def test_every_step_is_given_the_fingerprints_that_it_depends_on(tmp_path: Path) -> None:
    steps = {step.id: step for step in data_steps(load_text(tmp_path, GRAPH_MATCHER)).components}
    for name in ("LogExampleGen", "KnowledgeGraphGen"):
        properties = steps[name].exec_properties
        assert (properties["span"], properties["code_fingerprint"]) == ("2026-11-30", "ingestion")
        (channel,) = get_dependent_channels(properties["input_fingerprint"])
        assert (channel.producer_component_id, channel.output_key) == ("InputFinder", "fingerprint")
    finder = steps["InputFinder"].exec_properties
    assert (finder["span"], finder["scheduled_time"], finder["state"]) == ("2026-11-30", "noon", "inputs")
    assert steps["LeakCheck"].exec_properties["span"] == "2026-11-30"
    assert steps["Transform"].exec_properties["code_fingerprint"] == "ingestion"
