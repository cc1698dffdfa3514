"""Readers of the input tables: files of CSV, TSV, JSON Lines or Parquet to frames of usable rows and dead letters."""
