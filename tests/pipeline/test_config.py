"""Every mistake in a configuration is one sentence with key, expectation, value, file and line."""

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from models.config import HYPERPARAMETERS
from pipeline.config import ConfigurationError, PipelineConfig, load

NAMES = ", ".join(sorted(HYPERPARAMETERS))

# Line numbers below are those of this text.
BASE = """\
name: small
data:
  events:
    path: events.csv
    format: csv
    user: user
    item: item
    timestamp: time
    event_type: kind
    event_types: [view, buy]
    true_probability: truth
  items: {path: items.csv, format: csv, id: item}
  users: {path: users.csv, format: csv, id: user}
tasks:
  - name: click
    label: {column: clicked}
  - name: buy
    label: {event_types: [buy]}
sequence:
  max_length: 20
features:
  attributes:
    - {name: category, from: items, use: [target, history]}
    - {name: device, from: events}
split: {train: 0.8, validation: 0.1, test: 0.1}
model:
  name: din
training:
  epochs: 2
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "small.yaml"
    path.write_text(text)
    return path


@pytest.fixture
def mistakes(tmp_path):
    """Loads the base with one piece replaced; gives the sentences, less the file's folder."""

    def mistakes(old: str, new: str) -> list[str]:
        assert BASE.count(old) >= 1
        path = write(tmp_path, BASE.replace(old, new, 1))
        with pytest.raises(ConfigurationError) as caught:
            load(path)
        return str(caught.value).replace(f"{tmp_path}/", "").splitlines()

    return mistakes


def test_the_base_itself_loads(tmp_path):
    config = load(write(tmp_path, BASE))
    assert config.sequence.max_length == 20
    assert config.model.hyperparameters.embedding_dimension == 16
    assert config.data.events.timestamp_unit == "s"


@pytest.mark.parametrize("file", sorted(Path(__file__).parents[2].glob("configs/*.yaml")), ids=lambda file: file.stem)
def test_every_shipped_configuration_loads(file):
    assert isinstance(load(file), PipelineConfig)


