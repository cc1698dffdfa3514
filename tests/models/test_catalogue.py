"""The item catalogue, stored as weights of a matcher."""

from __future__ import annotations

import numpy as np
import pytest

from interestflow.models.catalogue import Catalogue, CatalogueTensors
from tests.models.support.random_features import RICH, make_catalogue


def test_an_item_has_the_tensors_of_its_row() -> None:
    catalogue = make_catalogue(RICH)
    tensors = CatalogueTensors(RICH, catalogue)
    ids = np.array([3, 20, 3])
    features = tensors.features(ids)
    assert set(features) == RICH.candidate_tensors == {"item", "category", "tags", "price"}
    for name, values in features.items():
        np.testing.assert_array_equal(values, catalogue.tensors[name][ids])
    assert tensors.trainable_variables == []


def test_probabilities_are_shares_of_all_positives() -> None:
    counts = np.arange(21.0)  # 210 in all
    catalogue = Catalogue(make_catalogue(RICH).tensors, counts)
    np.testing.assert_allclose(CatalogueTensors(RICH, catalogue).probabilities(np.array([0, 7])), [0.0, 7 / 210])


def test_without_a_catalogue_there_are_zeros() -> None:
    tensors = CatalogueTensors(RICH, None)
    assert not np.any(tensors.features(np.array([4]))["tags"])
    np.testing.assert_array_equal(tensors.probabilities(np.array([4])), [0.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price": None}, "the catalogue should have `price`, received category, item, tags"),
        ({"tags": np.zeros((21, 2))}, r"`tags` of the catalogue should have shape \(21, 3\), received \(21, 2\)"),
        ({"item": np.arange(1, 22)}, "`item` of the catalogue should count up from 0"),
    ],
)
def test_what_does_not_fit(change: dict[str, np.ndarray | None], message: str) -> None:
    catalogue = make_catalogue(RICH)
    tensors = {name: values for name, values in (catalogue.tensors | change).items() if values is not None}
    with pytest.raises(ValueError, match=message):
        CatalogueTensors(RICH, Catalogue(tensors, catalogue.counts))


def test_counts_are_one_a_row() -> None:
    catalogue = make_catalogue(RICH)
    with pytest.raises(ValueError, match=r"`counts` of the catalogue should have shape \(21,\), received \(20,\)"):
        CatalogueTensors(RICH, Catalogue(catalogue.tensors, catalogue.counts[1:]))
