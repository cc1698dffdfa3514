"""Specifications are told from configurations by what they hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from interestflow.kubeflow.submission.errors import SubmissionError
from interestflow.kubeflow.submission.specification import DeclaredParameter, read_specification
from tests.kubeflow.submission.specifications import (
    NAME,
    ROOT,
    STEPS,
    pipeline_document,
    platform_document,
    specification_text,
)
from tests.paths import PROJECT


def test_what_a_submission_needs(tmp_path: Path) -> None:
    path = tmp_path / "any-name"
    path.write_text(specification_text())
    specification = read_specification(path)
    assert specification is not None
    assert (specification.text, specification.name, specification.pipeline_root) == (specification_text(), NAME, ROOT)
    assert specification.steps == STEPS
    assert specification.parameters["learning_rate"] == DeclaredParameter("NUMBER_DOUBLE", is_required=False)
    assert list(specification.parameters) == ["days", "learning_rate", "scheduled_time", "span"]


def test_the_digest_is_that_of_the_whole_content(tmp_path: Path) -> None:
    digests = []
    for name, text in (("a", specification_text()), ("b", specification_text()), ("c", specification_text() + "\n")):
        (tmp_path / name).write_text(text)
        specification = read_specification(tmp_path / name)
        assert specification is not None
        digests.append(specification.digest)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("root", [ROOT, f"{ROOT}/", f"{ROOT}/trial"])
def test_roots_that_the_steps_accept(root: str, tmp_path: Path) -> None:
    (tmp_path / "p").write_text(specification_text())
    specification = read_specification(tmp_path / "p")
    assert specification is not None
    assert specification.check_root(root) == root


def test_a_root_that_the_steps_would_refuse(tmp_path: Path) -> None:
    (tmp_path / "p").write_text(specification_text())
    specification = read_specification(tmp_path / "p")
    assert specification is not None
    for root in ("s3://bucket/interestflow/shop", f"{ROOT}ping", "", "gs://bucket"):
        with pytest.raises(SubmissionError) as caught:
            specification.check_root(root)
        assert str(caught.value) == (
            f"`--pipeline-root` should be {ROOT}, which the pipeline was compiled for, or a folder below it, received "
            f"{root!r}"
        )


def test_json_and_a_parameter_without_default(tmp_path: Path) -> None:
    document = pipeline_document()
    document["root"]["inputDefinitions"]["parameters"] = {"span": {"parameterType": "STRING"}}
    (tmp_path / "p.json").write_text(json.dumps(document))
    specification = read_specification(tmp_path / "p.json")
    assert specification is not None
    assert specification.parameters == {"span": DeclaredParameter("STRING", is_required=True)}
    del document["root"]["inputDefinitions"]
    (tmp_path / "p.json").write_text(json.dumps(document))
    specification = read_specification(tmp_path / "p.json")
    assert specification is not None
    assert specification.parameters == {}


@pytest.mark.parametrize("text", ["", "just text", "- a\n- b\n", "a: [", "\x00\x01", "name: shop\nroot: 1\n"])
def test_other_files_are_no_specifications(text: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(text)
    assert read_specification(tmp_path / "file") is None


def test_a_configuration_a_missing_file_and_a_folder_are_none(tmp_path: Path) -> None:
    assert read_specification(PROJECT / "configs" / "demo.yaml") is None
    assert read_specification(tmp_path / "missing.yaml") is None
    assert read_specification(tmp_path) is None
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert read_specification(tmp_path / "binary") is None


def test_documents_that_the_backend_would_drop_or_refuse(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump_all([pipeline_document(), platform_document(), {"more": 1}]))
    with pytest.raises(SubmissionError) as caught:
        read_specification(path)
    assert str(caught.value) == (
        f"{path} should hold one pipeline and at most one platform document, received 3 documents of which 1 are "
        "pipelines and 1 are platforms"
    )
    path.write_text(yaml.safe_dump_all([pipeline_document(), pipeline_document()]))
    with pytest.raises(SubmissionError, match="2 are pipelines and 0 are platforms"):
        read_specification(path)


def test_a_specification_without_tasks(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(pipeline_document(root={"dag": {}})))
    with pytest.raises(SubmissionError) as caught:
        read_specification(path)
    assert str(caught.value) == (
        f"{path} should be a specification as `interestflow compile` writes it, received one that lacks 'tasks'"
    )
