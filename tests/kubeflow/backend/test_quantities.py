"""Quantities of Kubernetes."""

from __future__ import annotations

import pytest

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.quantities import parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [("2", 2), ("0.5", 0.5), (".5", 0.5), ("500m", 0.5), ("8Gi", 2**33), ("8G", 8e9), ("1.5Mi", 1572864), ("2e3", 2000),
     ("1E", 1e18), ("1E2", 100)],
)  # fmt: skip
def test_a_quantity_is_a_number(text: str, number: float) -> None:
    assert float(parse_quantity("`memory`", text)) == number


@pytest.mark.parametrize("text", ["", "8GB", "8 Gi", "Gi", "1,5", "{{$.inputs.parameters['memory']}}"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="`memory` should be a quantity of Kubernetes such as 500m or 8Gi, but is"):
        parse_quantity("`memory`", text)
