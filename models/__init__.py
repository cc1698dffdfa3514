"""Click-through rankers and multi-interest matchers for Keras 3, with their layers, losses and optimizers.

Each model is imported on first use, with only the modules it needs:

    from interestflow.models import DIN, ModelInputs
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interestflow.models.catalogue import Catalogue
    from interestflow.models.inputs import CategoricalInput, ModelInputs, NumericInput
    from interestflow.models.matchers.base import Matcher
    from interestflow.models.matchers.bpr_mf import BPRMF
    from interestflow.models.matchers.comirec import ComiRec
    from interestflow.models.matchers.desmil import DESMIL
    from interestflow.models.matchers.hcn import HCN
    from interestflow.models.matchers.idnp import IDNP
    from interestflow.models.matchers.kgat import KGAT
    from interestflow.models.matchers.popularity import Popularity
    from interestflow.models.matchers.two_tower import TwoTower
    from interestflow.models.rankers.base import Ranker
    from interestflow.models.rankers.dien import DIEN
    from interestflow.models.rankers.diffumin import DiffuMIN
    from interestflow.models.rankers.din import DIN
    from interestflow.models.rankers.hcn_ranker import HCNRanker
    from interestflow.models.rankers.infnet import INFNet
    from interestflow.models.rankers.pooled import PooledRanker
    from interestflow.models.rankers.shared_bottom import SharedBottom
    from interestflow.models.rankers.tin import TIN
    from interestflow.models.registry import build_matcher, build_ranker
    from interestflow.models.spec import ModelSpec

__all__ = [
    "BPRMF",
    "DESMIL",
    "DIEN",
    "DIN",
    "HCN",
    "IDNP",
    "KGAT",
    "TIN",
    "Catalogue",
    "CategoricalInput",
    "ComiRec",
    "DiffuMIN",
    "HCNRanker",
    "INFNet",
    "Matcher",
    "ModelInputs",
    "ModelSpec",
    "NumericInput",
    "PooledRanker",
    "Popularity",
    "Ranker",
    "SharedBottom",
    "TwoTower",
    "build_matcher",
    "build_ranker",
]

_MODULES = {
    "Catalogue": "catalogue",
    "CategoricalInput": "inputs",
    "Matcher": "matchers.base",
    "ModelInputs": "inputs",
    "ModelSpec": "spec",
    "NumericInput": "inputs",
    "Ranker": "rankers.base",
    "build_matcher": "registry",
    "build_ranker": "registry",
}
"""Module, relative to this package, of every public name but the models, which the registry has."""


def __getattr__(name: str) -> Any:
    """Import and return the public name `name`."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    from interestflow.models.registry import BUILT_IN

    return next(spec.load() for spec in BUILT_IN.values() if spec.implementation.endswith(f":{name}"))


def __dir__() -> list[str]:
    """List the public names, for completion."""
    return sorted({*globals(), *__all__})
