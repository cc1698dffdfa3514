"""Read gzipped TFRecord files of serialized examples, block by block.

TensorFlow's reader inflates with zlib and checks a CRC for every record; it takes twice the time. Here Intel's ISA-L
inflates whole blocks, and gzip's own CRC of the file shows whether it is intact.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from isal import igzip_lib, isal_zlib

from interestflow.transforms.examples.tfrecord_writer import GZIP_WINDOW_BITS

READ_BYTES = 2**20
"""Compressed bytes that are inflated at a time."""
LENGTH = struct.Struct("<Q")
HEADER, FOOTER = 12, 4
"""Bytes of a record before its content (length, CRC) and after it (CRC)."""


class ExampleFileError(Exception):
    """A file that does not hold examples as ingestion writes them; the message names it."""


def read_records(path: str, batch_size: int) -> Iterator[list[bytes]]:
    """Yield the records of a file in batches of `batch_size`, except for the last.

    Args:
        path: path of a gzipped TFRecord file, on any file system that Beam reads.
        batch_size: number of records in a batch.

    Raises:
        ExampleFileError: if the file is not gzipped, is damaged, or ends within a record.
    """
    records: list[bytes] = []
    rest = b""
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        for block in _inflated_blocks(file, path):
            rest = _append_records(rest + block, records)
            while len(records) >= batch_size:
                yield records[:batch_size]
                del records[:batch_size]
    if rest:
        raise ExampleFileError(f"{path} should end after a record, received {len(rest)} bytes of an unfinished one")
    if records:
        yield records


def record_bytes(path: str) -> float | None:
    """Return the compressed size of a record, from those at the start of a file; None if there is none."""
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        data = file.read(READ_BYTES)
    records: list[bytes] = []
    _append_records(next(_inflated_blocks(BytesIO(data), path), b""), records)
    return len(data) / len(records) if records else None


def _inflated_blocks(file: BinaryIO, path: str) -> Iterator[bytes]:
    """Yield the inflated content of a gzipped file, which may have several members, and check its CRCs."""
    inflater = isal_zlib.decompressobj(wbits=GZIP_WINDOW_BITS)
    is_started = False
    try:
        while data := file.read(READ_BYTES):
            while data:
                is_started = True
                yield inflater.decompress(data)
                data = inflater.unused_data
                if inflater.eof:
                    inflater, is_started = isal_zlib.decompressobj(wbits=GZIP_WINDOW_BITS), False
    except igzip_lib.IsalError as error:  # type: ignore[misc]  # isal's stub declares an instance
        raise ExampleFileError(f"{path} should be a gzipped TFRecord file, received damaged data: {error}") from None
    if is_started:
        raise ExampleFileError(f"{path} should be a gzipped TFRecord file, received one that ends early")


def _append_records(content: bytes, records: list[bytes]) -> bytes:
    """Append the whole records of `content` to `records`, and return what remains."""
    unpack, append, end = LENGTH.unpack_from, records.append, len(content)
    position = 0
    while position + HEADER <= end:
        start = position + HEADER
        limit = start + unpack(content, position)[0]
        if limit + FOOTER > end:
            break
        append(content[start:limit])
        position = limit + FOOTER
    return content[position:]
