"""The tables of the generated pages."""

from tools.markdown_table import markdown_table


def test_a_cell_is_one_line_and_its_bars_are_escaped() -> None:
    assert markdown_table(("Key", "Type"), [("a", "one\n  or | two")]) == (
        "| Key | Type |\n|---|---|\n| a | one or \\| two |"
    )


def test_a_table_without_rows_is_its_header() -> None:
    assert markdown_table(("Key", "Type"), []) == "| Key | Type |\n|---|---|"
