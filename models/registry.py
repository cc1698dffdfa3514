"""Registry of models: finds a `ModelSpec` by the name that configurations use, and builds models. Imports no Keras.

The models of this project are listed here. A package outside it registers a model by an entry point of the group
`interestflow.models`, whose name is the model's and whose object is its `ModelSpec`. An entry point is loaded on first
use of its model, so that a package that cannot be imported never affects other models.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from interestflow.models.hyperparameters import ModelHyperparameters
from interestflow.models.matchers import (
    bpr_mf_spec,
    comirec_spec,
    desmil_spec,
    hcn_spec,
    idnp_spec,
    kgat_spec,
    popularity_spec,
    two_tower_spec,
)
from interestflow.models.rankers import (
    dien_spec,
    diffumin_spec,
    din_spec,
    hcn_ranker_spec,
    infnet_spec,
    pooled_spec,
    shared_bottom_spec,
    tin_spec,
)
from interestflow.models.spec import Family, ModelSpec

if TYPE_CHECKING:
    from interestflow.models.catalogue import Catalogue
    from interestflow.models.graphs.collaborative_graph import CollaborativeGraph
    from interestflow.models.inputs import ModelInputs
    from interestflow.models.matchers.base import Matcher
    from interestflow.models.rankers.base import Ranker
    from interestflow.models.tensor import Tensor

ENTRY_POINT_GROUP = "interestflow.models"
BUILT_IN: dict[str, ModelSpec] = {
    module.SPEC.name: module.SPEC
    for module in (
        pooled_spec, din_spec, dien_spec, tin_spec, diffumin_spec, infnet_spec, shared_bottom_spec, hcn_ranker_spec,
        popularity_spec, two_tower_spec, comirec_spec, bpr_mf_spec, hcn_spec, desmil_spec, idnp_spec, kgat_spec,
    )
}  # fmt: skip


class ModelRegistrationError(ValueError):
    """A model that another package registers cannot be used; the message names the package."""


def names(family: Family | None = None) -> tuple[str, ...]:
    """Return the names of all registered models in alphabetical order, without importing outside packages.

    Args:
        family: "ranker" or "matcher" for the models of one family; of outside models these are loaded.
    """
    if family is not None:
        return tuple(sorted(spec.name for spec in specs() if spec.family == family))
    return tuple(sorted({*BUILT_IN, *(point.name for point in _entry_points())}))


def specs() -> tuple[ModelSpec, ...]:
    """Return the specs of all registered models: this project's, then outside ones by name.

    An outside model that cannot be loaded is left out with a `RuntimeWarning` that names its package.
    """
    registered = list(BUILT_IN.values())
    for name in sorted({point.name for point in _entry_points()}):
        try:
            outside = spec(name)
        except ModelRegistrationError as error:
            warnings.warn(str(error), RuntimeWarning, stacklevel=2)
        else:
            registered.append(outside)
    return tuple(registered)


def spec(name: str) -> ModelSpec:
    """Return the spec of the model `name`.

    Raises:
        ModelRegistrationError: if its package cannot be imported, does not hold a `ModelSpec` of that name, or
            registers a name that is taken.
        ValueError: if no model has that name.
    """
    points = [point for point in _entry_points() if point.name == name]
    owners = [_distribution(point) for point in points]
    if name in BUILT_IN:
        owners.insert(0, "interestflow")
    if len(owners) > 1:
        raise ModelRegistrationError(
            f"`name` {name!r} should be registered by one package, received {' and '.join(owners)}"
        )
    if name in BUILT_IN:
        return BUILT_IN[name]
    if not points:
        raise ValueError(f"`name` should be one of {', '.join(names())}, received {name!r}")
    return _load(points[0])


def parse_hyperparameters(name: str, values: Mapping[str, Any]) -> ModelHyperparameters:
    """Return the hyper-parameters of the model `name` with the given `values` and its defaults.

    Raises:
        ValueError: if no model has that name, or a value is not one that its key allows (a pydantic ValidationError).
    """
    return spec(name).hyperparameters.model_validate({**values, "name": name})


def build_ranker(
    name: str,
    inputs: ModelInputs,
    hyperparameters: ModelHyperparameters | Mapping[str, Any],
    item_counts: Tensor | None = None,
) -> Ranker:
    """Build the ranker `name` with all its weights.

    Args:
        name: the name of a registered ranker.
        inputs: names, shapes and sizes of the input tensors.
        hyperparameters: an instance of the class in the model's spec, or a mapping of its keys.
        item_counts: [inputs.item_rows], the number of training instances in which each item appears, as target or in
            the history; needed if `hyperparameters.item_counts_key` is not None.

    Raises:
        ValueError: if there is no such ranker, or something that it needs is missing.
    """
    model = _of_family(name, "ranker")
    if not isinstance(hyperparameters, ModelHyperparameters):
        hyperparameters = parse_hyperparameters(name, hyperparameters)
    key = hyperparameters.item_counts_key
    if key is not None and item_counts is None:
        raise ValueError(f"`item_counts` is needed where `{key}` is more than 0, received None")
    ranker: Ranker = model.load()(inputs, hyperparameters, item_counts)
    ranker.build()
    return ranker


def build_matcher(
    name: str,
    inputs: ModelInputs,
    hyperparameters: ModelHyperparameters | Mapping[str, Any],
    catalogue: Catalogue,
    graph: CollaborativeGraph | None = None,
) -> Matcher:
    """Build the matcher `name` with all its weights.

    Args:
        name: the name of a registered matcher.
        inputs: names, shapes and sizes of the input tensors.
        hyperparameters: an instance of the class in the model's spec, or a mapping of its keys.
        catalogue: all items.
        graph: graph of users, items and the items' entities; only for models whose spec has `needs_graph`.

    Raises:
        ValueError: if there is no such matcher, or the catalogue does not fit `inputs`.
    """
    model = _of_family(name, "matcher")
    if not isinstance(hyperparameters, ModelHyperparameters):
        hyperparameters = parse_hyperparameters(name, hyperparameters)
    options = {"graph": graph} if model.needs_graph else {}
    matcher: Matcher = model.load()(inputs, hyperparameters, catalogue, **options)
    matcher.build()
    return matcher


def _of_family(name: str, family: Family) -> ModelSpec:
    """Return the spec of the model `name`, which should be of `family`."""
    if name in names():
        model = spec(name)
        if model.family == family:
            return model
    raise ValueError(f"`name` should be one of {', '.join(names(family))}, received {name!r}")


def _entry_points() -> tuple[EntryPoint, ...]:
    return _entry_points_on(tuple(sys.path))


@lru_cache(maxsize=1)
def _entry_points_on(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Return the entry points of the packages on `path`, which is `sys.path`: finding them reads a file of each."""
    return tuple(entry_points(group=ENTRY_POINT_GROUP))


def _distribution(point: EntryPoint) -> str:
    """Return the name of the package that declares an entry point."""
    return point.dist.name if point.dist is not None else point.module


def _load(point: EntryPoint) -> ModelSpec:
    """Return the `ModelSpec` that an entry point names."""
    origin = f"the model {point.name!r} of the package {_distribution(point)} ({point.value})"
    try:
        loaded = point.load()
    except Exception as error:  # the import of an outside package may raise anything
        raise ModelRegistrationError(f"{origin} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(loaded, ModelSpec):
        raise ModelRegistrationError(f"{origin} should be a ModelSpec, received {type(loaded).__name__}")
    if loaded.name != point.name:
        raise ModelRegistrationError(
            f"{origin} should have the `name` of its entry point, {point.name!r}, received {loaded.name!r}"
        )
    return loaded
