"""Scored examples, collected from extracts of one example or of a block of them."""

from __future__ import annotations

import numpy as np
import tensorflow_model_analysis as tfma

from interestflow.pipeline.metrics.scored_examples import ScoredExamples, ScoredExamplesCombiner, user_ids

COUNT = 300
RANDOM = np.random.default_rng(11)
USERS = RANDOM.integers(0, 40, COUNT)
LABELS = (RANDOM.random(COUNT) < 0.5).astype(np.float32)
WEIGHTS = (RANDOM.random(COUNT) < 0.7).astype(np.float32)
SCORES = np.round(RANDOM.random(COUNT), 2).astype(np.float32)


def test_a_block_is_the_examples_one_by_one() -> None:
    key = tfma.metrics.MetricKey("any")
    combiner = ScoredExamplesCombiner(key, "user", "")

    def gathered(blocks: list[slice]) -> ScoredExamples:
        halves = []
        for part in (blocks[: len(blocks) // 2], blocks[len(blocks) // 2 :]):
            accumulator = combiner.create_accumulator()
            for rows in part:
                inputs = tfma.metrics.StandardMetricInputs(
                    labels=LABELS[rows], predictions=SCORES[rows], example_weights=WEIGHTS[rows],
                    features={"user": user_ids([f"u{user}" for user in USERS[rows]])},
                )  # fmt: skip
                accumulator = combiner.add_input(accumulator, inputs)
            halves.append(combiner.compact(accumulator))
        return combiner.extract_output(combiner.merge_accumulators(halves))[key]

    alone, block = gathered([slice(row, row + 1) for row in range(COUNT)]), gathered([slice(0, COUNT)])
    for name in ("labels", "probabilities", "users"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(block, name))
    assert alone.unlabelled == block.unlabelled == (WEIGHTS == 0).sum() > 0


def test_users_are_told_apart_by_a_fingerprint_that_is_always_the_same() -> None:
    ids = user_ids([b"u1", b"u2", b"u1"])
    assert ids.dtype == np.int64
    assert ids[0] == ids[2] != ids[1]
    np.testing.assert_array_equal(user_ids(["u1", "u2", "u1"]), ids)


def test_users_may_be_text_and_true_probabilities_may_be_missing() -> None:
    key = tfma.metrics.MetricKey("any")
    inputs = tfma.metrics.StandardMetricInputs(
        labels=LABELS[:2], predictions=SCORES[:2], features={"user": np.array([b"u1", b"u2"])}
    )
    combiner = ScoredExamplesCombiner(key, "user", "")
    scored = combiner.extract_output(combiner.add_input(combiner.create_accumulator(), inputs))[key]
    np.testing.assert_array_equal(scored.users, user_ids([b"u1", b"u2"]))
    assert np.isnan(scored.true_probabilities).all()
    assert scored.unlabelled == 0  # without weights every example has a label


def test_no_parts_are_no_examples() -> None:
    scored = ScoredExamples.concatenate([])
    assert [len(values) for values in (scored.labels, scored.probabilities, scored.users)] == [0, 0, 0]