ONE_MISTAKE = {
    # Unknown keys
    "unknown at the top": (
        "sequence:\n",
        "sequense:\n",
        "`sequense` is not a key that is known here; did you mean `sequence`? (small.yaml, line 19)",
    ),
    "unknown in a section": (
        "  max_length: 20",
        "  maximum_length: 20",
        "`sequence.maximum_length` is not a key that is known here; did you mean `max_length`? (small.yaml, line 20)",
    ),
    "unknown like none": (
        "  max_length: 20",
        "  zzz: 20",
        "`sequence.zzz` is not a key that is known here; known are `behaviours`, `max_length`, `availability_delay`, "
        "`history_negatives` (small.yaml, line 20)",
    ),
    "unknown in a list": (
        "{name: device, from: events}",
        "{name: device, from: events, colum: x}",
        "`features.attributes.1.colum` is not a key that is known here; did you mean `column`? (small.yaml, line 24)",
    ),
    "unknown hyper-parameter": (
        "  name: din",
        "  name: din\n  embedding_dimensions: 8",
        "`model.embedding_dimensions` is not a key that is known here; did you mean `embedding_dimension`? "
        "(small.yaml, line 28)",
    ),
    # Types
    "text for a whole number": (
        "max_length: 20",
        "max_length: twenty",
        "`sequence.max_length` should be a whole number, received 'twenty' (small.yaml, line 20)",
    ),
    "a fraction for a whole number": (
        "max_length: 20",
        "max_length: 20.5",
        "`sequence.max_length` should be a whole number, received 20.5 (small.yaml, line 20)",
    ),
    "text for a number": (
        "train: 0.8",
        "train: most",
        "`split.train` should be a number, received 'most' (small.yaml, line 25)",
    ),
    "a number for text": (
        "    user: user",
        "    user: 3",
        "`data.events.user` should be text, in quotes, received 3 (small.yaml, line 6)",
    ),
    "nothing for text": (
        "    user: user",
        "    user:",
        "`data.events.user` should be text, received nothing (small.yaml, line 6)",
    ),
    "text for a section": (
        "model:\n  name: din",
        "model: din",
        "`model` should be a section of keys, received 'din' (small.yaml, line 26)",
    ),
    "text for an entry": (
        "{name: device, from: events}",
        "device",
        "`features.attributes.1` should be a section of keys, received 'device' (small.yaml, line 24)",
    ),
    "a list for number or text": (
        "test: 0.1}",
        "test: 0.1, validation_from: [1], test_from: 3}",
        "`split.validation_from` should be a number or text, received [1] (small.yaml, line 25)",
    ),
    # Ranges
    "too small": (
        "max_length: 20",
        "max_length: 0",
        "`sequence.max_length` should be at least 1, received 0 (small.yaml, line 20)",
    ),
    "too large": (
        "train: 0.8",
        "train: 1.9",
        "`split.train` should be at most 1, received 1.9 (small.yaml, line 25)",
    ),
    "hyper-parameter too small": (
        "  name: din",
        "  name: din\n  tower_units: [20, 0]",
        "`model.tower_units.1` should be at least 1, received 0 (small.yaml, line 28)",
    ),
    "one of a few": (
        "format: csv",
        "format: xls",
        "`data.events.format` should be one of csv, tsv, jsonl or parquet, received 'xls' (small.yaml, line 5)",
    ),
    "a metric that is none": (
        "  epochs: 2",
        "  epochs: 2\nevaluation: {gate: {at_least: {aucc: 0.7}}}",
        "`evaluation.gate.at_least.aucc` should be one of auc, gauc, log_loss, ece, recall_10, recall_20, recall_50, "
        "ndcg_10, ndcg_20, ndcg_50, hit_rate_10, hit_rate_20, hit_rate_50, coverage_10, coverage_20, coverage_50, "
        "diversity_10, diversity_20, diversity_50, novelty_10, novelty_20 or novelty_50, received 'aucc' "
        "(small.yaml, line 30)",
    ),
    "name of a task": (
        "- name: click",
        "- name: Click it",
        "`tasks.0.name` should be lower-case letters, digits and _, from a letter on, received 'Click it' "
        "(small.yaml, line 15)",
    ),
    "name of the whole": (
        "name: small",
        "name: Small_1",
        "`name` should be lower-case letters, digits and -, from a letter on, received 'Small_1' (small.yaml, line 1)",
    ),
    "no way to select": (
        "    label: {column: clicked}\n  - name: buy\n    label: {event_types: [buy]}\n",
        "    label: {}\n",
        "`tasks.0.label` should name exactly one of `every_event`, `event_types` and `column` (small.yaml, line 16)",
    ),
    "shares that do not sum to 1": (
        "train: 0.8",
        "train: 0.9",
        "`split`: `train`, `validation` and `test` should sum to 1, received 1.1 (small.yaml, line 25)",
    ),
    "instants in the wrong order": (
        "test: 0.1}",
        "test: 0.1, validation_from: 9, test_from: 4}",
        "`split.test_from` should be later than `validation_from`, 9.0, received 4.0 (small.yaml, line 25)",
    ),
    "one instant": (
        "test: 0.1}",
        "test: 0.1, test_from: 4}",
        "`split` should have both `validation_from` and `test_from`, or neither (small.yaml, line 25)",
    ),
    # Missing
    "missing section": ("model:\n  name: din\n", "", "`model` is missing (small.yaml, line 1)"),
    "missing key": ("    user: user\n", "", "`data.events.user` is missing (small.yaml, line 3)"),
    "missing model name": ("  name: din", "  dropout: 0.1", "`model.name` is missing (small.yaml, line 26)"),
    # Models
    "unknown model": (
        "name: din",
        "name: dinn",
        f"`model.name` should be one of {NAMES}, received 'dinn' (small.yaml, line 27)",
    ),
    "a ranker's metric for a matcher": (
        "name: din\n",
        "name: two_tower\nevaluation: {gate: {at_least: {auc: 0.7}}}\n",
        "`evaluation.gate.at_least.auc` is a metric of rankers, but two_tower is a matcher, whose metrics are "
        "recall_10, recall_20, recall_50, ndcg_10, ndcg_20, ndcg_50, hit_rate_10, hit_rate_20, hit_rate_50, "
        "coverage_10, coverage_20, coverage_50, diversity_10, diversity_20, diversity_50, novelty_10, novelty_20, "
        "novelty_50 (small.yaml, line 28)",
    ),
    "a matcher's metric for a ranker": (
        "training:",
        "evaluation: {gate: {champion_margin: {ndcg_10: 0.01}}}\ntraining:",
        "`evaluation.gate.champion_margin.ndcg_10` is a metric of matchers, but din is a ranker, whose metrics are "
        "auc, gauc, log_loss, ece (small.yaml, line 28)",
    ),
    "early stopping of another kind": (
        "  epochs: 2",
        "  epochs: 2\n  early_stopping: {metric: recall_50}",
        "`training.early_stopping.metric` should be auc or log_loss for a ranker, received 'recall_50' "
        "(small.yaml, line 30)",
    ),
    "a baseline of another kind": (
        "training:",
        "baseline: {name: two_tower}\ntraining:",
        "`baseline.name` should be a ranker, as din is, received 'two_tower' (small.yaml, line 28)",
    ),
    "a matcher that needs users": (
        "name: din\n",
        "name: bpr_mf\n",
        "`features.user.in_model` should be true, since `model.name` bpr_mf has a vector of each user, received false "
        "(small.yaml, line 21)",
    ),
    "unknown baseline": (
        "training:",
        "baseline: {name: poled}\ntraining:",
        f"`baseline.name` should be one of {NAMES}, received 'poled' (small.yaml, line 28)",
    ),
    # Leaks
    "label column beside the target": (
        "{name: device, from: events}",
        "{name: device, from: events, column: clicked}",
        "`features.attributes.1` would show the model column 'clicked', from which the label is made; `use` should be "
        "[history] (small.yaml, line 24)",
    ),
    "event type beside the target": (
        "{name: device, from: events}",
        "{name: kind, from: events}",
        "`features.attributes.1` would show the model column 'kind', from which the label is made; `use` should be "
        "[history] (small.yaml, line 24)",
    ),
    "mask column beside the target": (
        "label: {column: clicked}",
        "label: {column: clicked}\n    mask: {column: device}",
        "`features.attributes.1` would show the model column 'device', from which the label is made; `use` should be "
        "[history] (small.yaml, line 25)",
    ),
    "the truth": (
        "{name: device, from: events}",
        "{name: device, from: events, column: truth, use: [history]}",
        "`features.attributes.1` would show the model column 'truth', the true click probability (small.yaml, line 24)",
    ),
    # Clashes
    "name of a feature twice": (
        "{name: device, from: events}",
        "{name: category, from: events}",
        "`features.attributes.1.name` 'category' is taken; names of features should be unique (small.yaml, line 24)",
    ),
    "name of a feature made here": (
        "{name: device, from: events}",
        "{name: timestamp, from: events}",
        "`features.attributes.1.name` 'timestamp' is taken; names of features should be unique (small.yaml, line 24)",
    ),
    "start of a feature made here": (
        "{name: device, from: events}",
        "{name: history_device, from: events}",
        "`features.attributes.1.name` 'history_device' clashes with a feature that is made here; rename it "
        "(small.yaml, line 24)",
    ),
    "along the history like one made here": (
        "{name: device, from: events}",
        "{name: age, from: events, use: [history]}",
        "`features.attributes.1.name` 'age' clashes with a feature that is made here; rename it (small.yaml, line 24)",
    ),
    "name of a task twice": (
        "- name: buy",
        "- name: click",
        "`tasks.1.name` 'click' is taken; names of tasks should be unique (small.yaml, line 17)",
    ),
    # Sections that do not fit together
    "attribute of a table that is not there": (
        "  items: {path: items.csv, format: csv, id: item}\n",
        "",
        "`features.attributes.0.from` is 'items', but `data.items` is missing (small.yaml, line 22)",
    ),
    "event types without their column": (
        "    event_type: kind\n",
        "",
        "`tasks.1.label.event_types` needs `data.events.event_type`, the column that says an event's type "
        "(small.yaml, line 17)",
    ),
    "an event type that is none": (
        "{event_types: [buy]}",
        "{event_types: [buys]}",
        "`tasks.1.label.event_types` should be among `data.events.event_types`, received buys (small.yaml, line 18)",
    ),
    "two comparisons": (
        "{column: clicked}",
        "{column: clicked, at_least: 1, at_most: 2}",
        "`tasks.0.label` should have at most one of `at_least`, `at_most` and `one_of`, beside a `column` "
        "(small.yaml, line 16)",
    ),
    "hashing and a vocabulary": (
        "{name: device, from: events}",
        "{name: device, from: events, hash_buckets: 8, vocabulary_size: 9}",
        "`features.attributes.1` should have `hash_buckets` or a vocabulary (`vocabulary_size`, `minimum_count`), "
        "not both (small.yaml, line 24)",
    ),
    "buckets of a category": (
        "{name: device, from: events}",
        "{name: device, from: events, quantiles: 4}",
        "`features.attributes.1`: `boundaries` and `quantiles` bucket numbers, received kind 'categorical' "
        "(small.yaml, line 24)",
    ),
    "boundaries that fall": (
        "{name: device, from: events}",
        "{name: device, from: events, kind: numeric, boundaries: [3, 1]}",
        "`features.attributes.1.boundaries` should be numbers that rise, received [3.0, 1.0] (small.yaml, line 24)",
    ),
    "a user's attribute along the history": (
        "{name: device, from: events}",
        "{name: gender, from: users, use: [history]}",
        "`features.attributes.1.use` should be [target], since a user's attribute is the same along the whole history "
        "(small.yaml, line 24)",
    ),
    "a number along the history": (
        "{name: device, from: events}",
        "{name: price, from: items, kind: numeric, use: [history]}",
        "`features.attributes.1` should have `boundaries` or `quantiles`, as every numeric attribute along the history "
        "(small.yaml, line 24)",
    ),
    "a slice that is none": (
        "  epochs: 2",
        "  epochs: 2\nevaluation:\n  slices: [user, devise]",
        "`evaluation.slices.1` should be one of category, device, history_length, item, user, received 'devise' "
        "(small.yaml, line 31)",
    ),
    "a slice by a number without boundaries": (
        "    - {name: device, from: events}\n",
        "    - {name: price, from: items, kind: numeric, quantiles: 4}\nevaluation: {slices: [price]}\n",
        "`evaluation.slices.0` 'price' is a number, which can be sliced by its `boundaries` alone "
        "(small.yaml, line 25)",
    ),
    "fewer items than categories": (
        "  epochs: 2",
        "  epochs: 2\ngenerate: {items: 20, categories: 30}",
        "`generate.items` should be at least `categories`, 30, received 20 (small.yaml, line 30)",
    ),
    # YAML itself
    "given twice": (
        "  epochs: 2",
        "  epochs: 2\n  epochs: 3",
        "`training.epochs` is given twice (small.yaml, line 30)",
    ),
    "given twice in a list": (
        "{name: device, from: events}",
        "{name: device, from: events, name: other}",
        "`features.attributes.1.name` is given twice (small.yaml, line 24)",
    ),
    "not YAML": (
        "name: small",
        "name: small\n  data: - 3",
        "small.yaml, line 2 is not valid YAML: mapping values are not allowed here",
    ),
    "an unfinished quote": (
        "  epochs: 2",
        "  epochs: '2",
        "small.yaml, line 30 is not valid YAML: found unexpected end of stream",
    ),
}


