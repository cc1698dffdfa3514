"""Finds a model by the name that configurations use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interestflow.models.catalogue import Catalogue
from interestflow.models.graphs.collaborative_graph import CollaborativeGraph
from interestflow.models.inputs import ModelInputs
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
from interestflow.models.training_config import HYPERPARAMETERS, Section

RANKERS: dict[str, type[Ranker]] = {
    "pooled": PooledRanker,
    "din": DIN,
    "dien": DIEN,
    "tin": TIN,
    "diffumin": DiffuMIN,
    "infnet": INFNet,
    "shared_bottom": SharedBottom,
    "hcn_ranker": HCNRanker,
}

MATCHERS: dict[str, type[Matcher]] = {
    "popularity": Popularity,
    "two_tower": TwoTower,
    "comirec": ComiRec,
    "bpr_mf": BPRMF,
    "hcn": HCN,
    "desmil": DESMIL,
    "idnp": IDNP,
    "kgat": KGAT,
}


def build_ranker(
    name: str, inputs: ModelInputs, hyperparameters: Section | Mapping[str, Any], item_counts: Any | None = None
) -> Ranker:
    """The ranker `name`, with all its weights made.

    Args:
        name: a key of `RANKERS`.
        inputs: which tensors there are, and their sizes.
        hyperparameters: of the class that `HYPERPARAMETERS` has under `name`, or a mapping that it accepts.
        item_counts: [inputs.item_rows], in how many training instances each item appears, as target or in the history;
            needed by a mini-batch-aware L2 alone.

    Raises:
        ValueError: where there is no such model, or what it needs is missing.
    """
    if name not in RANKERS:
        raise ValueError(f"`name` should be one of {', '.join(sorted(RANKERS))}, received {name!r}")
    if not isinstance(hyperparameters, Section):
        hyperparameters = HYPERPARAMETERS[name].model_validate(dict(hyperparameters))
    if getattr(hyperparameters, "mini_batch_aware_l2", 0.0) and item_counts is None:
        raise ValueError("`item_counts` is needed where `mini_batch_aware_l2` is more than 0, received None")
    ranker = RANKERS[name](inputs, hyperparameters, item_counts)
    ranker.build()
    return ranker


def build_matcher(
    name: str,
    inputs: ModelInputs,
    hyperparameters: Section | Mapping[str, Any],
    catalogue: Catalogue,
    graph: CollaborativeGraph | None = None,
) -> Matcher:
    """The matcher `name`, with all its weights made.

    Args:
        name: a key of `MATCHERS`.
        inputs: which tensors there are, and their sizes.
        hyperparameters: of the class that `HYPERPARAMETERS` has under `name`, or a mapping that it accepts.
        catalogue: all items.
        graph: of users, items and what is known of items; for KGAT alone.

    Raises:
        ValueError: where there is no such model, or the catalogue is not that of `inputs`.
    """
    if name not in MATCHERS:
        raise ValueError(f"`name` should be one of {', '.join(sorted(MATCHERS))}, received {name!r}")
    if not isinstance(hyperparameters, Section):
        hyperparameters = HYPERPARAMETERS[name].model_validate(dict(hyperparameters))
    further = {"graph": graph} if name == "kgat" else {}
    found: Any = MATCHERS[name]
    matcher: Matcher = found(inputs, hyperparameters, catalogue, **further)
    matcher.build()
    return matcher
