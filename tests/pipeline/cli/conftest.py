"""A served model for the tests of `interestflow query`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving.client.described_models import DescribedRanker, serve


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a server of the described ranker."""
    base = tmp_path_factory.mktemp("ranker")
    DescribedRanker().write(base)
    with serve(base) as address:
        yield address
