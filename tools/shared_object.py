"""Redirect the symbols of a shared library that are too new to older equivalents, in place: no byte of the file moves.

The layout is that of the System V ABI (ELF-64) and, for symbol versions, of the Linux Standard Base.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

# The newest versions that a system of the tag has: glibc 2.34 and the libstdc++ and libgcc of GCC 11.
NEWEST_PROVIDED = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (11,)}
# Versions with this start mark a feature that only the loader of glibc 2.36 or later understands.
LOADER_FEATURE = "GLIBC_ABI_"
# The version under which libc has carried its oldest functions since the architecture came to be, by ELF machine.
OLDEST_GLIBC = {62: "GLIBC_2.2.5", 183: "GLIBC_2.17"}

# C23's strto* differ from the older functions only in accepting "0b" prefixes.
ISOC23_PREFIX = "__isoc23_"
ISOC23_SYMBOLS = {ISOC23_PREFIX + name for name in ("strtol", "strtoul", "strtoll", "strtoull")}
# Marks that iostreams are initialised by the library; only referenced, never called.
IOSTREAM_MARKER = "_ZSt21ios_base_library_initv"
# Called where an exception leaves a noexcept function; like abort, it never returns.
CALL_TERMINATE = "__cxa_call_terminate"

VERNEED, VERSYM, DYNSYM = 0x6FFFFFFE, 0x6FFFFFFF, 11
STB_WEAK = 2
SHN_UNDEF = 0
VERSYM_HIDDEN = 0x8000


class BackportError(Exception):
    """A wheel that this tool cannot make run on an older glibc, with the reason."""


@dataclass(frozen=True)
class SharedObjectSection:
    """Header of one section of an ELF file: its type, its place in the file in bytes, and the section it links to."""

    type: int
    offset: int
    size: int
    link: int


@dataclass(frozen=True)
class VersionNeed:
    """Entry of .gnu.version_r: `library` must provide `version`; symbols refer to it by `index`."""

    library: str
    version: str
    index: int
    offset: int
    name_offset: int
    hash: int

    @property
    def is_provided(self) -> bool:
        """Whether a system with glibc 2.34 and GCC 11 provides the version."""
        if self.version.startswith(LOADER_FEATURE):
            return False
        family, _, number = self.version.partition("_")
        newest = NEWEST_PROVIDED.get(family)
        if newest is None or not re.fullmatch(r"[0-9.]+", number):
            return True
        return tuple(int(part) for part in number.split(".")) <= newest


class SharedObject:
    """Dynamic symbols and version needs of a 64-bit little-endian ELF file, editable in place."""

    def __init__(self, content: bytes, name: str) -> None:
        """Read the section headers of the file `name` from its `content`."""
        self.name = name
        self.content = bytearray(content)
        if len(content) < 64 or self.content[:6] != b"\x7fELF\x02\x01":
            raise BackportError(f"{name} should be a 64-bit little-endian ELF file, and is not")
        self.machine = int(struct.unpack_from("<H", self.content, 0x12)[0])
        self.sections = list(self._read_sections())
        if not self.sections:
            raise BackportError(f"{name} has no section headers, without which its symbols cannot be found")

    @property
    def is_versioned(self) -> bool:
        """Whether the file requires versions of other libraries; without any, nothing can be too new."""
        return any(section.type == VERNEED for section in self.sections)

    @cached_property
    def symbols(self) -> SharedObjectSection:
        """Return .dynsym."""
        return self._section(DYNSYM)

    @cached_property
    def versions(self) -> SharedObjectSection:
        """Return .gnu.version."""
        return self._section(VERSYM)

    @cached_property
    def strings(self) -> SharedObjectSection:
        """Return .dynstr."""
        return self.sections[self.symbols.link]

    def _read_sections(self) -> Iterator[SharedObjectSection]:
        table, entry_size, count = (
            struct.unpack_from("<Q", self.content, 0x28)[0],
            *struct.unpack_from("<HH", self.content, 0x3A),
        )
        for index in range(count):
            _, kind, _, _, offset, size, link = struct.unpack_from("<IIQQQQI", self.content, table + index * entry_size)
            yield SharedObjectSection(kind, offset, size, link)

    def _section(self, kind: int) -> SharedObjectSection:
        for section in self.sections:
            if section.type == kind:
                return section
        raise BackportError(f"{self.name} has no section of type {kind:#x}, which every versioned library has")

    def string(self, offset: int) -> str:
        """Return the text at an offset of .dynstr."""
        start = self.strings.offset + offset
        return self.content[start : self.content.index(b"\0", start)].decode()

    def version_needs(self) -> list[VersionNeed]:
        """Return all entries of .gnu.version_r."""
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
        """Yield (index in .dynsym, name, version index) of each symbol that another library must provide."""
        for index in range(self.symbols.size // 24):
            name, _, _, section = struct.unpack_from("<IBBH", self.content, self.symbols.offset + index * 24)
            if section == SHN_UNDEF and name:
                version = struct.unpack_from("<H", self.content, self.versions.offset + index * 2)[0]
                yield index, self.string(name), version & ~VERSYM_HIDDEN

    def rename(self, index: int, name_offset: int) -> None:
        """Let the symbol at `index` have the name at an offset of .dynstr."""
        struct.pack_into("<I", self.content, self.symbols.offset + index * 24, name_offset)

    def name_offset(self, index: int) -> int:
        """Return the offset in .dynstr of the name of the symbol at `index`."""
        return int(struct.unpack_from("<I", self.content, self.symbols.offset + index * 24)[0])

    def make_weak(self, index: int) -> None:
        """Make the symbol at `index` weak, so that it may stay undefined."""
        position = self.symbols.offset + index * 24 + 4
        self.content[position] = STB_WEAK << 4 | self.content[position] & 0xF

    def set_version(self, symbol_index: int, index: int) -> None:
        """Let the symbol at `symbol_index` require the version with the given index."""
        struct.pack_into("<H", self.content, self.versions.offset + symbol_index * 2, index)

    def retarget(self, need: VersionNeed, to: VersionNeed) -> None:
        """Let the entry `need` require the version of the entry `to`."""
        struct.pack_into("<I", self.content, need.offset, to.hash)
        struct.pack_into("<I", self.content, need.offset + 8, to.name_offset)


def backport_shared_object(content: bytes, name: str) -> bytes:
    """Return `content` with every requirement newer than glibc 2.34 and GCC 11 redirected to an older equivalent.

    Raises:
        BackportError: the library needs a symbol or a feature of the loader without a known older equivalent, or the
            file is not a complete 64-bit little-endian ELF file.
    """
    try:
        return _backport_shared_object(content, name)
    except (struct.error, ValueError, IndexError) as error:
        raise BackportError(f"{name} should be a whole ELF file, and is damaged: {error}") from None


def _backport_shared_object(content: bytes, name: str) -> bytes:
    library = SharedObject(content, name)
    if not library.is_versioned:
        return content
    needs = library.version_needs()
    too_new = {need.index: need for need in needs if not need.is_provided}
    if not too_new:
        return content
    for need in too_new.values():
        if need.version.startswith(LOADER_FEATURE):
            raise BackportError(f"{name} needs {need.version}, a feature of the loader that an older glibc lacks")
    symbols = list(library.undefined_symbols())
    for symbol_index, symbol, version in symbols:
        if version not in too_new:
            continue
        if symbol in ISOC23_SYMBOLS:
            library.rename(symbol_index, library.name_offset(symbol_index) + len(ISOC23_PREFIX))
            library.set_version(symbol_index, _oldest_glibc(library, too_new[version], needs).index)
        elif symbol == IOSTREAM_MARKER:
            library.make_weak(symbol_index)
        elif symbol == CALL_TERMINATE:
            abort = next(((n, v) for n, other, v in symbols if other == "abort"), None)
            if abort is None:
                raise BackportError(f"{name} needs {symbol} and imports no abort to take its place")
            library.rename(symbol_index, library.name_offset(abort[0]))
            library.set_version(symbol_index, abort[1])
        else:
            raise BackportError(
                f"{name} needs {symbol} ({too_new[version].version}), for which no older equal is known; "
                "glibc 2.39 or newer is needed"
            )
    for need in too_new.values():
        library.retarget(need, _oldest_of_same_library(need, needs))
    return bytes(library.content)


def _oldest_glibc(library: SharedObject, need: VersionNeed, needs: list[VersionNeed]) -> VersionNeed:
    """Return the entry of libc's first version, under which every libc has the plain strto* functions."""
    oldest = OLDEST_GLIBC.get(library.machine)
    for other in needs:
        if other.library == need.library and other.version == oldest:
            return other
    raise BackportError(f"{library.name} asks {need.library} for nothing of its first version ({oldest})")


def _oldest_of_same_library(need: VersionNeed, needs: list[VersionNeed]) -> VersionNeed:
    """Return the oldest version of the same family (GLIBC, GLIBCXX, CXXABI) that the file already requires."""
    family = need.version.split("_")[0] + "_"
    candidates = [
        other
        for other in needs
        if other.library == need.library and other.version.startswith(family) and other.is_provided
    ]
    if not candidates:
        raise BackportError(f"{need.library} is asked for {need.version} and for no older version of it")
    return min(candidates, key=lambda other: [int(part) for part in re.findall(r"\d+", other.version)])
