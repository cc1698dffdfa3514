"""Tests of evaluating an exported matcher on raw examples, against a plain search through the same examples."""

from __future__ import annotations

import math
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

import tests.pipeline.support.exported_matchers as small
from interestflow.pipeline.evaluation import query_ranker
from interestflow.pipeline.evaluation.evaluate import evaluate
from interestflow.pipeline.evaluation.matchers import evaluate_matcher
from interestflow.pipeline.evaluation.result import Evaluation, EvaluationError, RetrievalMetrics
from tests.beam_arguments import BEAM_ARGUMENTS
from tests.pipeline.support import exported_rankers

OPTIONS = PipelineOptions(BEAM_ARGUMENTS)
ROWS = small.make_rows()
CATALOGUE = [f"i{index}" for index in range(small.ITEMS)]
COUNTS = Counter(row["item"] for row in ROWS["train"] if row["label_click"])
HEAD = sorted(CATALOGUE, key=lambda item: (-COUNTS[item], int(item[1:])))[: round(0.2 * small.ITEMS)]


def vector(item: str) -> np.ndarray:
    return small.VECTORS[int(item[1:])]


def queries(sign: float = 1.0, by_popularity: bool = False) -> list[dict[str, Any]]:
    """Return each positive of the test window with its rank and list by plain search, unless it is repeated."""
    results = []
    for row in (row for row in ROWS["test"] if row["label_click"]):
        earlier = {
            other["item"]
            for split in ROWS.values()
            for other in split
            if other["label_click"] and other["user"] == row["user"] and other["timestamp"] < row["timestamp"]
        } | set(row["history_item"])
        if row["item"] in earlier:
            results.append(row | {"repeated": True})
            continue
        if by_popularity:
            scores = {item: float(COUNTS[item]) for item in CATALOGUE}
        else:
            past = [vector(item) for item in row["history_item"]]
            interests = [np.mean(past, axis=0), past[-1]] if past else [np.zeros(4), np.zeros(4)]
            scores = {item: max(float(sign * vector(item) @ v) for v in interests) for item in CATALOGUE}
        scores = {item: score for item, score in scores.items() if item not in earlier}
        target_score = scores.get(row["item"])
        rank = None
        if target_score is not None:
            above = sum(score > target_score + 1e-6 for score in scores.values())
            rank = above + (sum(abs(score - target_score) <= 1e-6 for score in scores.values()) - 1) // 2
        ordered = sorted(scores, key=lambda item: -scores[item])
        results.append(row | {"repeated": False, "rank": rank, "list": ordered})
    return results


def mean_over_users(rows: list[dict[str, Any]], value: Any) -> float:
    users = {row["user"] for row in rows}
    return float(np.mean([np.mean([value(row) for row in rows if row["user"] == user]) for user in users]))


def is_hit(row: dict[str, Any], cutoff: int) -> bool:
    return row["rank"] is not None and row["rank"] < cutoff


def gain(row: dict[str, Any], cutoff: int) -> float:
    return 1 / math.log2(row["rank"] + 2) if is_hit(row, cutoff) else 0.0


