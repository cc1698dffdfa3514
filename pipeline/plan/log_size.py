"""Size of a log, estimated from the sizes of its files, Parquet's footers and a sample of its rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystem import FileMetadata

from interestflow.pipeline.plan.workload import mean_history
from interestflow.pipeline.validate.log_sample import LogSample, read_sample
from interestflow.transforms.config import EntityTable, IngestionConfig, TableConfig
from interestflow.transforms.examples.event_order import sort_events
from interestflow.transforms.feature_names import ITEM, USER
from interestflow.transforms.reading.blocks import read_blocks
from interestflow.transforms.reading.columns import frame_column
from interestflow.transforms.reading.conditions import is_selected
from interestflow.transforms.reading.files import COMPRESSIONS, TableError, first_line, match_files, open_file
from interestflow.transforms.reading.row_numbers import Block

WHOLE_BYTES, SAMPLED_ROWS = 16 * 2**20, 200_000
"""Size up to which a log is read completely, and the rows of a larger one that are read."""
SAMPLED_FILES, SAMPLED_BYTES = 8, 1 << 20
"""Files of a table whose footers or beginnings are read, and the bytes of the beginning of a text file."""

FLAG = "is_behaviour"


@dataclass(frozen=True)
class LogSize:
    """Size of a log.

    Attributes:
        events: rows.
        log_mb: its files as they are stored, in MB of 2^20 bytes.
        files: number of its files.
        items, users: distinct ids.
        behaviours: share of the events that are behaviours.
        positives: share of the events that are positives of the first task.
        history: mean number of behaviours that an example keeps.
        values: distinct values of each categorical attribute, by name, in what was read.
        assumptions: sentences about what was not counted but estimated.
    """

    events: float
    log_mb: float
    files: int
    items: float
    users: float
    behaviours: float
    positives: float
    history: float
    values: dict[str, int]
    assumptions: tuple[str, ...] = ()

    def assuming(self, sentence: str, **changes: float) -> LogSize:
        """Return a copy with other sizes and a sentence about them."""
        return replace(self, assumptions=(*self.assumptions, sentence), **changes)  # type: ignore[arg-type]


def estimate_log(config: IngestionConfig) -> LogSize:
    """Estimate the size of a log; reads at most about a million bytes of a few files, or a small log completely.

    Raises:
        TableError: if a table has no file, or if what is read of it does not match the configuration.
    """
    files = match_files(config.data.events, config.data.folder)
    log_mb = sum(file.size_in_bytes for file in files) / 2**20
    sample = read_sample(config, WHOLE_BYTES, SAMPLED_ROWS)
    if not sample.blocks or not sum(block.height for block in sample.blocks):
        raise TableError(f"the log should have usable rows, received none in the {sample.rows:,} that were read")
    frame, _ = sort_events(sample.blocks)
    is_whole = sample.part is None
    events = float(sample.rows) if is_whole else estimate_rows(config.data.events, files)
    behaves = frame.select(_share(config, "behaviours")).item()
    size = LogSize(
        events=events, log_mb=log_mb, files=len(files), behaviours=behaves,
        positives=frame.select(_share(config, "positives")).item(),
        items=_distinct(config, "items", frame.get_column(ITEM), events, is_whole),
        users=_distinct(config, "users", frame.get_column(USER), events, is_whole),
        history=0.0, values=_distinct_values(config, frame),
    )  # fmt: skip
    length = config.sequence.max_length
    if is_whole:
        return replace(size, history=_kept_behaviours(frame, config))
    size = size.assuming(_sampling_sentence(size, sample))
    return size.assuming(
        f"users are taken to have {events * behaves / size.users:,.0f} behaviours each; histories are longer where few "
        "users have most of them (`--history`)",
        history=mean_history(events * behaves / size.users, length),
    )


def _sampling_sentence(size: LogSize, sample: LogSample) -> str:
    return (
        f"the log has {size.events:,.0f} events by its files' sizes, {size.items:,.0f} items and {size.users:,.0f} "
        f"users by their tables or by {sample.part}"
    )


def _share(config: IngestionConfig, what: str) -> pl.Expr:
    """Return the share of events that are behaviours, or positives of the first task."""
    condition = config.sequence.behaviours if what == "behaviours" else config.tasks[0].label
    return is_selected(condition, config.data.events.event_type).cast(pl.Float64).mean()


def _kept_behaviours(frame: pl.DataFrame, config: IngestionConfig) -> float:
    """Return the mean number of behaviours before each event of its user, at most `max_length`."""
    selected = is_selected(config.sequence.behaviours, config.data.events.event_type)
    # As a column, a literal condition has the length of the frame.
    flags = frame.select(USER, selected.cast(pl.Int64).alias(FLAG))
    earlier = (pl.col(FLAG).cum_sum() - pl.col(FLAG)).over(USER)
    return float(flags.select(earlier.clip(0, config.sequence.max_length).mean()).item())


def _distinct(config: IngestionConfig, name: EntityTable, ids: pl.Series, events: float, is_whole: bool) -> float:
    """Return the number of distinct ids: counted, or as many as their table has rows, or by their growth."""
    table: TableConfig | None = getattr(config.data, name)
    if is_whole:
        return float(ids.n_unique())
    if table is not None:
        return estimate_rows(table, match_files(table, config.data.folder))
    return extrapolate_distinct(ids, events)


def extrapolate_distinct(ids: pl.Series, events: float) -> float:
    """Return how many distinct values `events` rows have, if their number goes on growing as within `ids`.

    By Heaps' law, distinct values grow as a power of the rows (at most linearly); the power is that between a half of
    the rows and all of them.
    """
    random = ids.sample(fraction=1.0, shuffle=True, seed=17)
    half, whole = random.head(len(ids) // 2).n_unique(), random.n_unique()
    power = math.log2(whole / half) if half else 1.0
    return whole * max(events / len(ids), 1.0) ** min(power, 1.0)


def estimate_rows(table: TableConfig, files: Sequence[FileMetadata]) -> float:
    """Return the rows of a table by the bytes of its files and the rows of some of them, evenly spaced.

    Raises:
        TableError: if a file cannot be read.
    """
    sampled = files[:: -(-len(files) // SAMPLED_FILES)]
    count: Callable[[FileMetadata], tuple[float, float]] = _parquet_rows if table.format == "parquet" else _text_rows
    counts = [count(file) for file in sampled if file.size_in_bytes]
    rows, size = sum(rows for rows, _ in counts), sum(size for _, size in counts)
    return sum(file.size_in_bytes for file in files) * rows / size if size else 0.0


def _parquet_rows(file: FileMetadata) -> tuple[float, float]:
    """Return the rows that a file's footer states, and the size of the file."""
    with open_file(file.path, seekable=True) as content:
        try:
            return float(pq.ParquetFile(content).metadata.num_rows), float(file.size_in_bytes)
        except pa.ArrowException as error:
            raise TableError(f"{file.path} cannot be read as parquet: {first_line(error)}") from None


