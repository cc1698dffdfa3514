"""A specification is parsed by the backend's protobufs, and what the backend or this machine cannot do is refused."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.graph import check_wiring, execution_order
from interestflow.kubeflow.backend.specification import read_specification
from tests.kubeflow.backend.toy_pipelines import ROOT, Step, document, platform, read, write_documents

TOY = document({"Write": Step(writes=("number",))}, {"rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 1.0}})
Change = Callable[[dict[str, Any]], None]


def test_both_documents_are_read(tmp_path: Path) -> None:
    mount = {"pvcMount": [{"constant": "models", "mountPath": "/mnt/models"}]}
    specification = read(tmp_path, TOY, platform(Write=mount))
    assert (specification.name, specification.default_root) == ("toy", ROOT)
    assert list(specification.parameters) == ["rate"]
    assert list(specification.tasks) == ["Write"]
    assert specification.tasks["Write"].container.args == ["{{$}}"]
    assert specification.tasks["Write"].placement.volumes[0].claim == "models"


def test_json_is_read_too(tmp_path: Path) -> None:
    assert list(read_specification(write_documents(tmp_path / "toy.json", TOY)).tasks) == ["Write"]


def container(toy: dict[str, Any]) -> dict[str, Any]:
    return toy["deploymentSpec"]["executors"]["Write_executor"]


def task(toy: dict[str, Any]) -> dict[str, Any]:
    return toy["root"]["dag"]["tasks"]["Write"]


IMPORTER = {"importer": {"artifactUri": {"constant": "gs://b/x"}, "typeSchema": {"schemaTitle": "tfx.Model"}}}
REFUSALS: dict[str, tuple[Change, str]] = {
    "unknown field": (lambda toy: toy.update(pipelineinfo={}), 'has no field named "pipelineinfo"'),
    "unknown field of a container": (
        lambda toy: container(toy)["container"].update(ports=[]),
        '`deploymentSpec`: .*has no field named "ports"',
    ),
    "schema version": (
        lambda toy: toy.update(schemaVersion="2.0.0"),
        "`schemaVersion` should be 2.1.0, but is '2.0.0'",
    ),
    "pipeline name": (
        lambda toy: toy["pipelineInfo"].update(name="My Toy"),
        "`pipelineInfo.name` should be lower-case",
    ),
    "no tasks": (lambda toy: toy["root"]["dag"].clear(), "`root.dag.tasks` is empty"),
    "no component": (lambda toy: toy["components"].clear(), "task `Write`: component `Write` does not exist"),
    "no executor": (
        lambda toy: toy["deploymentSpec"]["executors"].clear(),
        "task `Write`: executor `Write_executor` does not exist",
    ),
    "nested graph": (
        lambda toy: toy["components"].update(Write={"dag": {}}),
        "component `Write` has no `executorLabel`; nested graphs",
    ),
    "other task name": (
        lambda toy: task(toy).update(taskInfo={"name": "X"}),
        "`taskInfo.name` should be 'Write', but is",
    ),
    "resolver": (
        lambda toy: toy["deploymentSpec"]["executors"].update(
            Write_executor={"resolver": {"outputArtifactQueries": {}}}
        ),
        "the backend does not implement resolvers",
    ),
    "importer": (
        lambda toy: toy["deploymentSpec"]["executors"].update(Write_executor=IMPORTER),
        "importers are not executed",
    ),
    "custom job": (
        lambda toy: toy["deploymentSpec"]["executors"].update(Write_executor={"customJob": {"customJob": {}}}),
        "custom jobs exist on Google Cloud alone",
    ),
    "empty executor": (
        lambda toy: toy["deploymentSpec"]["executors"].update(Write_executor={}),
        "executor `Write_executor` is empty",
    ),
    "no image": (lambda toy: container(toy)["container"].pop("image"), "executor `Write_executor` has no `image`"),
    "made volume": (
        lambda toy: container(toy)["container"].update(image="argostub/createpvc"),
        "argostub/createpvc makes or deletes",
    ),
    "no command": (
        lambda toy: container(toy).update(container={"image": "toy:1"}),
        "executor `Write_executor` has no `command`",
    ),
    "life cycle": (
        lambda toy: container(toy)["container"].update(lifecycle={"preCacheCheck": {"command": ["true"]}}),
        "the backend ignores `lifecycle.preCacheCheck`",
    ),
    "name of a task": (
        lambda toy: toy["root"]["dag"]["tasks"].update({"../x": {**task(toy), "taskInfo": {"name": "../x"}}}),
        "task `../x`: a name of a task should be letters, digits, `-` and `_`",
    ),
    "name of an output": (
        lambda toy: toy["components"]["Write"]["outputDefinitions"].update(parameters={"../x": {"parameterType": 3}}),
        "task `Write`: output '../x' should be letters, digits",
    ),
    "resources": (
        lambda toy: container(toy)["container"].update(resources={"resourceMemoryLimit": "8 GB"}),
        "`resourceMemoryLimit` should be a quantity of Kubernetes",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_executed_is_refused(case: str, tmp_path: Path) -> None:
    change, message = REFUSALS[case]
    toy = copy.deepcopy(TOY)
    change(toy)
    with pytest.raises(RefusedError, match=message):
        read(tmp_path, toy)


PLATFORM_REFUSALS = {
    "not kubernetes": ({"platforms": {"google_cloud": {}}}, "the platform document has `google_cloud`"),
    "no platform": ({"platform": {}}, 'has no field named "platform"'),
    "empty platforms": ({"platforms": {}}, "the second document has no `platforms.kubernetes`"),
    "no such executor": (platform(Trainer={}), "names executor `Trainer_executor`, which the pipeline lacks"),
    "unknown field": (
        platform(Write={"sharedMemory": {}}),
        'executor `Write_executor`: .*no field named "sharedMemory"',
    ),
    "workspace": (
        {"platforms": {"kubernetes": {"pipelineConfig": {"workspace": {"size": "1Gi"}}}}},
        "`pipelineConfig` of the",
    ),
}


@pytest.mark.parametrize("case", PLATFORM_REFUSALS)
def test_a_platform_document_that_says_more_than_can_be_done_is_refused(case: str, tmp_path: Path) -> None:
    content, message = PLATFORM_REFUSALS[case]
    with pytest.raises(RefusedError, match=message):
        read(tmp_path, TOY, content)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("toy.yaml", "a: [", "is not YAML"),
        ("toy.json", "{", "is not JSON"),
        ("toy.yaml", "", "at most one platform document, but has 0 documents"),
        ("toy.yaml", "{}\n---\n{}\n---\n{}\n", "but has 3 documents"),
        ("toy.yaml", "- 1", "the pipeline specification should be a mapping, but is a list"),
    ],
)
def test_a_file_of_another_kind_is_refused(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(RefusedError, match=message):
        read_specification(tmp_path / name)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"toy.yaml cannot be read: No such file or directory"):
        read_specification(tmp_path / "toy.yaml")


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from paths(item, (*path, key))


SHORT = {"command": ["true"]}
WHOLE = [
    document(
        {
            "Write": Step(writes=("number",)),
            "Use": Step(reads={"number": "Write.number"}, parameters={"x": (1, "LIST")}),
        },
        {"rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 1.0}},
    ),
    platform(Write={"pvcMount": [{"constant": "models", "mountPath": "/mnt"}], "activeDeadlineSeconds": 3}),
]


@pytest.mark.parametrize("other", [None, 1, "x", [], [1], {"x": 1}], ids=str)
def test_a_value_of_any_other_kind_is_read_or_refused_and_nothing_else(other: Any, tmp_path: Path) -> None:
    places = [(number, path) for number, part in enumerate(WHOLE) for path in paths(part)]
    assert len(places) > 80
    for number, path in places:
        documents = copy.deepcopy(WHOLE)
        parent: Any = documents[number]
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = other
        with contextlib.suppress(RefusedError):
            specification = read(tmp_path, *documents)
            check_wiring(specification)
            execution_order(specification)
