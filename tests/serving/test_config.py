"""The configuration section `serving`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from interestflow.serving.config import ServingGateConfig


@pytest.mark.parametrize("sizes", [(50, 10), (10, 10)])
def test_candidate_sizes_rise(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match=f"should rise, received {sizes[0]}, {sizes[1]}"):
        ServingGateConfig(candidate_sizes=sizes)


def test_an_export_depends_on_shapes_and_the_type_of_tables_alone() -> None:
    exported = {"candidate_sizes": (2, 4), "max_rows": 3, "table_dtype": "int8"}
    config = ServingGateConfig(**exported, tolerance=0.5, max_p99_ms=1.0, address="host:1")
    assert config.for_export() == ServingGateConfig(**exported)
