"""Repair the two wheels that pip refuses on a glibc older than 2.39, so that they install and run there.

The 1.21 wheels of ml-metadata and tensorflow-data-validation are tagged manylinux_2_39, but beyond glibc 2.34 and
GCC 11 they only need a handful of symbols, each with an older equivalent. This tool downloads the pinned wheels,
redirects those symbols in place (no byte of the file moves), and repacks the wheel under the tag that is then true.
An unknown symbol is refused by name: a wheel that would crash later is worse than one that does not install.

The tool runs on the standard library alone, before anything is installed.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import platform
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from tools.shared_object import BackportError, backport_shared_object

PACKAGES = ("ml-metadata", "tensorflow-data-validation")
PUBLISHED_TAG = "manylinux_2_39"
BACKPORTED_TAG = "manylinux_2_34"
NEEDED_GLIBC = (2, 39)


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


def pinned_version(package: str, requirements: str) -> str:
    """Return the version to which the text of a requirements file pins `package`."""
    match = re.search(rf"^{re.escape(package)}==([^\s;]+)", requirements, re.MULTILINE)
    if match is None:
        raise BackportError(f"requirements.txt should pin {package}==VERSION, and does not name it")
    return match.group(1)


def system_needs_backport() -> bool:
    """Return whether this is Linux with an older glibc than the published wheels require."""
    library, version = platform.libc_ver()
    if sys.platform != "linux" or library != "glibc":
        return False
    return tuple(int(part) for part in version.split(".")[:2]) < NEEDED_GLIBC


def _download(package: str, version: str, folder: Path) -> Path:
    machine = platform.machine()
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary=:all:", f"--platform={PUBLISHED_TAG}_{machine}", f"--dest={folder}",
               f"{package}=={version}"]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BackportError(f"{package}=={version} could not be downloaded for {machine}: {reason}")
    return next(folder.glob(f"{package.replace('-', '_')}-{version}-*.whl"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool from the command line and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--requirements", type=Path, default=Path("requirements.txt"))
    parser.add_argument("--folder", type=Path, default=Path(".wheels"), help="Folder for the repaired wheels.")
    options = parser.parse_args(arguments)
    try:
        # The folder exists on every system, because the installer is given its path.
        options.folder.mkdir(parents=True, exist_ok=True)
        if not system_needs_backport():
            return 0
        requirements = options.requirements.read_text()
        for package in PACKAGES:
            version = pinned_version(package, requirements)
            python = f"cp{sys.version_info.major}{sys.version_info.minor}"
            pattern = f"{package.replace('-', '_')}-{version}-{python}-*{BACKPORTED_TAG}_{platform.machine()}*.whl"
            if any(options.folder.glob(pattern)):
                continue
            with tempfile.TemporaryDirectory() as downloads:
                wheel = backport_wheel(_download(package, version, Path(downloads)), options.folder)
            print(f"prepared {wheel.name} for glibc {platform.libc_ver()[1]}")
    except (BackportError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
