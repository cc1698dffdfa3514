"""Servers of an exported ranker and of small described models, on real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorflow_transform.output_wrapper import TFTransformOutput

from interestflow.serving.server.configuration import ServerOptions, one_model
from interestflow.serving.server.server import Server
from tests.serving.client.described_models import DescribedMatcher, DescribedRanker, serve
from tests.serving.every_input import shared_shop


@pytest.fixture(scope="session")
def shop(transform_output: TFTransformOutput, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the model `shop`, which has version 1."""
    return shared_shop(tmp_path_factory, transform_output)


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
