"""Statistics of ingested examples, and how many of them were described."""

from __future__ import annotations

import json
from pathlib import Path

from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.types import artifact_utils, standard_artifacts

from interestflow.pipeline.components.sampled_statistics import SampledStatistics
from interestflow.transforms.ingestion.counts import IngestionCounts
from tests.pipeline.components.conftest import Ingested
from tests.pipeline.components.step_execution import execute, make_artifact


def test_all_examples_of_a_small_split_are_described(ingested: Ingested, tmp_path: Path) -> None:
    statistics = make_artifact(tmp_path / "statistics", standard_artifacts.ExampleStatistics)
    execute(
        SampledStatistics, {"examples": ingested.examples}, {"statistics": statistics},
        max_examples=1000, exclude_splits="test",
    )  # fmt: skip
    assert artifact_utils.decode_split_names(statistics.split_names) == ["train", "validation"]
    counts = IngestionCounts.model_validate_json(Path(ingested.report.uri, "counts.json").read_text())
    sizes = json.loads((tmp_path / "statistics" / "sample.json").read_text())
    assert list(sizes) == ["train", "validation"]
    for split, size in sizes.items():
        assert size == {"examples": counts.examples[split], "sampled": counts.examples[split]}
        content = (tmp_path / "statistics" / f"Split-{split}" / "FeatureStats.pb").read_bytes()
        (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(content).datasets
        assert dataset.num_examples == counts.examples[split]
