"""Clean examples pass; every kind of leak that is planted in them is found and named."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf
from small_config import shop
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from transforms.config import IngestionConfig
from transforms.example_files import ExampleFile
from transforms.examples import Catalogue, Entities, ShardExamples, sorted_events
from transforms.expected_examples import Features
from transforms.files import list_files
from transforms.leak_check import LeakError, LeakReport, check_files
from transforms.leak_findings import compare
from transforms.splits import SPLITS, find_boundaries
from transforms.tables import read_entities, read_events

EVENTS, USERS, ITEMS = 600, 12, 25
ATTRIBUTES = [
    {"name": "colour", "from": "items", "use": ["target", "history"]},
    {"name": "tags", "from": "items", "kind": "categorical_list", "max_values": 2, "use": ["target", "history"]},
    {"name": "price", "from": "items", "kind": "numeric", "quantiles": 3},
    {"name": "device", "from": "events"},
    {"name": "stars", "from": "events", "kind": "numeric", "quantiles": 3, "use": ["history"]},
    {"name": "country", "from": "users"},
]


def write_log(folder: Path) -> None:
    """Events out of order, many of them simultaneous and some repeated, over two files; tables that lack some ids."""
    draw = np.random.default_rng(5)
    rows = [
        f"u{draw.integers(USERS)},i{draw.integers(ITEMS)},{draw.integers(150)},{draw.integers(2)},"
        f"{draw.choice(['view', 'buy'])},{draw.choice(['web', 'app', ''])},{draw.integers(1, 6)},{draw.integers(2)}"
        for _ in range(EVENTS)
    ]
    rows += rows[:20]
    header = "user_id,item_id,at,click,type,device,stars,seen"
    (folder / "events-1.csv").write_text("\n".join([header, *rows[:200]]))
    (folder / "events-2.csv").write_text("\n".join([header, *rows[200:]]))
    items = [f"i{item},{('red', 'blue', '')[item % 3]},a|b{item % 4}||c,{item / 3}" for item in range(ITEMS - 2)]
    (folder / "items.csv").write_text("\n".join(["id,colour,tags,price", *items]))
    (folder / "users.csv").write_text("\n".join(["id,country", *(f"u{user},c{user % 3}" for user in range(USERS - 1))]))


def configuration(folder: Path, **sections: Any) -> IngestionConfig:
    tables = {name: {"path": f"{name}.csv", "format": "csv", "id": "id"} for name in ("items", "users")}
    sequence = {"max_length": 6, **sections.pop("sequence", {})}
    attributes = sections.pop("attributes", ATTRIBUTES)
    return shop(folder, data=tables, sequence=sequence, features={"attributes": attributes}, **sections)


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "delay": {"sequence": {"availability_delay": 3.5}},
    "behaviours": {"sequence": {"behaviours": {"column": "click"}}},
    "types": {"events": {"event_type": "type"}, "tasks": [{"name": "buy", "label": {"event_types": ["buy"]}}]},
    "masks": {
        "tasks": [
            {"name": "like", "label": {"column": "stars", "at_least": 4}, "mask": {"column": "seen"}},
            {"name": "bad", "label": {"column": "stars", "one_of": [1, 2]}, "mask": {"column": "click"}},
        ]
    },
    "sampled": {"negatives": {"source": "sampled", "per_positive": 2, "distribution": "popularity"}},
    "beside": {"sequence": {"history_negatives": True}},
    "sampled_masks": {
        "negatives": {"source": "sampled"},
        "tasks": [{"name": "like", "label": {"column": "stars", "at_least": 4}, "mask": {"column": "seen"}}],
    },
}


class Written:
    """A log, its examples as ingestion makes them, and what the check needs to compare the two."""

    def __init__(self, folder: Path, config: IngestionConfig) -> None:
        self.config, self.folder = config, folder
        files = list_files(config.data.events, config.data.folder)
        blocks = [table.frame for number, path in enumerate(files) for table in read_events(path, number, config)]
        self.events = pl.concat(blocks)
        attributes = config.features.attributes
        self.tables = [
            read_entities(table, config.data.folder, [a.source_column for a in attributes if a.source == name]).frame
            for name, table in (("items", config.data.items), ("users", config.data.users))
            if table is not None
        ]
        ordered, _ = sorted_events(blocks)
        times, counts = np.unique(ordered.get_column("timestamp").to_numpy(), return_counts=True)
        boundaries = find_boundaries(times, counts, config.split, config.data.events)
        training = ordered.filter(pl.col("timestamp") < boundaries.validation).group_by("item").len().sort("item")
        shard = ShardExamples(
            ordered, config,
            *(Entities.of(frame, tuple(a for a in attributes if a.source == name))
              for frame, name in zip(self.tables, ("items", "users"), strict=True)),
            boundaries, Catalogue(training.get_column("item"), training.get_column("len").to_numpy()),
        )  # fmt: skip
        encoder = RecordBatchToExamplesEncoder()
        self.records = {
            split: [record for batch in shard.batches(split) for record in encoder.encode(batch)] for split in SPLITS
        }
        self.examples = {split: [features(record) for record in records] for split, records in self.records.items()}
        first = self.events.group_by("item").agg(pl.col("timestamp").min())
        self.first_seen = dict(first.iter_rows())

    def findings(self, examples: dict[str, list[Features]]) -> list[str]:
        result = compare(examples, self.events, self.config, *self.tables, self.first_seen, per_user=EVENTS)
        assert result.by_feature.total() >= len(result.findings)
        return [str(finding) for finding in result.findings]

    def write(self, records: dict[str, list[bytes]] | None = None) -> Path:
        folder = self.folder / "examples"
        for split, found in (records or self.records).items():
            (folder / f"Split-{split}").mkdir(parents=True, exist_ok=True)
            with ExampleFile(str(folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz")) as file:
                file.write(found)
        return folder


def features(record: bytes) -> Features:
    found = {}
    for name, feature in tf.train.Example.FromString(record).features.feature.items():
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        found[name] = [value.decode() if isinstance(value, bytes) else value for value in values]
    return found


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


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("sampled")
    write_log(folder)
    return Written(folder, configuration(folder, **VARIANTS["sampled"]))


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


def negative(examples: dict[str, list[Features]]) -> Features:
    return next(
        example
        for example in reversed(examples["train"])
        if example["sampling_probability"][0] < 1.0 and len(example["history_item"]) > 2
    )


def test_a_negative_that_the_user_had_chosen_before_is_found(sampled: Written) -> None:
    examples = copy.deepcopy(sampled.examples)
    example = negative(examples)
    earlier = next(
        other
        for other in examples["train"]
        if other["label_click"] == [1.0]
        and other["user"] == example["user"]
        and other["timestamp"] < example["timestamp"]
    )
    for name in ("item", "colour", "tags", "price"):
        example[name] = earlier[name]
    (finding,) = sampled.findings(examples)
    assert "`negatives` should be an item not chosen before, this one was at 1970-01-01" in finding


def test_a_negative_that_is_the_positive_itself_is_found(sampled: Written) -> None:
    examples = copy.deepcopy(sampled.examples)
    keys = sampled.events.filter(pl.col("click") == "1").group_by("user", "timestamp", "item").len()
    first = keys.group_by("user", "item").agg(pl.col("timestamp").min())
    alone = {
        (user, time): item
        for user, time, item, _ in keys.filter(pl.len().over("user", "timestamp") == 1)
        .join(first, on=["user", "item", "timestamp"], how="semi")
        .select("user", "timestamp", "item", "len")
        .iter_rows()
    }
    example = next(
        found
        for found in examples["train"]
        if found["sampling_probability"][0] < 1.0 and (found["user"][0], found["timestamp"][0]) in alone
    )
    example["item"] = [alone[example["user"][0], example["timestamp"][0]]]
    (finding,) = sampled.findings(examples)
    assert "`negatives` should be another item than the event's own" in finding


def test_more_negatives_than_were_asked_for_are_found(sampled: Written) -> None:
    examples = copy.deepcopy(sampled.examples)
    example = negative(examples)
    examples["train"] += [copy.deepcopy(example) for _ in range(50)]
    assert "`negatives` should be at most" in sampled.findings(examples)[0]


def test_a_negative_with_another_history_than_its_positive_is_found(sampled: Written) -> None:
    examples = copy.deepcopy(sampled.examples)
    negative(examples)["history_item"][-1] = "i-from-the-future"
    (finding,) = sampled.findings(examples)
    assert "`history_item` should be" in finding


def test_a_negative_with_a_label_is_found(sampled: Written) -> None:
    examples = copy.deepcopy(sampled.examples)
    negative(examples)["label_click"] = [1.0]
    (finding,) = sampled.findings(examples)
    assert "`label_click` should be 0.0, received 1.0" in finding


def test_a_negative_from_after_the_training_window_is_found(sampled: Written) -> None:
    item = negative(sampled.examples)["item"][0]
    later = {**sampled.first_seen, item: 10**12}
    result = compare(sampled.examples, sampled.events, sampled.config, *sampled.tables, later)
    assert "`negatives` should be an item of the training window, this one first appears 1970-01-12" in str(
        result.findings[0]
    )


# From files: what the component does.


def test_items_beside_behaviours_that_should_not_be_are_found(tmp_path: Path) -> None:
    write_log(tmp_path)
    beside = Written(tmp_path, configuration(tmp_path, **VARIANTS["beside"]))
    name = "history_negative_item"

    def found(split: str, change: Callable[[Features], list[Any]]) -> list[str]:
        examples = copy.deepcopy(beside.examples)
        example = next(example for example in examples[split] if len(example["history_item"]) > 1)
        example[name] = change(example)
        return beside.findings(examples)

    (finding,) = found("train", lambda example: example["history_item"][:1] + example[name][1:])
    assert f"`{name}` should be another item than the behaviour's own" in finding
    (finding,) = found("train", lambda example: example[name][1:])
    assert f"`{name}` should be " in finding
    (finding,) = found("test", lambda example: example["history_item"][::-1])
    assert f"`{name}` should be 0 values, received " in finding
    beside.first_seen["later"] = 10**12
    (finding,) = found("train", lambda example: ["later", *example[name][1:]])
    assert f"`{name}` should be an item of the training window, this one first appears" in finding


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
    report = check_files(str(tmp_path / "examples"), whole.config, users=8)
    report.raise_findings()
    assert report.comparison.users == 9
    assert check_files(str(tmp_path / "examples"), whole.config, users=100).comparison.users == USERS


def test_files_of_clean_examples_pass(written: Written) -> None:
    report = check_files(str(written.write()), written.config)
    report.raise_findings()
    assert report.comparison.users == USERS
    assert report.comparison.examples == sum(len(found) for found in written.examples.values())
    is_sampled = written.config.negatives.source == "sampled"
    assert (report.comparison.drawn > 0) == is_sampled
    assert '"findings": {}' in report.as_json()


def test_many_leaks_in_files_are_told_in_one_message(plain: Written) -> None:
    records = {split: list(found) for split, found in plain.records.items()}
    for place, record in enumerate(records["test"]):
        example = tf.train.Example.FromString(record)
        example.features.feature["history_item"].bytes_list.value.append(b"i-from-the-future")
        records["test"][place] = example.SerializeToString()
    with pytest.raises(LeakError) as error:
        check_files(str(plain.write(records)), plain.config).raise_findings()
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
    return check_files(str(Written(folder, config).write()), config)


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
    with pytest.raises(LeakError, match=rf"`{attribute['name']}` alone tells the label of task click with an AUC of "):
        report.raise_findings()


def test_the_limit_can_be_raised_for_a_feature_that_is_known_in_time(tmp_path: Path) -> None:
    report = telling_report(tmp_path, name="copy")
    (telling,) = report.tellings
    assert telling.auc is not None
    assert 0.95 < telling.auc < 0.99
    LeakReport(report.comparison, report.tellings, limit=0.99).raise_findings()
