"""Write serialized examples as gzipped TFRecord files, as fast as they are encoded.

`tf.io.TFRecordWriter` uses gzip's slowest compression level, on the thread that encodes. Here whole batches are framed
at once and compressed by Intel's ISA-L on a separate thread; the result is plain gzip, which every reader understands.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import google_crc32c
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from isal import isal_zlib

LEVEL = 2
"""Compression level, of ISA-L's 0 to 3. On histories: as small as zlib's level 1, in a sixth of its time."""
GZIP_WINDOW_BITS = 31


class ExampleFile:
    """One file, written batch by batch; it appears under its name only once it is complete.

    `compress_seconds` and `write_seconds` are the time spent on each so far.

    Args:
        path: path, local or on any file system that Beam writes to.

    Example:
        with ExampleFile("part.gz") as file:
            file.write([example.SerializeToString()])
    """

    def __init__(self, path: str) -> None:
        """Open the file under a temporary name, and start the thread that compresses."""
        self.path = path
        self.examples = 0
        self.compress_seconds = 0.0
        self.write_seconds = 0.0
        self._unfinished = f"{path}.unfinished"
        self._file = FileSystems.create(self._unfinished, compression_type=CompressionTypes.UNCOMPRESSED)
        self._compressor = isal_zlib.compressobj(LEVEL, wbits=GZIP_WINDOW_BITS)
        self._thread = ThreadPoolExecutor(1)
        self._pending: Future[None] | None = None

    def write(self, examples: Sequence[bytes]) -> None:
        """Append serialized examples; return while they are still being compressed."""
        self.examples += len(examples)
        framed = frame_records(examples)
        self._wait()
        self._pending = self._thread.submit(self._append, framed)

    def __enter__(self) -> ExampleFile:
        """Return the file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file and give it its name, or delete it after an error."""
        try:
            self._wait()
            if kind is None:
                self._file.write(self._compressor.flush())
        finally:
            self._thread.shutdown()
            self._file.close()
        if kind is None:
            FileSystems.rename([self._unfinished], [self.path])
        else:
            FileSystems.delete([self._unfinished])

    def _append(self, framed: bytes) -> None:
        """Compress and write framed records, on the thread."""
        start = time.perf_counter()
        compressed = self._compressor.compress(framed)
        compressed_at = time.perf_counter()
        self._file.write(compressed)
        self.compress_seconds += compressed_at - start
        self.write_seconds += time.perf_counter() - compressed_at

    def _wait(self) -> None:
        """Wait until the thread has written all data that was passed to it."""
        if self._pending is not None:
            self._pending.result()


def frame_records(records: Sequence[bytes]) -> bytes:
    """Frame records as TFRecord does: length, masked CRC-32C of the length, content, masked CRC-32C of the content."""
    parts: list[bytes] = []
    headers: dict[int, bytes] = {}
    for record in records:
        header = headers.get(len(record))
        if header is None:
            length = struct.pack("<Q", len(record))
            header = headers[len(record)] = length + _masked_crc(length)
        parts += (header, record, _masked_crc(record))
    return b"".join(parts)


def _masked_crc(content: bytes) -> bytes:
    """Return TFRecord's masked CRC-32C of some bytes."""
    crc = google_crc32c.value(content)
    return (((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")
