"""Prepares the two wheels that pip refuses on a glibc older than 2.39, so that they install and run there.

The 1.21 wheels of ml-metadata and tensorflow-data-validation are tagged manylinux_2_39, but all that they need
beyond glibc 2.34 and GCC 12 is a handful of symbols, each with an older equal. This tool downloads the pinned
wheels, points those symbols at their equals in place (no byte of the file moves), and repacks the wheel under the
tag that then is true. A symbol that it does not know is refused by name: a wheel that would crash later is worse
than one that does not install.

Runs on the standard library alone, before anything is installed.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import platform
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("ml-metadata", "tensorflow-data-validation")
PUBLISHED_TAG = "manylinux_2_39"
BACKPORTED_TAG = "manylinux_2_34"
NEEDED_GLIBC = (2, 39)

# The newest versions that glibc 2.34 and GCC 12 (its libstdc++) provide.
NEWEST_PROVIDED = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 30), "CXXABI": (1, 3, 13)}

# C23's strto* differ from the older functions only in accepting "0b" prefixes.
ISOC23_PREFIX = "__isoc23_"
ISOC23_SYMBOLS = {ISOC23_PREFIX + name for name in ("strtol", "strtoul", "strtoll", "strtoull")}
# Marks that iostreams are initialised by the library; only referenced, never called.
IOSTREAM_MARKER = "_ZSt21ios_base_library_initv"
# Called where an exception leaves a noexcept function; like abort, it never returns.
CALL_TERMINATE = "__cxa_call_terminate"

STRTAB, VERNEED, VERSYM, DYNSYM = 3, 0x6FFFFFFE, 0x6FFFFFFF, 11
STB_WEAK = 2
SHN_UNDEF = 0
VERSYM_HIDDEN = 0x8000


class BackportError(Exception):
    """A wheel that this tool cannot make run on an older glibc, with the reason."""


@dataclass(frozen=True)
class Section:
    type: int
    offset: int
    size: int
    link: int


@dataclass(frozen=True)
class VersionNeed:
    """One entry of .gnu.version_r: `library` must provide `version`; symbols refer to it by `index`."""

    library: str
    version: str
    index: int
    offset: int
    name_offset: int
    hash: int

    @property
    def is_provided(self) -> bool:
        family, _, number = self.version.partition("_")
        newest = NEWEST_PROVIDED.get(family)
        if newest is None or not re.fullmatch(r"[0-9.]+", number):
            return True
        return tuple(int(part) for part in number.split(".")) <= newest


class SharedObject:
    """The dynamic symbols and version needs of a 64-bit little-endian ELF file, editable in place."""

    def __init__(self, content: bytes, name: str) -> None:
        self.name = name
        self.content = bytearray(content)
        if self.content[:6] != b"\x7fELF\x02\x01":
            raise BackportError(f"{name} should be a 64-bit little-endian ELF file, and is not")
        self.sections = list(self._read_sections())
        self.symbols = self._section(DYNSYM)
        self.versions = self._section(VERSYM)
        self.strings = self.sections[self.symbols.link]

    def _read_sections(self) -> Iterator[Section]:
        table, entry_size, count = (
            struct.unpack_from("<Q", self.content, 0x28)[0],
            *struct.unpack_from("<HH", self.content, 0x3A),
        )
        for number in range(count):
            _, kind, _, _, offset, size, link = struct.unpack_from("<IIQQQQI", self.content, table + number * entry_size)
            yield Section(kind, offset, size, link)

    def _section(self, kind: int) -> Section:
        for section in self.sections:
            if section.type == kind:
                return section
        raise BackportError(f"{self.name} has no section of type {kind:#x}, which every versioned library has")

    def string(self, offset: int) -> str:
        start = self.strings.offset + offset
        return self.content[start : self.content.index(b"\0", start)].decode()

    def version_needs(self) -> list[VersionNeed]:
        section = self._section(VERNEED)
        needs, position = [], section.offset
        while True:
            _, count, file, auxiliary, following = struct.unpack_from("<HHIII", self.content, position)
            entry = position + auxiliary
            for _ in range(count):
                digest, _, index, name, next_entry = struct.unpack_from("<IHHII", self.content, entry)
                needs.append(VersionNeed(self.string(file), self.string(name), index, entry, name, digest))
                entry += next_entry
            if following == 0:
                return needs
            position += following

    def undefined_symbols(self) -> Iterator[tuple[int, str, int]]:
        """Yields (number in .dynsym, name, version index) of each symbol that another library must provide."""
        for number in range(self.symbols.size // 24):
            name, _, _, section = struct.unpack_from("<IBBH", self.content, self.symbols.offset + number * 24)
            if section == SHN_UNDEF and name:
                version = struct.unpack_from("<H", self.content, self.versions.offset + number * 2)[0]
                yield number, self.string(name), version & ~VERSYM_HIDDEN

    def rename(self, number: int, name_offset: int) -> None:
        struct.pack_into("<I", self.content, self.symbols.offset + number * 24, name_offset)

    def name_offset(self, number: int) -> int:
        return int(struct.unpack_from("<I", self.content, self.symbols.offset + number * 24)[0])

    def make_weak(self, number: int) -> None:
        position = self.symbols.offset + number * 24 + 4
        self.content[position] = STB_WEAK << 4 | self.content[position] & 0xF

    def set_version(self, number: int, index: int) -> None:
        struct.pack_into("<H", self.content, self.versions.offset + number * 2, index)

    def retarget(self, need: VersionNeed, to: VersionNeed) -> None:
        struct.pack_into("<I", self.content, need.offset, to.hash)
        struct.pack_into("<I", self.content, need.offset + 8, to.name_offset)


def backport_shared_object(content: bytes, name: str) -> bytes:
    """Returns `content` with every need newer than glibc 2.34 and GCC 12 pointed at an older equal.

    Raises:
        BackportError: a symbol is needed for which no older equal is known.
    """
    library = SharedObject(content, name)
    needs = library.version_needs()
    too_new = {need.index: need for need in needs if not need.is_provided}
    if not too_new:
        return content
    symbols = list(library.undefined_symbols())
    for number, symbol, version in symbols:
        if version not in too_new:
            continue
        if symbol in ISOC23_SYMBOLS:
            library.rename(number, library.name_offset(number) + len(ISOC23_PREFIX))
        elif symbol == IOSTREAM_MARKER:
            library.make_weak(number)
        elif symbol == CALL_TERMINATE:
            abort = next(((n, v) for n, other, v in symbols if other == "abort"), None)
            if abort is None:
                raise BackportError(f"{name} needs {symbol} and imports no abort to take its place")
            library.rename(number, library.name_offset(abort[0]))
            library.set_version(number, abort[1])
        else:
            raise BackportError(
                f"{name} needs {symbol} ({too_new[version].version}), for which no older equal is known; "
                f"glibc {'.'.join(map(str, NEEDED_GLIBC))} or newer is needed"
            )
    for need in too_new.values():
        library.retarget(need, _oldest_of_same_library(need, needs))
    return bytes(library.content)


def _oldest_of_same_library(need: VersionNeed, needs: list[VersionNeed]) -> VersionNeed:
    """The oldest version of the same family (GLIBC, GLIBCXX, CXXABI) that the file already asks of that library."""
    family = need.version.split("_")[0] + "_"
    candidates = [
        other
        for other in needs
        if other.library == need.library and other.version.startswith(family) and other.is_provided
    ]
    if not candidates:
        raise BackportError(f"{need.library} is asked for {need.version} and for no older version of it")
    return min(candidates, key=lambda other: [int(part) for part in re.findall(r"\d+", other.version)])


def _record_hash(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def backport_wheel(source: Path, folder: Path) -> Path:
    """Writes the wheel `source`, made to run on glibc 2.34, into `folder` and returns its path.

    Library files are edited, `WHEEL` gets the new tag and `RECORD` the new hashes; all else is copied as it is.

    Raises:
        BackportError: the wheel is not tagged manylinux_2_39, or needs a symbol without an older equal.
    """
    if PUBLISHED_TAG not in source.name:
        raise BackportError(f"{source.name} should be tagged {PUBLISHED_TAG}, and is not")
    target = folder / source.name.replace(PUBLISHED_TAG, BACKPORTED_TAG)
    with zipfile.ZipFile(source) as wheel:
        entries = [(info, wheel.read(info)) for info in wheel.infolist()]
    record = next(info.filename for info, _ in entries if info.filename.endswith(".dist-info/RECORD"))
    unfinished = target.with_suffix(".unfinished")
    rows = []
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as wheel:
        for info, content in entries:
            if info.filename == record:
                continue
            if content[:4] == b"\x7fELF":
                content = backport_shared_object(content, Path(info.filename).name)
            elif info.filename.endswith(".dist-info/WHEEL"):
                content = content.replace(PUBLISHED_TAG.encode(), BACKPORTED_TAG.encode())
            wheel.writestr(info, content, zipfile.ZIP_DEFLATED)
            if not info.is_dir():
                rows.append((info.filename, _record_hash(content), len(content)))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*rows, (record, "", "")])
        wheel.writestr(record, text.getvalue())
    unfinished.rename(target)
    return target


def pinned_version(package: str, requirements: str) -> str:
    """The version that the text of a requirements file pins `package` to."""
    match = re.search(rf"^{re.escape(package)}==([^\s;]+)", requirements, re.MULTILINE)
    if match is None:
        raise BackportError(f"requirements.txt should pin {package}==VERSION, and does not name it")
    return match.group(1)


def system_needs_backport() -> bool:
    """True on Linux with a glibc older than the published wheels ask for."""
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--requirements", type=Path, default=Path("requirements.txt"))
    parser.add_argument("--folder", type=Path, default=Path(".wheels"), help="where the prepared wheels go")
    arguments = parser.parse_args()
    arguments.folder.mkdir(exist_ok=True)
    if not system_needs_backport():
        return 0
    try:
        requirements = arguments.requirements.read_text()
        for package in PACKAGES:
            version = pinned_version(package, requirements)
            python = f"cp{sys.version_info.major}{sys.version_info.minor}"
            pattern = f"{package.replace('-', '_')}-{version}-{python}-*{BACKPORTED_TAG}*.whl"
            if any(arguments.folder.glob(pattern)):
                continue
            with tempfile.TemporaryDirectory() as downloads:
                wheel = backport_wheel(_download(package, version, Path(downloads)), arguments.folder)
            print(f"prepared {wheel.name} for glibc {platform.libc_ver()[1]}")
    except BackportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
