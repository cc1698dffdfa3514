"""A model of another package: installed, found by its entry point, configured in YAML and trained."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from interestflow.models import registry
from interestflow.models.registry import ModelRegistrationError, build_ranker
from interestflow.pipeline.config import ConfigurationError, PipelineConfig, load
from interestflow.pipeline.config_schema import json_schema
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.loop import train
from tests.pipeline.small_config import BASE
from tests.pipeline.support import training_examples

FILES = {
    "pyproject.toml": """
        [build-system]
        requires = ["setuptools"]
        build-backend = "setuptools.build_meta"

        [project]
        name = "clicks-by-dot-product"
        version = "1.2"

        [project.entry-points."interestflow.models"]
        dot_product = "dot_product.spec:SPEC"

        [tool.setuptools]
        packages = ["dot_product"]
        """,
    "dot_product/__init__.py": "",
    "dot_product/spec.py": '''
        from typing import Literal

        from pydantic import Field

        from interestflow.models.hyperparameters import EmbeddingDimension
        from interestflow.models.rankers.hyperparameters import RankerHyperparameters
        from interestflow.models.spec import ModelSpec


        class DotProductHyperparameters(RankerHyperparameters):
            """Hyper-parameters of the dot product of history and candidate."""

            name: Literal["dot_product"] = Field("dot_product", description="Name of the model.")
            embedding_dimension: EmbeddingDimension = 8
            scale: float = Field(1.0, gt=0.0, description="Factor of the dot product.")


        SPEC = ModelSpec(
            name="dot_product",
            family="ranker",
            implementation="dot_product.model:DotProduct",
            hyperparameters=DotProductHyperparameters,
            paper="None",
            summary="Dot product of the mean of the history and the candidate.",
            baseline="pooled",
        )
        ''',
    "dot_product/model.py": '''
        import keras
        from dot_product.spec import DotProductHyperparameters
        from interestflow.models import Ranker
        from interestflow.models.layers.core.masked_ops import masked_mean
        from interestflow.models.layers.embedding.item_embedding import ItemEmbedding
        from keras import ops


        @keras.saving.register_keras_serializable(package="dot_product")
        class DotProduct(Ranker):
            """`logit = Dense(scale * <mean of the history, candidate>)`."""

            Hyperparameters = DotProductHyperparameters

            def __init__(self, inputs, hyperparameters, item_counts=None, name=None):
                super().__init__(inputs, hyperparameters, item_counts, name)
                self.items = ItemEmbedding(inputs, hyperparameters.embedding_dimension, name="items")
                self.output_layer = keras.layers.Dense(len(inputs.tasks), dtype="float32", name="output_layer")

            def encode_user(self, features, training=None):
                history, mask = self.items.history(features, training=training)
                return masked_mean(history, mask)

            def score_candidates(self, user, features, training=None):
                target = self.items.candidate(features, training=training)
                product = ops.sum(user * target, axis=-1, keepdims=True)
                scaled = self.hyperparameters.scale * product
                return self.to_logits(self.output_layer(ops.concatenate([scaled, target], axis=-1)))
        ''',
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder to which the package is installed by its own build."""
    folder = tmp_path_factory.mktemp("outside")
    for name, text in FILES.items():
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "source" / name).write_text(textwrap.dedent(text))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    options = ["--no-deps", "--no-build-isolation", "--target", str(folder / "site"), str(folder / "source")]
    subprocess.run([*pip, *options], check=True, timeout=300)
    return folder / "site"


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the package importable during the test, and not after it."""
    monkeypatch.syspath_prepend(str(site))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "dot_product"]:
        del sys.modules[name]


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make a package that has nothing but an entry point."""

    def register(package: str, name: str, value: str) -> None:
        folder = tmp_path / package
        information = folder / f"{package.replace('-', '_')}-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(f"[interestflow.models]\n{name} = {value}\n")
        monkeypatch.syspath_prepend(str(folder))

    return register


def configuration(folder: Path, model: str) -> Path:
    path = folder / "outside.yaml"
    path.write_text(BASE.replace("model:\n  name: din\n", f"model: {model}\n"))
    return path


