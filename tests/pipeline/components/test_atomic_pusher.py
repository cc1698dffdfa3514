"""Pushing a model is atomic for a server that polls the folder."""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path

import pytest
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.utils import proto_utils

from interestflow import storage
from interestflow.pipeline.components.atomic_pusher import AtomicPusher, ModelRefusedError, push_model
from interestflow.pipeline.gates.champion import find_champion
from interestflow.pipeline.gates.quality import Verdict
from interestflow.pipeline.gates.serving import ServingVerdict
from interestflow.serving.publish import INCOMING
from tests.object_stores import ObjectStore
from tests.pipeline.components.step_execution import execute, make_artifact

FILES = 400


@pytest.fixture
def model(tmp_path: Path) -> Artifact:
    """Return a model of many files, so that copying takes a while."""
    folder = tmp_path / "model" / "Format-Serving"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    for index in range(FILES):
        (folder / "variables" / f"part-{index}").write_bytes(b"weights" * 1000)
    return make_artifact(tmp_path / "model", standard_artifacts.Model)


def push(
    model: Artifact, folder: Path, blessed: float = 1, serving: str | None = None, custom_config: str = "null"
) -> Artifact:
    blessing = make_artifact(folder / "blessing", standard_artifacts.ModelBlessing)
    if isinstance(blessed, int):
        blessing.set_int_custom_property("blessed", blessed)
    else:
        blessing.set_float_custom_property("blessed", blessed)
    pushed = make_artifact(folder / "record", standard_artifacts.PushedModel)
    filesystem = pusher_pb2.PushDestination.Filesystem(base_directory=serving or str(folder / "serving"))
    destination = pusher_pb2.PushDestination(filesystem=filesystem)
    execute(
        AtomicPusher,
        {"model": model, "model_blessing": blessing},
        {"pushed_model": pushed},
        push_destination=proto_utils.proto_to_json(destination),
        custom_config=custom_config,
    )
    return pushed


