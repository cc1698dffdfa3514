"""Settings of TensorFlow for the tests of models, most of whose time goes into graphs that run a few times."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def unoptimized_graphs() -> Iterator[None]:
    """Execute graphs as they are: optimizing them takes longer here than it saves, and changes no result."""
    import tensorflow as tf

    before = tf.config.optimizer.get_experimental_options()
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options(
        {"disable_meta_optimizer": before.get("disable_meta_optimizer", False)}
    )
