"""Parts that the evaluations of both families share: the champion, a model's inputs and the test files."""

from __future__ import annotations

from pathlib import Path

import pytest

import tests.pipeline.support.exported_rankers as small
from interestflow.pipeline.evaluation.common import (
    check_inputs,
    evaluate_champion,
    files_of_test_split,
    read_model_provenance,
)
from interestflow.pipeline.evaluation.result import EvaluationError, ModelEvaluation

MODEL = ModelEvaluation(name="din", fingerprint="abc", folder="somewhere", tasks={})


def test_a_champion_is_evaluated_where_there_is_one() -> None:
    assert evaluate_champion(None, pytest.fail) == (None, None)
    assert evaluate_champion("somewhere", lambda folder: MODEL.model_copy(update={"folder": folder})) == (MODEL, None)


def test_a_champion_that_cannot_be_evaluated_is_a_problem_and_not_an_error() -> None:
    def evaluate(folder: str) -> ModelEvaluation:
        raise EvaluationError(f"{folder} is broken")

    assert evaluate_champion("somewhere", evaluate) == (None, "somewhere is broken")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"should hold saved_model\.pb"):
        read_model_provenance(str(tmp_path))


def test_features_of_the_model_are_compared_with_those_of_the_examples() -> None:
    config = small.config()
    check_inputs(config, "model", {"raw_inputs": [{"name": "device", "dtype": "string", "kind": "value"}]})
    with pytest.raises(EvaluationError, match="needs the feature `colour`, which the examples do not have"):
        check_inputs(config, "model", {"raw_inputs": [{"name": "colour", "dtype": "string", "kind": "value"}]})
    with pytest.raises(EvaluationError, match="`tags` as value of string, the examples have it as list of string"):
        check_inputs(config, "model", {"raw_inputs": [{"name": "tags", "dtype": "string", "kind": "value"}]})


def test_files_of_the_test_split_are_sorted_and_should_exist(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"no file of test examples matches .*Split-test"):
        files_of_test_split(str(tmp_path))
    small.write_examples(small.make_rows(8), tmp_path, files=3)
    files = files_of_test_split(str(tmp_path))
    assert files == sorted(files)
    assert len(files) == 3
