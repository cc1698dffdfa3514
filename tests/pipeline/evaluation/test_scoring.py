"""Scored blocks of test examples, as they are handed to TFMA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow_model_analysis as tfma

import tests.pipeline.support.exported_rankers as small
from interestflow.pipeline.evaluation import scoring
from interestflow.pipeline.evaluation.exported_model import examples_in
from interestflow.pipeline.evaluation.result import EvaluationError
from interestflow.pipeline.evaluation.scoring import BatchScorer, SliceBlocks
from interestflow.pipeline.evaluation.slices import slices_of
from interestflow.pipeline.metrics.scored_examples import user_ids

ROWS = small.make_rows(50)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("examples") / "data.gz"
    small.write_file(ROWS, path)
    return str(path)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> BatchScorer:
    model = small.export_model(tmp_path_factory.mktemp("model") / "ranker")
    return BatchScorer(str(model), small.TASKS, ("like",), slices_of(small.config()), true_probability=True)


def test_scores_stand_beside_labels_masks_and_users(scorer: BatchScorer, file: str) -> None:
    (batch,) = examples_in([file]).batch(50)
    block = scorer.score(batch)
    for task, probabilities in small.probabilities(ROWS).items():
        np.testing.assert_allclose(block[f"probability_{task}"], probabilities, rtol=1e-6)
        assert block[f"label_{task}"].tolist() == [row[f"label_{task}"] for row in ROWS]
    assert block["mask_click"].tolist() == [1.0] * 50
    assert block["mask_like"].tolist() == [row["mask_like"] for row in ROWS]
    assert block["user"].tolist() == user_ids([row["user"] for row in ROWS]).tolist()
    assert block["true_probability"] == pytest.approx([row["true_probability"] for row in ROWS])


def test_blocks_of_several_batches_are_the_examples_in_order(
    scorer: BatchScorer, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (full_block,) = scorer.blocks(file)
    monkeypatch.setattr(scoring, "BATCH", 8)
    monkeypatch.setattr(scoring, "BLOCK", 24)
    blocks = list(scorer.blocks(file))
    assert [len(block["user"]) for block in blocks] == [24, 24, 2]
    np.testing.assert_array_equal(np.concatenate([block["user"] for block in blocks]), full_block["user"])
    first = full_block["rows_tags"] < 24
    np.testing.assert_array_equal(blocks[0]["rows_tags"], full_block["rows_tags"][first])
    np.testing.assert_array_equal(blocks[0]["values_tags"], full_block["values_tags"][first])


def test_extracts_are_of_the_whole_block_and_of_each_part(scorer: BatchScorer, file: str) -> None:
    (block,) = scorer.blocks(file)
    full_block, *parts = SliceBlocks(scorer).process(block)
    assert len(full_block[tfma.LABELS_KEY]["click"]) == 50
    phones = [row for row in ROWS if row["device"] == "phone"]
    (extract,) = [part for part in parts if "phone" in str(part[tfma.SLICE_KEY_TYPES_KEY])]
    assert extract[tfma.LABELS_KEY]["click"].tolist() == [row["label_click"] for row in phones]
    assert extract[tfma.EXAMPLE_WEIGHTS_KEY]["like"].tolist() == [row["mask_like"] for row in phones]
    assert len(extract[tfma.FEATURES_KEY]["user"]) == len(phones)


def test_a_split_without_examples_is_refused(scorer: BatchScorer, tmp_path: Path) -> None:
    small.write_file([], tmp_path / "empty.gz")
    with pytest.raises(EvaluationError, match="the test split has no examples"):
        scorer.check([str(tmp_path / "empty.gz")])
