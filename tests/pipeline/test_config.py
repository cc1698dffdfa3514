"""Loading a configuration: paths of data, constraints between sections, and the dependencies of each step."""

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from interestflow.pipeline.config import ConfigurationError, PipelineConfig, load
from tests.pipeline.small_config import BASE, mistakes_in, write


@pytest.fixture
def mistakes(tmp_path: Path) -> Callable[[str, str], list[str]]:
    """Return a function that loads the base with one piece replaced, and returns the sentences that refuse it."""

    def mistakes(old: str, new: str) -> list[str]:
        assert BASE.count(old) >= 1
        return mistakes_in(tmp_path, BASE.replace(old, new, 1))

    return mistakes


def test_the_base_itself_loads(tmp_path):
    config = load(write(tmp_path, BASE))
    assert config.sequence.max_length == 20
    assert config.model.embedding_dimension == 16
    assert config.data.events.timestamp_unit == "s"


@pytest.mark.parametrize("file", sorted(Path(__file__).parents[2].glob("configs/*.yaml")), ids=lambda file: file.stem)
def test_every_shipped_configuration_loads(file):
    assert isinstance(load(file), PipelineConfig)


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


def test_a_folder_that_is_a_link_keeps_its_name(tmp_path):
    """The cluster has the folder, and not the link of this machine."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    assert load(write(tmp_path, BASE), f"{tmp_path}/data/./logs").data.folder == f"{tmp_path}/data/logs"


KUBEFLOW_VARIANTS = {"demo-kubeflow": "demo", "matcher-kubeflow": "demo-matcher"}


@pytest.mark.parametrize(("variant", "demo"), KUBEFLOW_VARIANTS.items())
def test_the_demos_on_kubeflow_differ_in_their_places_alone(variant, demo):
    """So their metrics can be compared."""
    documents = [yaml.safe_load(Path(__file__).parents[2].joinpath(f"configs/{name}.yaml").read_text())
                 for name in (variant, demo)]  # fmt: skip
    for document in documents:
        del document["data"]["folder"]
    assert set(documents[0]) - set(documents[1]) == {"deployment", "kubeflow", "storage"}
    del documents[0]["kubeflow"], documents[0]["storage"], documents[0]["deployment"], documents[1]["generate"]
    assert documents[0] == documents[1]


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
