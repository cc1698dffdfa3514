"""Ingested logs that the tests of the leak check share; a test that changes examples copies them first."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from tests.transforms.leakage.ingested_log import VARIANTS, IngestedLog, configuration, write_log


@pytest.fixture(scope="session")
def ingest_variant(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], IngestedLog]:
    """Return a function that ingests the log by the configuration of a variant, once for all tests."""

    @functools.cache
    def ingest(variant: str) -> IngestedLog:
        folder = tmp_path_factory.mktemp(variant)
        write_log(folder)
        return IngestedLog(folder, configuration(folder, **VARIANTS[variant]))

    return ingest


@pytest.fixture(params=list(VARIANTS))
def ingested(request: pytest.FixtureRequest, ingest_variant: Callable[[str], IngestedLog]) -> IngestedLog:
    """Return the log ingested by each variant in turn."""
    return ingest_variant(request.param)


@pytest.fixture
def plain(ingest_variant: Callable[[str], IngestedLog]) -> IngestedLog:
    """Return the log ingested without anything special."""
    return ingest_variant("plain")


@pytest.fixture
def sampled(ingest_variant: Callable[[str], IngestedLog]) -> IngestedLog:
    """Return the log ingested with sampled negatives."""
    return ingest_variant("sampled")