@pytest.mark.parametrize(("old", "new", "expected"), ONE_MISTAKE.values(), ids=ONE_MISTAKE.keys())
def test_one_mistake_is_one_sentence(mistakes, old, new, expected):
    assert mistakes(old, new) == [expected]


def test_several_mistakes_are_several_sentences(mistakes):
    assert mistakes("  max_length: 20", "  max_length: 0\n  availability_delay: -1\n  length: 3") == [
        "`sequence.max_length` should be at least 1, received 0 (small.yaml, line 20)",
        "`sequence.availability_delay` should be at least 0, received -1 (small.yaml, line 21)",
        "`sequence.length` is not a key that is known here; did you mean `max_length`? (small.yaml, line 22)",
    ]


def test_no_task_at_all(tmp_path):
    text = BASE.replace(BASE[BASE.index("tasks:") : BASE.index("sequence:")], "tasks: []\n")
    with pytest.raises(ConfigurationError, match=r"^`tasks` should be at least 1 long, received \[\] \(.*, line 14\)$"):
        load(write(tmp_path, text))


def test_a_long_value_is_cut(mistakes):
    (sentence,) = mistakes("max_length: 20", f"max_length: {'x' * 500}")
    assert len(sentence) < 200
    assert "xxx..." in sentence


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words\n"])
def test_a_document_without_sections(tmp_path, text):
    with pytest.raises(ConfigurationError, match="should hold a mapping of sections"):
        load(write(tmp_path, text))


