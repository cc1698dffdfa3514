"""Base of the steps of the ingestion job."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

METRICS = "ingestion"
"""Beam's namespace of microseconds spent on each part: read, shuffle, sort, join, encode, frame, compress, write."""


class TimedStep(beam.DoFn):
    """A step that counts the microseconds of its parts."""

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Count the time spent inside the `with` block for `part`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.count_seconds(part, time.perf_counter() - start)

    def count_seconds(self, part: str, seconds: float) -> None:
        """Add seconds to the counter of `part`."""
        Metrics.counter(METRICS, part).inc(round(seconds * 1e6))


def windowed(outputs: Iterable[Any]) -> Iterator[Any]:
    """Yield the outputs of a step in the form in which `finish_bundle` returns them."""
    for output in outputs:
        value = output.value if isinstance(output, beam.pvalue.TaggedOutput) else output
        in_window = WindowedValue(value, GlobalWindow().max_timestamp(), [GlobalWindow()])
        yield beam.pvalue.TaggedOutput(output.tag, in_window) if value is not output else in_window
