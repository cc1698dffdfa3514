"""The rankers' feature encoder: which embeddings it sums, which it concatenates, and from which tensors."""

from __future__ import annotations

import numpy as np

from interestflow.models.layers.embedding.feature_encoder import FeatureEncoder
from tests.models.support.random_features import PLAIN, RICH, make_features

FEATURES = make_features(RICH, 9)


def test_a_behaviour_is_its_item_and_a_projection_of_its_context() -> None:
    encoder = FeatureEncoder(RICH, 4, history_age=True)
    items, mask = (np.asarray(value) for value in encoder.history_items(FEATURES))
    behaviours, same_mask = encoder.history(FEATURES)
    context = np.asarray(encoder.context.history(FEATURES))
    expected = items + context @ encoder.behaviour.kernel.numpy()
    np.testing.assert_allclose(np.asarray(behaviours)[mask], expected[mask], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(mask, FEATURES["history_item"] != 0)
    np.testing.assert_array_equal(same_mask, mask)


def test_the_mean_is_of_the_behaviours() -> None:
    encoder = FeatureEncoder(RICH, 4, history_age=True)
    behaviours, mask = (np.asarray(value) for value in encoder.history(FEATURES))
    count = np.maximum(mask.sum(1, keepdims=True), 1)
    expected = np.where(mask[:, :, None], behaviours, 0.0).sum(1) / count
    np.testing.assert_allclose(encoder.history_mean(FEATURES), expected, rtol=1e-5, atol=1e-6)


def test_the_others_of_the_user_come_before_those_of_the_candidate() -> None:
    encoder, part = FeatureEncoder(RICH, 4), np.ones((9, 3), np.float32)
    user = encoder.user(FEATURES)
    joined = encoder.join([part, 2 * part], user, FEATURES)
    expected = [part, 2 * part, user["others"], encoder.context.candidate(FEATURES)]
    np.testing.assert_array_equal(joined, np.concatenate(expected, axis=1))


def test_without_other_features_only_the_parts_are_joined() -> None:
    encoder, features, part = FeatureEncoder(PLAIN, 4), make_features(PLAIN, 9), np.ones((9, 3), np.float32)
    assert encoder.user(features) == {}
    np.testing.assert_array_equal(encoder.join([part], {}, features), part)
    items, mask = (np.asarray(value) for value in encoder.history_items(features))
    np.testing.assert_array_equal(np.asarray(encoder.history(features)[0])[mask], items[mask])


def test_target_and_history_share_the_tables() -> None:
    encoder = FeatureEncoder(PLAIN, 4)
    ids = np.arange(1, 7)
    behaviours, _ = encoder.history({"history_item": ids[None]})
    np.testing.assert_array_equal(encoder.target({"item": ids}), np.asarray(behaviours)[0])


def test_it_is_rebuilt_from_its_configuration() -> None:
    encoder = FeatureEncoder(RICH, 4, l2=0.1, history_age=True, name="encoder")
    rebuilt = FeatureEncoder.from_config(encoder.get_config())
    assert rebuilt.get_config() == encoder.get_config()
    assert [weight.shape for weight in rebuilt.weights] == [weight.shape for weight in encoder.weights]