def check(metrics: RetrievalMetrics, rows: list[dict[str, Any]], lists: bool) -> None:
    """Check every metric of the targets, and of the lists if no two scores tie, against the rows."""
    assert metrics.examples == len(rows)
    assert metrics.users == len({row["user"] for row in rows})
    assert metrics.unreachable == sum(row["rank"] is None for row in rows)
    for cutoff in (10, 20, 50):
        assert metrics.value(f"recall_{cutoff}") == pytest.approx(mean_over_users(rows, partial(is_hit, cutoff=cutoff)))
        gains = mean_over_users(rows, partial(gain, cutoff=cutoff))
        assert metrics.value(f"ndcg_{cutoff}") == pytest.approx(gains)
        users = {row["user"] for row in rows}
        hits = [any(is_hit(row, cutoff) for row in rows if row["user"] == user) for user in users]
        assert metrics.value(f"hit_rate_{cutoff}") == pytest.approx(np.mean(hits))
        shown = [row["list"][:cutoff] for row in rows]
        if not lists:
            assert metrics.value(f"coverage_{cutoff}") is None
            continue
        assert metrics.value(f"coverage_{cutoff}") == pytest.approx(
            len({i for one in shown for i in one}) / small.ITEMS
        )
        total = sum(COUNTS[item] for item in CATALOGUE) + small.ITEMS
        bits = [-math.log2((COUNTS[item] + 1) / total) for one in shown for item in one]
        assert metrics.value(f"novelty_{cutoff}") == pytest.approx(np.mean(bits))
        diversities = [np.mean([a[-1] != b[-1] for a in one for b in one if a != b]) for one in shown]
        assert metrics.value(f"diversity_{cutoff}") == pytest.approx(np.mean(diversities))


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write(ROWS, tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def evaluation(examples: Path, output: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    folder = tmp_path_factory.mktemp("models")
    model, champion = small.export_matcher(folder / "model"), small.export_matcher(folder / "champion", sign=-1.0)
    with pytest.MonkeyPatch.context() as patch:  # so that a file has several chunks of queries
        patch.setattr(query_ranker, "MAX_SCORES", 7 * small.ITEMS)
        return evaluate(small.config(), str(model), str(champion), str(examples), str(output), OPTIONS)


def with_history(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["history_item"]]


def test_the_examples_have_what_matters() -> None:
    """There are repeated positives, items outside the catalogue, new users and users without history."""
    rows = queries()
    assert sum(row["repeated"] for row in rows) > 5
    first_queries = [row for row in rows if not row["repeated"]]
    assert sum(row["rank"] is None for row in first_queries) > 2
    assert any(row["slice_user"] == "new" for row in first_queries)
    assert any(not row["history_item"] for row in first_queries)


def test_overall_figures_are_those_of_a_plain_search(evaluation: Evaluation) -> None:
    rows = queries()
    overall = evaluation.model.tasks["click"].overall
    assert isinstance(overall, RetrievalMetrics)
    assert overall.repeated == sum(row["repeated"] for row in rows)
    first_queries = [row for row in rows if not row["repeated"]]
    assert evaluation.examples == len(first_queries)
    for name in ("recall", "hit_rate", "ndcg"):  # of lists whose items tie, more than one is right
        assert overall.value(f"{name}_10") is not None
    targets = {
        name: value for name, value in overall.figures.items() if name.split("_")[0] in ("recall", "ndcg", "hit")
    }
    check(overall.model_copy(update={"figures": targets}), first_queries, lists=False)


def test_lists_are_those_of_a_plain_search(evaluation: Evaluation) -> None:
    """Compare by device, since all users of one device have a history at their first query."""
    parts = {part.value: part.metrics for part in evaluation.model.tasks["click"].slices if part.name == "device"}
    for device, metrics in parts.items():
        rows = [row for row in queries() if not row["repeated"] and row["device"] == device]
        if len(with_history(rows)) == len(rows):
            check(metrics, rows, lists=True)
            break
    else:
        pytest.fail("no slice is without ties")


def test_slices_are_of_queries(evaluation: Evaluation) -> None:
    rows = [row for row in queries() if not row["repeated"]]
    parts = {(part.name, part.value): part.metrics for part in evaluation.model.tasks["click"].slices}
    popularity = {
        "head": [row for row in rows if row["item"] in HEAD],
        "tail": [row for row in rows if row["item"] in CATALOGUE and row["item"] not in HEAD],
        "unlisted": [row for row in rows if row["item"] not in CATALOGUE],
    }
    assert all(popularity.values())
    for value, members in popularity.items():
        check(parts["popularity", value], members, lists=False)
    check_new = [row for row in rows if row["slice_user"] == "new"]
    assert parts["user", "new"].examples == len(check_new)
    assert [name for name, _ in parts][-3:] == ["popularity"] * 3


def test_champion_and_popularity_are_evaluated_too(evaluation: Evaluation, output: Path) -> None:
    assert evaluation.champion is not None
    assert evaluation.popularity is not None
    first_queries = [row for row in queries(sign=-1.0) if not row["repeated"]]
    champion = evaluation.champion.tasks["click"].overall
    expected = mean_over_users(first_queries, lambda row: is_hit(row, 10))
    assert champion.value("recall_10") == pytest.approx(expected)
    first_queries = [row for row in queries(by_popularity=True) if not row["repeated"]]
    popular = evaluation.popularity.tasks["click"].overall
    assert popular.value("ndcg_20") == pytest.approx(mean_over_users(first_queries, partial(gain, cutoff=20)))
    assert Evaluation.read(str(output)) == evaluation


def test_later_events_of_a_user_change_nothing_earlier(examples: Path, tmp_path: Path) -> None:
    """With a test window cut to its first half by time, the remaining queries keep their ranks."""
    model = small.export_matcher(tmp_path / "model")
    middle = int(np.median([row["timestamp"] for row in ROWS["test"]]))
    cut = ROWS | {"test": [row for row in ROWS["test"] if row["timestamp"] <= middle]}
    folder = small.write(cut, tmp_path / "examples")
    evaluated = evaluate_matcher(small.config(), str(model), str(folder), str(tmp_path / "out"), OPTIONS).model
    first_queries = [row for row in queries() if not row["repeated"] and row["timestamp"] <= middle]
    overall = evaluated.tasks["click"].overall
    assert overall.examples == len(first_queries)
    assert overall.value("recall_10") == pytest.approx(mean_over_users(first_queries, lambda row: is_hit(row, 10)))


def problem(examples: Path, folder: Path, model: Path) -> str:
    with pytest.raises(EvaluationError) as caught:
        evaluate_matcher(small.config(), str(model), str(examples), str(folder / "out"), OPTIONS)
    return str(caught.value)


def test_a_ranker_is_no_matcher(examples: Path, tmp_path: Path) -> None:
    ranker = exported_rankers.export_model(tmp_path / "ranker", name="din")
    assert problem(examples, tmp_path, ranker) == f"the model in {ranker} should be a matcher, it is din, a ranker"


def test_a_champion_that_is_a_ranker_is_a_problem_and_not_an_error(examples: Path, tmp_path: Path) -> None:
    model = small.export_matcher(tmp_path / "model")
    ranker = exported_rankers.export_model(tmp_path / "ranker", name="din")
    evaluation = evaluate(small.config(), str(model), str(ranker), str(examples), str(tmp_path / "out"), OPTIONS)
    assert evaluation.champion is None
    assert evaluation.champion_problem == f"the model in {ranker} should be a matcher, it is din, a ranker"


def test_without_items_there_is_nothing_to_rank(tmp_path: Path) -> None:
    folder = small.write(ROWS, tmp_path / "examples", items=0)
    model = small.export_matcher(tmp_path / "model")
    assert problem(folder, tmp_path, model) == "the split of items is empty: there is nothing to rank"
