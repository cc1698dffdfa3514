"""Files of clean examples pass; leaks in files, and features that predict the label alone, are reported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.leakage.check import LeakError, LeakReport, check_examples
from tests.transforms.leakage.ingested_log import USERS, IngestedLog, configuration, features, write_log


def test_users_come_from_as_many_shards_as_it_takes(tmp_path: Path) -> None:
    """Three users in each of four shards: of 8 users at least, 4 a shard at most, three shards give 9."""
    write_log(tmp_path)
    log = IngestedLog(tmp_path, configuration(tmp_path))
    for split, records in log.records.items():
        folder = tmp_path / "examples" / f"Split-{split}"
        folder.mkdir(parents=True)
        for index in range(4):
            of_shard = [record for record in records if int(features(record)["user"][0][1:]) % 4 == index]
            with ExampleFile(str(folder / f"data_tfrecord-{index:05}-of-00004.gz")) as file:
                file.write(of_shard)
    report = check_examples(str(tmp_path / "examples"), log.config, users=8)
    report.raise_findings()
    assert report.comparison.users == 9
    assert check_examples(str(tmp_path / "examples"), log.config, users=100).comparison.users == USERS


def test_files_of_clean_examples_pass(ingested: IngestedLog) -> None:
    report = check_examples(str(ingested.write()), ingested.config)
    report.raise_findings()
    assert report.comparison.users == USERS
    assert report.comparison.examples == sum(len(examples) for examples in ingested.examples.values())
    is_sampled = ingested.config.negatives.source == "sampled"
    assert (report.comparison.sampled > 0) == is_sampled
    assert '"findings": {}' in report.as_json()


def test_many_leaks_in_files_are_one_message(plain: IngestedLog) -> None:
    records = {split: list(of_split) for split, of_split in plain.records.items()}
    for index, record in enumerate(records["test"]):
        example = tf.train.Example.FromString(record)
        example.features.feature["history_item"].bytes_list.value.append(b"i-from-the-future")
        records["test"][index] = example.SerializeToString()
    with pytest.raises(LeakError) as error:
        check_examples(str(plain.write(records)), plain.config).raise_findings()
    first, *findings, last = str(error.value).splitlines()
    match = re.fullmatch(r"of 6\d\d examples of 12 users, (\d+) values are not what the log says:", first)
    assert match is not None
    count = int(match[1])
    # Some examples are skipped for users with more than 50.
    assert len(records["test"]) / 2 < count <= len(records["test"])
    assert [line.startswith("user u") for line in findings] == [True] * 5
    assert last == f"and {count - 5} more; in all `history_item` {count}"


def leaking_report(folder: Path, **attribute: Any) -> LeakReport:
    """Check a log whose `copy` is the label for 98 of 100 events, and whose `dwell` is present only if clicked."""
    draw = np.random.default_rng(3)
    rows = []
    for index in range(3000):
        click = int(draw.random() < 0.3)
        copied = click if draw.random() < 0.98 else 1 - click
        dwell = f"{draw.random():.3f}" if click else ""
        words = "yes|x" if click else "no|x"
        rows.append(f"u{index % 7},i{index % 11},{index},{click},v{copied},{dwell},{words}")
    (folder / "events.csv").write_text("user_id,item_id,at,click,copy,dwell,words\n" + "\n".join(rows))
    for name in ("items", "users"):
        (folder / f"{name}.csv").write_text("id\nx\n")
    config = configuration(folder, attributes=[attribute | {"from": "events"}])
    return check_examples(str(IngestedLog(folder, config).write()), config)


@pytest.mark.parametrize(
    "attribute",
    [
        {"name": "copy"},
        {"name": "dwell", "kind": "numeric", "quantiles": 4},
        {"name": "words", "kind": "categorical_list"},
    ],
    ids=lambda attribute: attribute["name"],
)
def test_a_feature_that_predicts_the_label_is_an_error(tmp_path: Path, attribute: dict[str, Any]) -> None:
    report = leaking_report(tmp_path, **attribute)
    with pytest.raises(
        LeakError, match=rf"`{attribute['name']}` alone predicts the label of task click with an AUC of "
    ):
        report.raise_findings()


def test_the_limit_can_be_raised_for_a_feature_that_is_known_in_time(tmp_path: Path) -> None:
    report = leaking_report(tmp_path, name="copy")
    (feature,) = report.aucs
    assert feature.auc is not None
    assert 0.95 < feature.auc < 0.99
    LeakReport(report.comparison, report.aucs, limit=0.99).raise_findings()
