"""Servers of an exported ranker and of small described models, on real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import pytest
from tensorflow_transform.output_wrapper import TFTransformOutput

from interestflow.serving.description import Description
from interestflow.serving.export.ranker import export_ranker
from interestflow.serving.server.configuration import ServerOptions, one_model
from interestflow.serving.server.server import Server
from tests.serving import transformed
from tests.serving.client.described_models import DescribedMatcher, DescribedRanker, serve
from tests.serving.every_input import EveryInput

LENGTHS = {
    **dict.fromkeys(("history_item", "history_category", "history_age"), transformed.LENGTH),
    "tags": transformed.TAGS,
}


@pytest.fixture(scope="session")
def shop(transform_output: TFTransformOutput, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the model `shop`, which has version 1."""
    inputs = transformed.inputs(transform_output)
    keras.utils.set_random_seed(1)
    base = tmp_path_factory.mktemp("models") / "shop"
    description = Description(LENGTHS, (4, 8), 5, ("item", "user"))
    provenance = {"fingerprint": "abc"}
    folder = str(base / "1")
    export_ranker(EveryInput(inputs), transform_output, transformed.RAW_SPEC, inputs, folder, provenance, description)
    return base


@pytest.fixture(scope="session")
def port(shop: Path) -> Iterator[int]:
    """Return the port of a server of the model `shop`."""
    with Server(ServerOptions(one_model("shop", str(shop)), poll_seconds=0.1)) as server:
        yield server.port


@pytest.fixture(scope="session")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a server of `DescribedRanker`."""
    base = tmp_path_factory.mktemp("ranker")
    DescribedRanker().write(base)
    with serve(base) as address:
        yield address


@pytest.fixture(scope="session")
def matcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a server of `DescribedMatcher`."""
    base = tmp_path_factory.mktemp("matcher")
    DescribedMatcher().write(base)
    with serve(base) as address:
        yield address