def test_what_xla_cannot_compile(tmp_path):
    text = BASE.replace("features:", "features:\n  user: {in_model: true}").replace("name: din", "name: kgat")
    text = text.replace("epochs: 2", "xla: true")
    expected = "`training.xla` should be false, since `model.name` kgat multiplies by a sparse matrix"
    with pytest.raises(ConfigurationError, match=expected) as caught:
        load(write(tmp_path, text))
    assert str(caught.value).endswith("received true (" + str(tmp_path / "small.yaml") + ", line 30)")
    assert load(write(tmp_path, text.replace("kgat", "bpr_mf"))).training.xla


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match=r"absent\.yaml cannot be read: No such file or directory"):
        load(tmp_path / "absent.yaml")


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"small\.yaml cannot be read"):
        load(path)


def test_dates_without_quotes_are_instants(tmp_path):
    config = load(
        write(tmp_path, BASE.replace("test: 0.1}", "test: 0.1, validation_from: 2024-01-31, test_from: 2024-02-05}"))
    )
    assert config.split.validation_from == datetime.date(2024, 1, 31).isoformat()
    assert config.split.test_from == "2024-02-05"


def test_where_the_data_are(tmp_path, monkeypatch):
    """The argument comes before the file, the file before the variable, the variable before the file's own folder."""
    monkeypatch.delenv("INTERESTFLOW_DATA", raising=False)
    plain = write(tmp_path, BASE)
    assert load(plain).data.folder == str(tmp_path)
    monkeypatch.setenv("INTERESTFLOW_DATA", "/variable")
    assert load(plain).data.folder == "/variable"
    named = write(tmp_path, BASE.replace("data:\n", "data:\n  folder: /file\n"))
    assert load(named).data.folder == "/file"
    assert load(named, "/argument").data.folder == "/argument"