def _text_rows(file: FileMetadata) -> tuple[float, float]:
    """Return the lines at the beginning of a text file, and about how many stored bytes they take."""
    with open_file(file.path) as content:
        text = content.read(SAMPLED_BYTES)
    compression = next((name for ending, name in COMPRESSIONS.items() if file.path.endswith(ending)), None)
    stored = len(text) if compression is None else len(pa.Codec(compression).compress(text))
    return float(text.count(b"\n")), float(stored)


def _distinct_values(config: IngestionConfig, events: pl.DataFrame) -> dict[str, int]:
    """Return the distinct values of each categorical attribute in the events, or in the beginning of its table."""
    values = {}
    for attribute in config.features.attributes:
        if attribute.kind == "numeric":
            continue
        if attribute.source == "events":
            column = events.get_column(frame_column(attribute.source_column)).cast(pl.String)
        else:
            column = _beginning(getattr(config.data, attribute.source), config, attribute.source_column)
        if attribute.kind == "categorical_list":
            column = column.str.split(attribute.separator).explode()
        values[attribute.name] = column.drop_nulls().n_unique()
    return values


def _beginning(table: TableConfig, config: IngestionConfig, column: str) -> pl.Series:
    """Return a column of the first block of a table."""
    path = match_files(table, config.data.folder)[0].path
    block: Block | None = next(iter(read_blocks(path, table, [column])), None)
    return pl.Series(column, [], pl.String) if block is None else block.frame.get_column(column).cast(pl.String)
