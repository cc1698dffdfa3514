"""Tables of metrics have a row for each model and task, and show the slice values with the most examples."""

from __future__ import annotations

from rich.table import Table

from interestflow.pipeline.report.metrics_table import SHOWN_VALUES, format_metric, metrics_table, slices_table
from tests.pipeline.report.test_terminal import model


def rows(table: Table) -> list[list[str]]:
    """Return the cells of a table, row by row."""
    return [list(row) for row in zip(*(column.cells for column in table.columns), strict=True)]  # type: ignore[arg-type]


def test_a_metric_has_four_decimals_and_an_undefined_one_is_a_dash() -> None:
    assert (format_metric(0.12345), format_metric(1.5, 2), format_metric(None)) == ("0.1235", "1.50", "–")


def test_each_model_has_a_row_and_the_best_possible_is_the_last() -> None:
    table = metrics_table({"din": model("din", 0.74), "none": model("pooled", None)})
    assert [row[0] for row in rows(table)] == ["din", "none", "best possible"]
    # Halfway from 0.5 to 0.8 is 0.65; 0.74 is 80% of the way.
    assert [row[-1] for row in rows(table)] == ["80.0%", "–", "100.0%"]
    assert rows(table)[1][1] == "–"


def test_of_many_values_of_a_slice_those_with_the_most_examples_are_shown_in_their_order() -> None:
    table = slices_table(model("din", 0.74, values=SHOWN_VALUES + 3), "slices", {"pooled": model("pooled", 0.7)})
    assert table is not None
    shown = [row[0] for row in rows(table)]
    assert shown == [
        *(f"device \\[d{index}]" for index in range(SHOWN_VALUES)),
        "device: 3 smaller ones, not shown",
    ]
    # The other model has no such slice beyond its two.
    assert [row[-1] for row in rows(table)][:3] == ["0.5000", "0.5000", "–"]


def test_without_slices_there_is_no_table() -> None:
    assert slices_table(model("din", 0.74, values=0), "slices", {}) is None
