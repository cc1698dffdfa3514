"""Quantities of Kubernetes, such as `8Gi` and `500m`."""

from __future__ import annotations

import re
from decimal import Decimal

from interestflow.kubeflow.backend.errors import RefusedError

_UNITS = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9),
    "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30),
    "Ti": Decimal(2**40), "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
_QUANTITY = re.compile(r"^(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?P<unit>[eE][+-]?\d+|[A-Za-z]{0,2})$")


def parse_quantity(name: str, text: str) -> Decimal:
    """Return the number that a quantity means.

    Args:
        name: whose quantity it is, for the message.
        text: a number with a unit of Kubernetes or with an exponent.

    Raises:
        RefusedError: the text is no quantity.
    """
    match = _QUANTITY.match(text)
    if match is not None:
        number, unit = Decimal(match["number"]), match["unit"]
        if unit in _UNITS:
            return number * _UNITS[unit]
        if unit[:1] in ("e", "E") and len(unit) > 1:
            return number * Decimal(10) ** int(unit[1:])
    raise RefusedError(f"{name} should be a quantity of Kubernetes such as 500m or 8Gi, but is {text!r}")
