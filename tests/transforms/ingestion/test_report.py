"""What ingestion says where too much of a table cannot be used."""

import pytest

from interestflow.transforms.ingestion.boundaries import decide_boundaries
from interestflow.transforms.ingestion.dead_letters import IngestionError, TableReport, bad_rows_message
from tests.transforms.small_log import configuration


def test_reasons_are_summed_over_all_blocks() -> None:
    """60 rows told of in two parts: 4 and 6 without a user, 5 with another mistake; the limit is 1%."""
    reports = [
        TableReport("events", 40, {"no user id": 4}),
        TableReport("events", 20, {"no user id": 6, "no item id": 5}),
        TableReport("items", 9, {}),
    ]
    with pytest.raises(IngestionError) as raised:
        decide_boundaries(None, configuration(), [], [], reports)
    assert str(raised.value) == (
        "at most 1.00% of the rows of `data.events` should be unusable (`data.max_bad_row_share`), "
        "received 15 of 60, 25.00%: 10 x no user id; 5 x no item id"
    )


def test_up_to_the_limit_nothing_is_wrong() -> None:
    assert bad_rows_message("events", 100, 1, 0.01, {"no user id": 1}) is None
    assert bad_rows_message("events", 100, 2, 0.01, {"no user id": 2}) is not None
    assert bad_rows_message("events", 0, 0, 0.0, {}) is None
