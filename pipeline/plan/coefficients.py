"""Coefficients of the formulas by step, read from one file of this package or from one measured elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

QUANTITIES = ("seconds", "cpu_seconds", "peak_mb", "read_mb", "written_mb", "output_mb")
"""What is estimated of each step: wall and CPU time in seconds, the rest in MB of 2^20 bytes."""
FILE = "coefficients.json"
Formula = Mapping[str, float]
"""Coefficient of each term of `Workload.terms`."""


class CoefficientsError(Exception):
    """A file of coefficients that cannot be used; the message names it."""


@dataclass(frozen=True)
class Coefficients:
    """Formulas of every step, and where they come from.

    Attributes:
        command: command that made them.
        machine: machine that was measured, in words.
        commit: commit that was measured.
        steps: formula of each quantity, by step; training and evaluation have some for each model: `Trainer din`.
    """

    command: str
    machine: str
    commit: str
    steps: Mapping[str, Mapping[str, Formula]]

    def to_json(self) -> str:
        """Return the coefficients as the text of their file."""
        return json.dumps(asdict(self), indent=1) + "\n"


def load_coefficients(path: Path | None = None) -> Coefficients:
    """Read the coefficients.

    Args:
        path: file that `benchmarks/scale.py --fit` wrote; None for the package's own.

    Raises:
        CoefficientsError: if the file cannot be read or has another form.
    """
    source = path or resources.files(__package__).joinpath(FILE)
    try:
        document = json.loads(source.read_text(encoding="utf-8"))
        steps = {
            step: {quantity: _formula(formulas[quantity]) for quantity in QUANTITIES}
            for step, formulas in document["steps"].items()
        }
        command, machine, commit = (str(document[name]) for name in ("command", "machine", "commit"))
        return Coefficients(command, machine, commit, steps)
    except OSError as error:
        raise CoefficientsError(f"{source} cannot be read: {error.strerror or error}") from None
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        expected = "should hold what `python benchmarks/scale.py --fit` writes"
        raise CoefficientsError(f"{source} {expected}, received {type(error).__name__}: {error}") from None


def _formula(terms: Mapping[str, float]) -> Formula:
    return {str(name): float(value) for name, value in terms.items()}