def test_folders_become_absolute_and_addresses_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, BASE)
    assert load(path, "logs").data.folder == str(tmp_path / "logs")
    assert load(path, "gs://bucket/logs").data.folder == "gs://bucket/logs"


def test_what_a_step_does_not_depend_on_leaves_its_configuration_alone(tmp_path):
    plain = load(write(tmp_path, BASE))
    gated = load(write(tmp_path, BASE + "evaluation: {gate: {at_least: {auc: 0.7}}}\n"))
    assert plain.for_training() == gated.for_training()
    assert plain.for_evaluation() == gated.for_evaluation()
    sliced = load(write(tmp_path, BASE + "evaluation: {slices: [user]}\n"))
    assert plain.for_evaluation() != sliced.for_evaluation()
    assert plain.ingestion() == gated.ingestion()
    longer = load(write(tmp_path, BASE.replace("epochs: 2", "epochs: 3")))
    assert plain.for_training() != longer.for_training()
    assert plain.for_evaluation() == longer.for_evaluation()


def test_the_seed_reaches_model_and_baseline(tmp_path):
    config = load(write(tmp_path, BASE + "baseline_training: {epochs: 1}\n")).with_seed(5)
    assert (config.training.seed, config.for_baseline().training.seed) == (5, 5)
    assert config.for_baseline().training.epochs == 1
    assert config.for_baseline().model.name == "pooled"


def test_the_layout_of_embedding_tables(tmp_path: Path, mistakes: Callable[[str, str], list[str]]) -> None:
    layouts = "embeddings:\n  item: {kind: quotient_remainder, buckets: 50}\n"
    config = load(
        write(tmp_path, BASE + layouts + "  category: {kind: quotient_remainder, buckets: 3, combine: sum}\n")
    )
    assert (config.embeddings["item"].buckets, config.embeddings["item"].combine) == (50, "product")
    assert config.for_evaluation().embeddings == {}
    assert mistakes("training:", layouts.replace("item:", "itme:") + "training:") == [
        "`embeddings.itme` should be the layout of one of category, device, item, received 'itme' (small.yaml, line 29)"
    ]
    assert mistakes("training:", layouts.replace("50", "1") + "training:") == [
        "`embeddings.item.buckets` should be at least 2, received 1 (small.yaml, line 29)"
    ]
    # A user's table is there where the model has the user.
    assert mistakes("training:", layouts.replace("item:", "user:") + "training:")
    load(
        write(
            tmp_path,
            (BASE + layouts.replace("item:", "user:")).replace("features:", "features:\n  user: {in_model: true}"),
        )
    )


def test_a_penalty_by_item_needs_a_row_for_each(mistakes: Callable[[str, str], list[str]]) -> None:
    layouts = "embeddings:\n  item: {kind: quotient_remainder, buckets: 50}\n"
    assert mistakes("  name: din\n", "  name: din\n  mini_batch_aware_l2: 0.1\n" + layouts) == [
        "`model.mini_batch_aware_l2` weighs the row of each item by how rare it is, and with `embeddings.item` items "
        "have no rows of their own; one of the two should go (small.yaml, line 28)"
    ]


def test_a_dense_optimizer_goes_with_one_of_rows(mistakes: Callable[[str, str], list[str]]) -> None:
    dense = "  optimizer: {name: adam, dense: {name: sgd, learning_rate: 0.1}}\n"
    assert mistakes("  epochs: 2\n", dense) == [
        "`training.optimizer.name` should be one of sparse_adagrad, rowwise_adagrad, lazy_adam where there is a "
        "`dense` one, received 'adam' (small.yaml, line 29)"
    ]
