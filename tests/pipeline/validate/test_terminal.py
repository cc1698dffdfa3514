"""Everything that validation found is shown."""

from __future__ import annotations

from pathlib import Path

from tests.pipeline.validate.small_shop import render_text, validate_shop


def test_everything_is_shown(tmp_path: Path) -> None:
    text = render_text(validate_shop(tmp_path))
    for words in (
        "events", "2024-03-01 00:00:00", "click positive", "50.00%", "colour", "vocabulary", "red, blue",
        "up to 4 of a vocabulary", "usable: `interestflow run`",
    ):  # fmt: skip
        assert words in text, words