@pytest.mark.usefixtures("installed")
def test_it_is_trained_from_a_configuration(tmp_path: Path) -> None:
    config = load(configuration(tmp_path, "{name: dot_product, embedding_dimension: 4, scale: 0.5}"))
    assert "dot_product.model" not in sys.modules, "the model itself should be imported when it is built"
    config = PipelineConfig.model_validate_json(config.for_training().model_dump_json())  # as TFX hands it over
    assert config.model.model_dump() == {"name": "dot_product", "embedding_dimension": 4, "scale": 0.5}
    assert not config.is_matcher
    assert config.plain.name == "pooled"
    splits = []
    for seed, count in ((5, 320), (6, 100)):
        pattern = training_examples.write(training_examples.make_rows(count, seed), tmp_path / str(seed), files=1)
        splits.append(Split.read([pattern], training_examples.INPUTS, 100))
    inputs = training_examples.INPUTS
    training = config.training.model_copy(update={"batch_size": 32, "epochs": 3})
    result = train(training, lambda: build_ranker(config.model.name, inputs, config.model), *splits)
    assert type(result.model).__module__ == "dot_product.model"
    assert result.summary["validation"]["auc"] > 0.6  # clicks depend on the item, see `make_rows`
    weights = np.concatenate([np.ravel(weight) for weight in result.model.get_weights()])
    assert np.isfinite(weights).all()


@pytest.mark.usefixtures("installed")
def test_it_is_listed_and_its_keys_are_checked(tmp_path: Path) -> None:
    assert "dot_product" in registry.names()
    assert "dot_product" in registry.names("ranker")
    assert registry.spec("dot_product").summary.startswith("Dot product")
    with pytest.raises(ConfigurationError) as caught:
        load(configuration(tmp_path, "{name: dot_product, scale: 0, embeding_dimension: 4}"))
    location = f"({tmp_path / 'outside.yaml'}, line 26)"
    assert str(caught.value).splitlines() == [
        f"`model.scale` should be more than 0, received 0 {location}",
        f"`model.embeding_dimension` is not a key that is known here; did you mean `embedding_dimension`? {location}",
    ]


def test_without_the_package_its_name_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"`model.name` should be one of .*, received 'dot_product'"):
        load(configuration(tmp_path, "{name: dot_product}"))


def test_a_package_that_cannot_be_imported_breaks_nothing_else(register: Callable[..., None], tmp_path: Path) -> None:
    register("broken-models", "broken", "no_such_module:SPEC")
    expected = (
        "the model 'broken' of the package broken-models (no_such_module:SPEC) cannot be loaded: "
        "ModuleNotFoundError: No module named 'no_such_module'"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(configuration(tmp_path, "{name: din}")).model.name == "din"
        assert registry.spec("din").name == "din"
        assert "broken" in registry.names()
    with pytest.raises(ModelRegistrationError) as caught:
        registry.spec("broken")
    assert str(caught.value) == expected
    with pytest.warns(RuntimeWarning, match="broken-models"):
        assert {spec.name for spec in registry.specs()} == set(registry.BUILT_IN)
    with pytest.warns(RuntimeWarning, match="broken-models"):
        assert "$defs" in json_schema()
    with pytest.raises(ConfigurationError) as mistake:
        load(configuration(tmp_path, "{name: broken}"))
    assert str(mistake.value) == f"`model`: {expected} ({tmp_path / 'outside.yaml'}, line 26)"


def test_two_packages_with_one_name(register: Callable[..., None]) -> None:
    register("one-package", "twice", "one:SPEC")
    register("another-package", "twice", "another:SPEC")
    with pytest.raises(ModelRegistrationError, match=r"`name` 'twice' should be registered by one package, received "):
        registry.spec("twice")


def test_a_package_with_a_name_of_ours(register: Callable[..., None]) -> None:
    register("my-din", "din", "mine:SPEC")
    with pytest.raises(ModelRegistrationError, match="by one package, received interestflow and my-din"):
        registry.spec("din")
    assert registry.spec("tin").name == "tin"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("interestflow.models.rankers.din_spec:DINHyperparameters", "should be a ModelSpec, received ModelMetaclass"),
        (
            "interestflow.models.rankers.din_spec:SPEC",
            "should have the `name` of its entry point, 'mine', received 'din'",
        ),
    ],
)
def test_an_object_that_does_not_fit(register: Callable[..., None], value: str, problem: str) -> None:
    register("my-models", "mine", value)
    with pytest.raises(ModelRegistrationError) as caught:
        registry.spec("mine")
    assert str(caught.value) == f"the model 'mine' of the package my-models ({value}) {problem}"
