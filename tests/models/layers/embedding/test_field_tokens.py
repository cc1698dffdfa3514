"""Tokens of fields and behaviours: one per id, category and number, all of one width."""

from __future__ import annotations

import numpy as np

from interestflow.models.layers.embedding.field_tokens import FieldTokens
from tests.models.support.random_features import PLAIN, RICH, make_features

FEATURES = make_features(RICH, 9)


def test_every_field_has_a_token() -> None:
    """The user, groups, device and hour; the item, category, tags and price."""
    tokens = FieldTokens(RICH, 4)
    user, item = tokens.user(FEATURES), tokens.item(FEATURES)
    assert (len(user), len(item), tokens.field_count) == (4, 4, 8)
    assert all(tuple(token.shape) == (9, 4) for token in (*user, *item))
    plain = FieldTokens(PLAIN, 4)
    assert plain.user(make_features(PLAIN, 9)) == []
    assert plain.field_count == 1


def test_a_number_is_a_linear_map() -> None:
    tokens = FieldTokens(RICH, 4)
    hour = tokens.user(FEATURES)[-1]
    dense = tokens.numbers["hour"]
    expected = FEATURES["hour"][:, None] * dense.kernel.numpy() + dense.bias.numpy()
    np.testing.assert_allclose(hour, expected, rtol=1e-5, atol=1e-6)


def test_a_behaviour_is_one_token_that_its_age_changes_if_asked_for() -> None:
    older = FEATURES | {"history_age": FEATURES["history_age"] % 8 + 1}
    for history_age in (False, True):
        tokens = FieldTokens(RICH, 4, history_age=history_age)
        steps, mask = tokens.history(FEATURES)
        assert tuple(steps.shape) == (9, 6, 4)
        np.testing.assert_array_equal(mask, FEATURES["history_item"] != 0)
        assert np.array_equal(tokens.history(older)[0], steps) is not history_age


def test_it_is_rebuilt_from_its_configuration() -> None:
    tokens = FieldTokens(RICH, 4, l2=0.1, history_age=True, name="tokens")
    assert FieldTokens.from_config(tokens.get_config()).get_config() == tokens.get_config()
