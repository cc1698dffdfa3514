"""Digests depend on each text and on each package."""

from __future__ import annotations

from interestflow import digests


def test_texts_are_not_confused_with_their_concatenation() -> None:
    assert digests.text_digest("ab", "c") != digests.text_digest("a", "bc")


def test_code_of_each_package_counts() -> None:
    assert digests.code_digest("transforms") != digests.code_digest("transforms", "models")
