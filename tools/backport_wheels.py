"""Repair the two wheels that pip refuses on a glibc older than 2.39, so that they install and run there.

The 1.21 wheels of ml-metadata and tensorflow-data-validation are tagged manylinux_2_39, but beyond glibc 2.34 and
GCC 11 they only need a handful of symbols, each with an older equivalent. This tool downloads the pinned wheels,
redirects those symbols in place (no byte of the file moves), and repacks the wheel under the tag that is then true.
An unknown symbol is refused by name: a wheel that would crash later is worse than one that does not install.

requirements.txt has the hashes of the published files. A download is compared with them before it is repaired, and the
tool writes a copy of requirements.txt beside the repaired wheels, in which the two packages have the hashes of those.
This copy is what `make setup` installs from, on every machine.

The tool runs on the standard library alone, before anything is installed.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import json
import platform
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from tools.hashed_requirements import Pin, RequirementsError, file_hash, find_pin, read_pins
from tools.shared_object import BackportError, backport_shared_object

PACKAGES = ("ml-metadata", "tensorflow-data-validation")
PUBLISHED_TAG = "manylinux_2_39"
BACKPORTED_TAG = "manylinux_2_34"
NEEDED_GLIBC = (2, 39)
SOURCES = "sources.json"
"""File beside the repaired wheels: for each, the hash of the published wheel and its own."""


def _record_hash(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _retagged(tags: str) -> str:
    """Return platform tags, joined by dots, with the published tag replaced and none repeated."""
    return ".".join(dict.fromkeys(tags.replace(PUBLISHED_TAG, BACKPORTED_TAG).split(".")))


def _retagged_metadata(content: bytes) -> bytes:
    """Return the content of a WHEEL file with the published tag replaced in its `Tag:` lines, and none repeated."""
    lines = []
    for line in content.decode().splitlines():
        if line.startswith("Tag:"):
            line = line.replace(PUBLISHED_TAG, BACKPORTED_TAG)
            if line in lines:
                continue
        lines.append(line)
    return ("\n".join(lines) + "\n").encode()


def backport_wheel(source: Path, folder: Path) -> Path:
    """Write a copy of the wheel `source` that runs on glibc 2.34 into `folder`, and return its path.

    Library files are edited, `WHEEL` gets the new tag and `RECORD` the new hashes; everything else is copied. The same
    wheel always gives the same bytes.

    Raises:
        BackportError: the file is not a complete wheel, it is not tagged manylinux_2_39, or it needs a symbol without
            an older equivalent. Nothing is left in `folder` then.
    """
    if PUBLISHED_TAG not in source.name:
        raise BackportError(f"{source.name} should be tagged {PUBLISHED_TAG}, and is not")
    front, _, tags = source.name.removesuffix(".whl").rpartition("-")
    target = folder / f"{front}-{_retagged(tags)}.whl"
    try:
        with zipfile.ZipFile(source) as wheel:
            entries = [(info, wheel.read(info)) for info in wheel.infolist()]
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise BackportError(f"{source.name} cannot be read as a wheel: {error}") from None
    record = next((info for info, _ in entries if re.fullmatch(r"[^/]+\.dist-info/RECORD", info.filename)), None)
    if record is None:
        raise BackportError(f"{source.name} has no RECORD, which every wheel has")
    metadata = f"{record.filename.removesuffix('RECORD')}WHEEL"
    unfinished = target.with_suffix(".unfinished")
    rows = []
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as wheel:
            for info, content in entries:
                if info is record:
                    continue
                if content[:4] == b"\x7fELF":
                    content = backport_shared_object(content, Path(info.filename).name)
                elif info.filename == metadata:
                    content = _retagged_metadata(content)
                wheel.writestr(info, content, zipfile.ZIP_DEFLATED)
                if not info.is_dir():
                    rows.append((info.filename, _record_hash(content), len(content)))
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows([*rows, (record.filename, "", "")])
            wheel.writestr(record, text.getvalue(), zipfile.ZIP_DEFLATED)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def system_needs_backport() -> bool:
    """Return whether this is Linux with an older glibc than the published wheels require."""
    library, version = platform.libc_ver()
    if sys.platform != "linux" or library != "glibc":
        return False
    return tuple(int(part) for part in version.split(".")[:2]) < NEEDED_GLIBC


def _download(pin: Pin, folder: Path) -> Path:
    """Download the published wheel of a package and return its path.

    Raises:
        BackportError: it cannot be had, or requirements.txt does not list its hash.
    """
    machine, requirement = platform.machine(), f"{pin.name}=={pin.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary=:all:", f"--platform={PUBLISHED_TAG}_{machine}", f"--dest={folder}",
               requirement]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BackportError(f"{requirement} could not be downloaded for {machine}: {reason}")
    wheel = next(folder.glob(f"{pin.name.replace('-', '_')}-{pin.version}-*.whl"))
    if (digest := file_hash(wheel)) not in pin.hashes:
        raise BackportError(
            f"{requirement}: the hash of {wheel.name} should be one of those in the requirements, is sha256:{digest}"
        )
    return wheel


def _read_sources(folder: Path) -> dict[str, dict[str, str]]:
    """Return what `SOURCES` holds; nothing where the file is missing or is not JSON, so that wheels are made again."""
    try:
        return dict(json.loads((folder / SOURCES).read_text()))
    except (OSError, ValueError):
        return {}


def repaired_hash(pin: Pin, folder: Path) -> str:
    """Return the hash of the repaired wheel of a package in `folder`, after making it where it is not there.

    A wheel that is there is used if its bytes are those once written, and if requirements.txt still lists the published
    wheel that it was made from.

    Raises:
        BackportError: the published wheel cannot be had, is another than requirements.txt lists, or cannot be repaired.
    """
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    pattern = f"{pin.name.replace('-', '_')}-{pin.version}-{python}-*{BACKPORTED_TAG}_{platform.machine()}*.whl"
    sources = _read_sources(folder)
    for wheel in folder.glob(pattern):
        source = sources.get(wheel.name, {})
        if source.get("published") in pin.hashes and source.get("repaired") == file_hash(wheel):
            return source["repaired"]
        wheel.unlink()
    with tempfile.TemporaryDirectory() as downloads:
        published = _download(pin, Path(downloads))
        wheel = backport_wheel(published, folder)
        sources[wheel.name] = {"published": file_hash(published), "repaired": file_hash(wheel)}
    (folder / SOURCES).write_text(json.dumps(sources, indent=2) + "\n")
    print(f"prepared {wheel.name} for glibc {platform.libc_ver()[1]}")
    return sources[wheel.name]["repaired"]


def write_requirements(source: Path, folder: Path) -> None:
    """Write the requirements that this machine installs into `folder`, and the wheels that have to be repaired.

    Raises:
        BackportError: a wheel cannot be had or repaired.
        RequirementsError: a package of `source` has no hash, or one that is to be repaired is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pins = read_pins(source)
    repaired = {}
    if system_needs_backport():
        repaired = {name: repaired_hash(find_pin(pins, name, source), folder) for name in PACKAGES}
    written = [pin.with_hashes(repaired[pin.name]) if pin.name in repaired else pin for pin in pins]
    (folder / source.name).write_text("".join(f"{pin}\n" for pin in written))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool from the command line and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--requirements", type=Path, default=Path("requirements.txt"))
    parser.add_argument(
        "--folder", type=Path, default=Path(".wheels"), help="Folder for the repaired wheels and their requirements."
    )
    options = parser.parse_args(arguments)
    try:
        write_requirements(options.requirements, options.folder)
    except (BackportError, RequirementsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