def test_whoever_looks_never_sees_half_a_version(model: Artifact, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    serving.mkdir()
    ended, observed = threading.Event(), set()

    def look() -> None:
        while not ended.is_set():
            for folder in serving.iterdir():
                if folder.name.isdecimal():
                    observed.add(len(list(folder.rglob("part-*"))))

    looking = threading.Thread(target=look)
    looking.start()
    pushed = push(model, tmp_path)
    ended.set()
    looking.join()
    (version,) = serving.iterdir()
    assert version.name.isdecimal()
    assert sorted(path.name for path in version.iterdir()) == ["saved_model.pb", "variables"]
    assert len(list((version / "variables").iterdir())) == FILES
    assert observed <= {FILES}
    assert pushed.get_string_custom_property("pushed_destination") == str(version)
    assert pushed.get_string_custom_property("pushed_version") == version.name
    assert (Path(pushed.uri) / "saved_model.pb").is_file()


def test_what_a_push_that_was_cut_off_left_is_removed(model: Artifact, tmp_path: Path) -> None:
    left = tmp_path / "serving" / INCOMING / "1700000000"
    left.mkdir(parents=True)
    (left / "half").write_text("of a model")
    push(model, tmp_path)
    (version,) = (tmp_path / "serving").iterdir()
    assert version.name != INCOMING
    assert not (version / "half").exists()


def test_a_model_that_was_refused_is_not_pushed(model: Artifact, tmp_path: Path) -> None:
    pushed = push(model, tmp_path, blessed=0)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists() or not list((tmp_path / "serving").iterdir())


def test_a_second_push_keeps_the_first(model: Artifact, tmp_path: Path) -> None:
    (tmp_path / "serving").mkdir()
    shutil.copytree(Path(model.uri) / "Format-Serving", tmp_path / "serving" / "1700000000")
    push(model, tmp_path)
    assert len(list((tmp_path / "serving").glob("*/saved_model.pb"))) == 2


@pytest.fixture(params=["local", "s3", "gcs"])
def serving(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return an empty folder for pushed models of each kind."""
    if request.param == "local":
        return str(tmp_path / "serving")
    store: ObjectStore = request.getfixturevalue(request.param)
    return f"{store.url}/serving/shop"


@pytest.fixture
def small_model(tmp_path: Path) -> Artifact:
    folder = tmp_path / "small" / "Format-Serving"
    write_model(folder, "a")
    return make_artifact(tmp_path / "small", standard_artifacts.Model)


def write_model(folder: Path, fingerprint: str) -> None:
    (folder / "assets.extra").mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "assets.extra" / "interestflow.json").write_text(f'{{"fingerprint": "{fingerprint}"}}')


def test_a_pushed_model_is_the_next_champion_wherever_it_lies(
    small_model: Artifact, tmp_path: Path, serving: str
) -> None:
    pushed = push(small_model, tmp_path, blessed=1.0, serving=serving)  # Kubeflow gives numbers back as doubles
    version = pushed.get_string_custom_property("pushed_version")
    assert storage.file_names(serving) == [
        f"{version}/assets.extra/interestflow.json", f"{version}/saved_model.pb",
    ]  # fmt: skip
    assert pushed.get_string_custom_property("pushed_destination") == f"{serving}/{version}"
    champion = find_champion(serving, "b")
    assert (champion.folder, champion.version, champion.fingerprint) == (f"{serving}/{version}", int(version), "a")
    assert (Path(pushed.uri) / "saved_model.pb").read_bytes() == b"graph"


def test_a_second_attempt_reports_the_version_of_the_first(small_model: Artifact, tmp_path: Path, serving: str) -> None:
    first = push(small_model, tmp_path, serving=serving)
    second = push(small_model, tmp_path, serving=serving)
    for key in ("pushed_destination", "pushed_version"):
        assert second.get_string_custom_property(key) == first.get_string_custom_property(key)
    assert second.get_int_custom_property("pushed") == 1
    assert len(storage.child_names(serving)) == 1


def test_another_model_is_another_version(small_model: Artifact, tmp_path: Path, serving: str) -> None:
    folder = Path(small_model.uri) / "Format-Serving"
    first = push_model(str(folder), serving)
    write_model(folder, "b")
    second = push_model(str(folder), serving)
    (folder / "more").write_bytes(b"")
    third = push_model(str(folder), serving)
    assert int(first.rpartition("/")[2]) < int(second.rpartition("/")[2]) < int(third.rpartition("/")[2])
    write_model(folder, "a")
    (folder / "more").unlink()
    assert push_model(str(folder), serving) not in (first, second, third)  # the newest is another model


def test_an_upload_that_was_cut_off_is_left_aside(
    small_model: Artifact, tmp_path: Path, serving: str, caplog: pytest.LogCaptureFixture
) -> None:
    storage.write_bytes(f"{serving}/9000000000/assets.extra/interestflow.json", b'{"fingerprint": "a"}')
    assert find_champion(serving, "b").folder is None
    with caplog.at_level(logging.WARNING):
        pushed = push(small_model, tmp_path, serving=serving)
    assert pushed.get_string_custom_property("pushed_version") == "9000000001"  # the newest is what servers load
    assert f"{serving}/9000000000 has no saved_model.pb; remove it unless a push is under way" in caplog.text
    assert find_champion(serving, "b").version == 9000000001


def test_a_push_that_is_cut_off_leaves_no_model(
    small_model: Artifact, tmp_path: Path, s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that cannot be read comes before `saved_model.pb`, and ends the push."""
    (Path(small_model.uri) / "Format-Serving" / "variables").symlink_to(tmp_path / "missing")
    with pytest.raises(storage.StorageError, match=f"^{s3.url}/serving/.* cannot be written: "):
        push(small_model, tmp_path, serving=f"{s3.url}/serving")
    (name,) = s3.files()
    assert name.endswith("/assets.extra/interestflow.json")
    assert find_champion(f"{s3.url}/serving", "b").folder is None


def test_a_refusal_fails_the_step_where_that_is_asked_for(small_model: Artifact, tmp_path: Path) -> None:
    make_artifact(tmp_path / "blessing", standard_artifacts.ModelBlessing)
    Verdict(is_blessed=False, reasons=("auc is 0.4", "gauc is 0.3")).write(str(tmp_path / "blessing"))
    reason = "^the model was refused and not pushed: auc is 0.4; gauc is 0.3$"
    with pytest.raises(ModelRefusedError, match=reason):
        push(small_model, tmp_path, blessed=0, custom_config='{"on_refusal": "fail"}')
    assert push(small_model, tmp_path, blessed=0, custom_config="{}").get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_the_refusal_of_the_serving_gate_has_its_reasons(small_model: Artifact, tmp_path: Path) -> None:
    blessing = make_artifact(tmp_path / "infra", standard_artifacts.InfraBlessing)
    blessing.set_float_custom_property("blessed", 0.0)
    inputs = {"model": small_model, "infra_blessing": blessing}
    pushed = make_artifact(tmp_path / "record", standard_artifacts.PushedModel)
    for reasons, message in (
        (None, "`infra_blessing` does not bless it, and .*/serving.json gives no reason$"),
        (("p99 of ranking is 9 ms",), "not pushed: p99 of ranking is 9 ms$"),
    ):
        if reasons:
            ServingVerdict(is_blessed=False, reasons=reasons).write(blessing.uri)
        with pytest.raises(ModelRefusedError, match=message):
            execute(AtomicPusher, inputs, {"pushed_model": pushed}, custom_config='{"on_refusal": "fail"}')
