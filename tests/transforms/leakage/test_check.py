"""Clean examples pass; every kind of leak that is planted in them is found and named."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.leakage.check import LeakError, LeakReport, check_examples
from interestflow.transforms.leakage.reference_examples import Features
from tests.transforms.examples_of_a_log import USERS, VARIANTS, Written, configuration, features, write_log


@pytest.fixture(scope="module", params=list(VARIANTS))
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("log")
    write_log(folder)
    return Written(folder, configuration(folder, **VARIANTS[request.param]))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("plain")
    write_log(folder)
    return Written(folder, configuration(folder))


def with_history(examples: dict[str, list[Features]]) -> Features:
    """The last training example that has some behaviours."""
    return next(example for example in reversed(examples["train"]) if len(example["history_item"]) > 2)


def test_clean_examples_pass(written: Written) -> None:
    assert written.findings(written.examples) == []
    assert sum(len(found) for found in written.examples.values()) > 100


def test_what_is_compared_is_there_to_be_compared(plain: Written) -> None:
    """Ties, repeats, histories that were cut, unknown items and missing values all occur in the log of these tests."""
    examples = plain.examples["train"] + plain.examples["test"]
    keys = plain.events.select("user", "timestamp")
    assert keys.is_duplicated().sum() > 50
    assert plain.events.drop("order").is_duplicated().sum() >= 20
    assert max(example["history_count"][0] for example in examples) > 6
    assert any(example["colour"] == [""] for example in examples)
    assert any(np.isnan(example["price"][0]) for example in examples)


def test_a_later_event_in_a_history_is_found(plain: Written) -> None:
    examples = copy.deepcopy(plain.examples)
    example = with_history(examples)
    example["history_item"][-1] = "i-from-the-future"
    (finding,) = plain.findings(examples)
    assert f"user {example['user'][0]}, item {example['item'][0]}, 1970-01-01 00:0" in finding
    assert "`history_item` should be [" in finding
    assert "received [" in finding
    assert "i-from-the-future" in finding


def test_a_simultaneous_event_in_a_history_is_found(plain: Written) -> None:
    """As if `strictly before` had become `at or before`."""
    examples = copy.deepcopy(plain.examples)
    rows = plain.events.sort("timestamp").to_dicts()
    for example in examples["train"]:
        instant = [r for r in rows if r["user"] == example["user"][0] and r["timestamp"] == example["timestamp"][0]]
        example["history_item"] = (example["history_item"] + [row["item"] for row in instant])[-6:]
    assert "`history_item`" in plain.findings(examples)[0]


def test_a_history_from_newest_to_oldest_is_found(plain: Written) -> None:
    examples = copy.deepcopy(plain.examples)
    example = with_history(examples)
    for name in ("history_item", "history_age", "history_colour", "history_tags", "history_stars"):
        example[name] = example[name][::-1]
    features = [finding.split("`")[1] for finding in plain.findings(examples)]
    assert "history_item" in features


def test_labels_that_were_shuffled_are_found(written: Written) -> None:
    examples = copy.deepcopy(written.examples)
    name = f"label_{written.config.tasks[0].name}"
    labels = [example[name] for example in examples["train"]]
    shuffled = np.random.default_rng(1).permutation(len(labels))
    for example, place in zip(examples["train"], shuffled, strict=True):
        example[name] = labels[place]
    assert f"`{name}` should be" in written.findings(examples)[0]


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        ("history_age", [1, 2, 3]),
        ("history_count", [99]),
        ("history_colour", ["x"]),
        ("history_stars", [5.0]),
        ("colour", ["x"]),
        ("tags", ["a"]),
        ("price", [0.5]),
        ("device", ["tv"]),
        ("country", ["c9"]),
        ("label_click", [2.0]),
        ("sampling_probability", [0.5]),
    ],
)
def test_every_feature_is_compared(plain: Written, feature: str, value: list[Any]) -> None:
    examples = copy.deepcopy(plain.examples)
    with_history(examples)[feature] = value
    (finding,) = plain.findings(examples)
    assert f"`{feature}` should be" in finding


def test_a_feature_that_is_missing_is_found(plain: Written) -> None:
    examples = copy.deepcopy(plain.examples)
    del with_history(examples)["history_item"]
    (finding,) = plain.findings(examples)
    assert "`history_item` should be [" in finding
    assert finding.endswith("received []")


def test_a_mask_that_is_wrong_is_found(tmp_path: Path) -> None:
    write_log(tmp_path)
    masked = Written(tmp_path, configuration(tmp_path, **VARIANTS["masks"]))
    example = with_history(masked.examples)
    example["mask_like"] = [1.0 - example["mask_like"][0]]
    (finding,) = masked.findings(masked.examples)
    assert "`mask_like` should be" in finding


def test_an_example_that_is_there_twice_or_not_at_all_is_found(plain: Written) -> None:
    examples = copy.deepcopy(plain.examples)
    examples["train"].append(copy.deepcopy(with_history(examples)))
    (finding,) = plain.findings(examples)
    assert "`examples` should be" in finding
    examples = copy.deepcopy(plain.examples)
    examples["test"].pop()
    (finding,) = plain.findings(examples)
    assert "`examples` should be" in finding


def test_a_repeated_row_that_became_an_example_is_found(plain: Written) -> None:
    first = plain.events.filter(pl.col("order") == 0).row(0, named=True)
    examples = copy.deepcopy(plain.examples)
    repeated = [
        (split, example)
        for split, found in examples.items()
        for example in found
        if (example["user"], example["item"]) == ([first["user"]], [first["item"]])
        and example["timestamp"] == [first["timestamp"]]
    ]
    split, example = repeated[0]
    examples[split].append(copy.deepcopy(example))
    assert any("`examples` should be" in finding for finding in plain.findings(examples))


def test_a_test_event_among_the_training_examples_is_found(plain: Written) -> None:
    examples = copy.deepcopy(plain.examples)
    examples["train"].append(examples["test"].pop())
    findings = plain.findings(examples)
    assert "`validation split` should be after" in findings[0]
    assert "the last in train" in findings[0]


def test_examples_of_a_user_whom_the_log_does_not_know_are_found(plain: Written) -> None:
    examples = copy.deepcopy(plain.examples)
    examples["train"][0]["user"] = ["nobody"]
    assert any("user nobody" in finding for finding in plain.findings(examples))


# From files: what the component does.


def test_users_come_from_as_many_shards_as_it_takes(tmp_path: Path) -> None:
    """Three users in each of four shards: of 8 users at least, 4 a shard at most, three shards give 9."""
    write_log(tmp_path)
    whole = Written(tmp_path, configuration(tmp_path))
    for split, records in whole.records.items():
        folder = tmp_path / "examples" / f"Split-{split}"
        folder.mkdir(parents=True)
        for number in range(4):
            of_shard = [record for record in records if int(features(record)["user"][0][1:]) % 4 == number]
            with ExampleFile(str(folder / f"data_tfrecord-{number:05}-of-00004.gz")) as file:
                file.write(of_shard)
    report = check_examples(str(tmp_path / "examples"), whole.config, users=8)
    report.raise_findings()
    assert report.comparison.users == 9
    assert check_examples(str(tmp_path / "examples"), whole.config, users=100).comparison.users == USERS


def test_files_of_clean_examples_pass(written: Written) -> None:
    report = check_examples(str(written.write()), written.config)
    report.raise_findings()
    assert report.comparison.users == USERS
    assert report.comparison.examples == sum(len(found) for found in written.examples.values())
    is_sampled = written.config.negatives.source == "sampled"
    assert (report.comparison.sampled > 0) == is_sampled
    assert '"findings": {}' in report.as_json()


def test_many_leaks_in_files_are_told_in_one_message(plain: Written) -> None:
    records = {split: list(found) for split, found in plain.records.items()}
    for place, record in enumerate(records["test"]):
        example = tf.train.Example.FromString(record)
        example.features.feature["history_item"].bytes_list.value.append(b"i-from-the-future")
        records["test"][place] = example.SerializeToString()
    with pytest.raises(LeakError) as error:
        check_examples(str(plain.write(records)), plain.config).raise_findings()
    first, *findings, last = str(error.value).splitlines()
    found = re.fullmatch(r"of 6\d\d examples of 12 users, (\d+) values are not what the log says:", first)
    assert found is not None
    count = int(found[1])
    # Of users with more than 50 examples some are passed over.
    assert len(records["test"]) / 2 < count <= len(records["test"])
    assert [line.startswith("user u") for line in findings] == [True] * 5
    assert last == f"and {count - 5} more; in all `history_item` {count}"


def telling_report(folder: Path, **attribute: Any) -> LeakReport:
    """A log whose `copy` is the label for 98 events of 100, and whose `dwell` is there only where it was clicked."""
    draw = np.random.default_rng(3)
    rows = []
    for number in range(3000):
        click = int(draw.random() < 0.3)
        copied = click if draw.random() < 0.98 else 1 - click
        dwell = f"{draw.random():.3f}" if click else ""
        words = "yes|x" if click else "no|x"
        rows.append(f"u{number % 7},i{number % 11},{number},{click},v{copied},{dwell},{words}")
    (folder / "events.csv").write_text("user_id,item_id,at,click,copy,dwell,words\n" + "\n".join(rows))
    for name in ("items", "users"):
        (folder / f"{name}.csv").write_text("id\nx\n")
    config = configuration(folder, attributes=[attribute | {"from": "events"}])
    return check_examples(str(Written(folder, config).write()), config)


@pytest.mark.parametrize(
    "attribute",
    [
        {"name": "copy"},
        {"name": "dwell", "kind": "numeric", "quantiles": 4},
        {"name": "words", "kind": "categorical_list"},
    ],
    ids=lambda attribute: attribute["name"],
)
def test_a_feature_that_tells_the_label_is_refused(tmp_path: Path, attribute: dict[str, Any]) -> None:
    report = telling_report(tmp_path, **attribute)
    with pytest.raises(
        LeakError, match=rf"`{attribute['name']}` alone predicts the label of task click with an AUC of "
    ):
        report.raise_findings()


def test_the_limit_can_be_raised_for_a_feature_that_is_known_in_time(tmp_path: Path) -> None:
    report = telling_report(tmp_path, name="copy")
    (feature,) = report.aucs
    assert feature.auc is not None
    assert 0.95 < feature.auc < 0.99
    LeakReport(report.comparison, report.aucs, limit=0.99).raise_findings()
