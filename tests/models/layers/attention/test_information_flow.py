"""INFNet's block: which token groups it changes, how it treats padded steps, and version 1 computed by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from interestflow.models.layers.attention.information_flow import GROUPS, InformationFlow

COUNTS = {"fields": 3, "steps": None, "tasks": 2}
MASK = np.array([[True, True, False, False], [True, False, False, False]])


def groups() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return random tokens and proxies of two rows."""
    random = np.random.default_rng(1)
    sizes = {"fields": 3, "steps": 4, "tasks": 2}
    tokens = {group: random.normal(size=(2, size, 4)).astype(np.float32) for group, size in sizes.items()}
    return tokens, {group: random.normal(size=(2, 2, 4)).astype(np.float32) for group in GROUPS}


@pytest.mark.parametrize("variant", ["v1", "v2"])
def test_a_padded_step_changes_no_other_token(variant: str) -> None:
    flow, (tokens, proxies) = InformationFlow(4, 8, variant, COUNTS), groups()
    expected, expected_proxies = flow(tokens, proxies, MASK)
    steps = np.where(MASK[:, :, None], tokens["steps"], 100.0).astype(np.float32)
    result, result_proxies = flow(tokens | {"steps": steps}, proxies, MASK)
    for group in GROUPS:
        valid = MASK if group == "steps" else np.ones(tokens[group].shape[:2], bool)
        np.testing.assert_allclose(np.asarray(result[group])[valid], np.asarray(expected[group])[valid], atol=1e-5)
        np.testing.assert_allclose(result_proxies[group], expected_proxies[group], atol=1e-5)


def test_the_last_block_updates_the_tasks_alone() -> None:
    flow, (tokens, proxies) = InformationFlow(4, 8, "v1", COUNTS, ("tasks",)), groups()
    result, result_proxies = flow(tokens, proxies, MASK)
    for group in ("fields", "steps"):
        np.testing.assert_array_equal(result[group], tokens[group])
    assert np.abs(np.asarray(result["tasks"]) - tokens["tasks"]).max() > 0.01
    assert set(result_proxies) == {"tasks"}


def test_a_proxy_adds_what_it_attends_to_and_is_normalized() -> None:
    flow, (tokens, proxies) = InformationFlow(4, 8, "v1", COUNTS), groups()
    _, result = flow(tokens, proxies, MASK)
    attended = [flow.flows["fields"][source](proxies["fields"], tokens[source], mask=mask)
            for source, mask in (("steps", MASK), ("tasks", None))]  # fmt: skip
    expected = proxies["fields"] + np.asarray(attended[0]) + np.asarray(attended[1])
    centered = expected - expected.mean(-1, keepdims=True)
    normalized = centered / np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(result["fields"], normalized, rtol=1e-4, atol=1e-5)


def test_it_is_rebuilt_from_its_configuration() -> None:
    flow = InformationFlow(4, 8, "v2", COUNTS, ("tasks",), name="flow")
    assert InformationFlow.from_config(flow.get_config()).get_config() == flow.get_config()


def test_a_deserialized_block_has_its_weights() -> None:
    """Keras builds it by the shapes that the first was called with."""
    flow, (tokens, proxies) = InformationFlow(4, 8, "v2", COUNTS), groups()
    expected, _ = flow(tokens, proxies, MASK)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(flow))
    copy.set_weights(flow.get_weights())
    result, _ = copy(tokens, proxies, MASK)
    for group in GROUPS:
        np.testing.assert_allclose(result[group], expected[group], rtol=1e-5, atol=1e-6)
