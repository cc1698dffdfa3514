"""Findings describe expected and received features in one sentence."""

from __future__ import annotations

import math

from interestflow.transforms.leakage.findings import MAX_FINDINGS, Comparison, Finding, different_features, spread

ID = {"user": ["u"], "item": ["i"], "timestamp": [1_500_000]}


def test_a_finding_is_one_sentence() -> None:
    finding = Finding("u", "i", 1_500_000, "price", "2.0", "3.0")
    assert str(finding) == "user u, item i, 1970-01-01 00:00:01.500000: `price` should be 2.0, received 3.0"
    assert Finding.about(ID, "price", "2.0", "3.0") == finding


def test_equal_features_are_no_finding_also_where_both_are_nan() -> None:
    expected = ID | {"price": [math.nan], "tags": ["a", "b"]}
    assert list(different_features(expected, expected | {"price": [math.nan], "more": [1]})) == []


def test_a_missing_feature_is_a_finding_and_missing_text_is_shown_as_such() -> None:
    expected = ID | {"tags": ["a", "b"], "colour": [""]}
    findings = list(different_features(expected, ID | {"colour": ["red"]}))
    assert [(finding.feature, finding.expected, finding.received) for finding in findings] == [
        ("tags", "[a, b]", "[]"),
        ("colour", '""', "red"),
    ]


def test_of_long_lists_the_values_around_the_first_difference_are_shown() -> None:
    (finding,) = different_features(ID | {"ages": list(range(20))}, ID | {"ages": [*range(10), 99, *range(11, 20)]})
    assert finding.expected == "[..., 7, 8, 9, 10, 11, 12, ...] (20 values)"
    assert finding.received == "[..., 7, 8, 9, 99, 11, 12, ...] (20 values)"


def test_all_findings_are_counted_and_the_first_are_kept() -> None:
    comparison = Comparison()
    for index in range(8):
        comparison.add(Finding("u", "i", index, f"feature {index % 2}", "1", "2"))
    assert comparison.by_feature == {"feature 0": 4, "feature 1": 4}
    assert [finding.time for finding in comparison.findings] == list(range(MAX_FINDINGS))


def test_values_are_spread_evenly() -> None:
    assert spread(range(10), 3) == range(0, 10, 4)
    assert spread([1, 2], 3) == [1, 2]
