"""Requirements files as `uv pip compile --generate-hashes` writes them: pins, their markers and their hashes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

_PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==(?P<version>[^\s;]+)\s*(?:;\s*(?P<marker>.+))?")
_HASH = re.compile(r"\s--hash=sha256:([0-9a-f]{64})(?=\s|$)")


class RequirementsError(Exception):
    """A requirements file that pins less than it should; the message says what is wrong."""


@dataclass(frozen=True)
class Pin:
    """One pinned package.

    Attributes:
        name: name of the package.
        version: version, without operator.
        marker: environment in which the pin holds; empty where it always does.
        hashes: SHA-256 of each file of the package that may be installed, as hexadecimal text.
    """

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        """Return the pin as a requirements file has it."""
        lines = [f"{self.name}=={self.version}" + (f" ; {self.marker}" if self.marker else "")]
        lines += [f"    --hash=sha256:{value}" for value in self.hashes]
        return " \\\n".join(lines)

    def with_hashes(self, *hashes: str) -> Pin:
        """Return the pin with other hashes."""
        return replace(self, hashes=hashes)


def read_pins(path: Path) -> tuple[Pin, ...]:
    """Return the pins of a requirements file in its order. A package may have several, with different markers.

    Raises:
        RequirementsError: a line is not a pin with at least one hash.
    """
    text = path.read_text().replace("\\\n", " ")
    pins = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        requirement = _HASH.sub("", f"{line} ").strip()
        match = _PIN.fullmatch(requirement)
        hashes = tuple(_HASH.findall(line))
        if match is None or not hashes:
            raise RequirementsError(
                f"{path.name} should pin each package as NAME==VERSION with hashes, has {requirement!r}"
            )
        pins.append(Pin(match["name"].lower(), match["version"], match["marker"] or "", hashes))
    return tuple(pins)


def find_pin(pins: tuple[Pin, ...], name: str, path: Path) -> Pin:
    """Return the only pin of the package `name`.

    Raises:
        RequirementsError: there is none, or more than one.
    """
    matches = [pin for pin in pins if pin.name == name]
    if len(matches) != 1:
        raise RequirementsError(f"{path.name} should pin {name} once, pins it {len(matches)} times")
    return matches[0]


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
