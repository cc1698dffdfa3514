"""Scores of an exported model in this process; `export/test_ranker.py` compares them with the model in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from interestflow.serving.provenance import ScoringError
from interestflow.serving.scorer import Scorer
from tests.serving.exported_cases import ROWS, ExportedModels


@pytest.fixture(scope="module")
def scorer(exported_models: ExportedModels) -> Scorer:
    return Scorer(exported_models.get("din").folder)


def test_rows_score_the_same_by_both_signatures(scorer: Scorer) -> None:
    rows = [{name: value for name, value in row.items() if name != "user"} for row in ROWS]
    by_example, by_tensor = scorer.score(rows)["click"], scorer.score(rows, "predict")["click"]
    assert (by_example.shape, by_example.dtype) == ((len(rows),), np.float32)
    np.testing.assert_allclose(by_example, by_tensor, rtol=0, atol=1e-6)


def test_no_rows_give_no_scores(scorer: Scorer) -> None:
    assert scorer.score([])["click"].shape == (0,)
    assert scorer.score([], "predict")["click"].shape == (0,)


def test_without_candidates_there_are_no_scores(scorer: Scorer) -> None:
    assert scorer.rank({"history_item": ["i1"]}, [])["click"].shape == (0,)


def test_candidates_may_be_ids_or_rows(scorer: Scorer) -> None:
    user = {"history_item": ["i1"], "history_category": ["c1"], "history_age": [5]}
    ranked = scorer.rank(user, ["i2", {"item": "i2"}, "i3"])["click"]
    assert ranked.shape == (3,)
    assert ranked[0] == ranked[1] != ranked[2]


def test_a_feature_on_the_wrong_side_is_named(scorer: Scorer) -> None:
    with pytest.raises(ScoringError, match="the user has price; the model knows history_age, history_category"):
        scorer.rank({"price": 1.0}, [])
    with pytest.raises(ScoringError, match="candidates have user; the model knows category, item, price, tags"):
        scorer.rank({}, [{"item": "i1", "user": "u1"}])


def test_what_cannot_be_scored_is_named(scorer: Scorer, tmp_path: Path) -> None:
    with pytest.raises(ScoringError, match=r"should hold saved_model\.pb"):
        Scorer(tmp_path)
    with pytest.raises(ScoringError, match="rows have colour; the model knows category, history_age"):
        scorer.score([{"colour": "red"}])
    with pytest.raises(ScoringError, match="`item` should be one value"):
        scorer.score([{"item": ["a", "b"]}])
    with pytest.raises(ScoringError, match="`price` should be float32, received 'cheap'"):
        scorer.score([{"price": "cheap"}])
    with pytest.raises(ScoringError, match="`signature` should be serving_default or predict"):
        scorer.score([{}], "train")


def test_a_signature_that_the_model_lacks_is_named(scorer: Scorer) -> None:
    with pytest.raises(ScoringError, match="the model should have the signature encode_user, it has describe, predict"):
        scorer.encode_user([{}])


def test_users_are_encoded_by_a_matcher(exported_models: ExportedModels) -> None:
    model = exported_models.get("comirec")
    rows = [{name: row[name] for name in row if name.startswith("history_")} for row in ROWS]
    expected = model.expected["encode_user"]["user"]
    np.testing.assert_allclose(Scorer(model.folder).encode_user(rows), expected, rtol=1e-5, atol=1e-5)
