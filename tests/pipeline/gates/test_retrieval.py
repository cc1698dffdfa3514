"""Tests of the serving gate on an exported matcher, whose items are compared with an exact search."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import tensorflow as tf

from interestflow.serving.export.item_embeddings import PARQUET
from interestflow.serving.warm_up import read_warm_up
from tests.pipeline.support.serving_gate import Exported, verdict


def test_a_matcher_that_retrieves_as_an_exact_search_is_blessed(matcher: Exported, tmp_path: Path) -> None:
    result = verdict(matcher, tmp_path / "served")
    assert result.is_blessed, result.reasons
    assert (result.timed_results, result.candidates) == ("items retrieved", 7)
    assert result.p50_milliseconds is not None
    requests = [log.predict_log.request for log in read_warm_up(tmp_path / "served")]
    signatures = [request.model_spec.signature_name for request in requests]
    assert signatures == ["serving_default", "encode_user", "encode_items"] * 2 + ["retrieve"] * 2 + ["describe"]
    # The history of the first row has no more items than the model reads, so that no further items are requested.
    assert [tf.make_ndarray(request.inputs["k"]).tolist() for request in requests[6:8]] == [[10], [100]]


def test_a_matcher_whose_index_is_of_another_model_is_refused(matcher: Exported, tmp_path: Path) -> None:
    """The vectors in the Parquet file are not those that the model searches, as after a mistaken copy."""
    stale = tmp_path / "stale"
    shutil.copytree(matcher.folder, stale)
    table = pq.read_table(stale / PARQUET)
    order = [1, 0, *range(2, table.num_rows)]
    pq.write_table(table.set_column(1, "vector", table["vector"].take(order)), stale / PARQUET)
    result = verdict(Exported(stale, matcher.test_files), tmp_path / "served")
    assert not result.is_blessed
    assert result.reasons[0].startswith("`retrieve` should give the best items of example ")


def test_a_matcher_beyond_the_limits_is_refused(matcher: Exported, tmp_path: Path) -> None:
    result = verdict(matcher, tmp_path / "served", max_p50_ms=1e-6)
    (reason,) = result.reasons
    assert reason.startswith("p50 of retrieving 7 items should be at most 1e-06 ms, it is ")
