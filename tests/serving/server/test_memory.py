"""Unloaded versions release their memory and their file descriptors."""

from __future__ import annotations

import gc
import os
import resource
from pathlib import Path
from typing import Any

import tensorflow as tf

from interestflow.serving.server.configuration import one_model
from interestflow.serving.server.model_state import MAX_ENDED
from tests.serving.conformance.replay.recordings import MODELS
from tests.serving.server.checks import eventually
from tests.serving.server.small_models import Server, Stubs, options

RANKER = MODELS / "ranker" / "1"
MEGABYTE = 2**20
WEIGHT_MEGABYTES = 32
SWAPS = 20


class Weighty(tf.Module):
    """`y = x + weights[0]`, with `WEIGHT_MEGABYTES` of weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(tf.zeros([WEIGHT_MEGABYTES * MEGABYTE // 4]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def add(self, x: Any) -> dict[str, Any]:
        return {"y": x + self.weights[0]}


def count_graphs() -> int:
    return sum(isinstance(item, tf.Graph) for item in gc.get_objects())


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MEGABYTE


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_graphs_of_versions_that_left_are_gone(tmp_path: Path) -> None:
    base = tmp_path / "ranker"
    base.mkdir()
    with Server(options(base, models=one_model("ranker", str(base)), poll_seconds=0)) as server:
        before = count_graphs()
        for version in range(1, 9):
            (base / str(version)).symlink_to(RANKER)
            server.manager.poll()
            assert server.manager.available() == {"ranker": [version]}
        assert count_graphs() <= before + 2


def test_twenty_versions_take_the_memory_of_two(tmp_path: Path) -> None:
    module = Weighty()
    tf.saved_model.save(module, str(tmp_path / "weighty"), signatures={"serving_default": module.add})
    base = tmp_path / "scaled"
    base.mkdir()

    def push(version: int) -> None:
        (base / str(version)).symlink_to(tmp_path / "weighty")

    push(1)
    memory: list[float] = []
    with Server(options(base)) as server, Stubs(server.port) as stubs:
        for version in range(2, SWAPS + 2):
            push(version)
            assert eventually(lambda version=version: server.manager.available() == {"scaled": [version]})
            assert stubs.scaled([1.0]) == [1.0]
            memory.append(resident_megabytes())
            if version == 4:
                descriptors_before = descriptors()
        assert descriptors() <= descriptors_before + 2
        assert [status.servable for status in server.manager.statuses("scaled")[1:]] == [None] * MAX_ENDED
    # A leak of one copy of the weights for each version would be 544 MB.
    assert memory[-1] - memory[2] < 3 * WEIGHT_MEGABYTES, memory
