"""Tests of finding the champion among pushed models, and of the state that detects a change of it."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest

from interestflow.pipeline.gates.champion import Champion, ChampionError, champion_state, find_champion
from tests.object_stores import ObjectStore


def push(serving: Path, version: int | str, fingerprint: str, saved: bool = True) -> None:
    folder = serving / str(version)
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "assets.extra" / "interestflow.json").write_text(json.dumps({"fingerprint": fingerprint}))
    if saved:
        (folder / "saved_model.pb").write_bytes(b"")


def test_the_newest_version_is_the_champion(tmp_path: Path) -> None:
    for version, fingerprint in ((9, "a"), (10, "b"), (2, "c")):  # as text, 9 would come last
        push(tmp_path, version, fingerprint)
    assert find_champion(str(tmp_path), "new") == Champion(folder=str(tmp_path / "10"), version=10, fingerprint="b")


def test_a_candidate_is_not_compared_with_itself(tmp_path: Path) -> None:
    push(tmp_path, 1, "a")
    push(tmp_path, 2, "b")
    push(tmp_path, 3, "b")
    assert find_champion(str(tmp_path), "b").version == 1
    assert find_champion(str(tmp_path), "a").version == 3


def test_half_written_and_foreign_folders_are_ignored(tmp_path: Path) -> None:
    push(tmp_path, 1, "a")
    push(tmp_path, 2, "b", saved=False)
    push(tmp_path, "3-old", "c")
    (tmp_path / "4").mkdir()
    (tmp_path / "4" / "saved_model.pb").write_bytes(b"")
    push(tmp_path, 5, "d")
    (tmp_path / "5" / "assets.extra" / "interestflow.json").write_text('{"fingerpr')
    push(tmp_path, 6, "e")
    (tmp_path / "6" / "assets.extra" / "interestflow.json").write_text("{}")
    (tmp_path / "7").write_text("a file")
    assert find_champion(str(tmp_path), "new").version == 1


def test_without_models_there_is_none(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        assert find_champion(str(folder), "a") == Champion()
        assert champion_state(str(folder), "a") == "none"


def test_the_state_changes_with_the_champion_alone(tmp_path: Path) -> None:
    push(tmp_path, 1, "a")
    before = champion_state(str(tmp_path), "candidate")
    push(tmp_path, 2, "candidate")  # as the run itself pushes it
    assert champion_state(str(tmp_path), "candidate") == before
    push(tmp_path, 3, "other")
    assert champion_state(str(tmp_path), "candidate") not in (before, "none")


def test_a_folder_that_cannot_be_listed_is_unseen(s3: ObjectStore, caplog: pytest.LogCaptureFixture) -> None:
    reason = "the pushed models in s3://missing/serving cannot be listed: .* there is no bucket missing at"
    with caplog.at_level(logging.WARNING):
        assert champion_state("s3://missing/serving", "a") == "unseen"
    assert re.search(reason, caplog.text)
    with pytest.raises(ChampionError, match=f"^{reason}"):
        find_champion("s3://missing/serving", "a")
    with pytest.raises(
        ChampionError, match=r"^the pushed models in hdfs://h/a cannot be listed: a place should be a local"
    ):
        find_champion("hdfs://h/a", "a")


def test_in_an_object_store_the_same_versions_are_models(s3: ObjectStore, gcs: ObjectStore) -> None:
    for store in (s3, gcs):
        for version, name in (
            (9, "saved_model.pb"),
            (10, "saved_model.pb"),
            (11, "variables/data"),  # an upload under way
            ("10_old", "saved_model.pb"),
        ):
            provenance = json.dumps({"fingerprint": f"of {version}"}).encode()
            store.write({f"shop/{version}/assets.extra/interestflow.json": provenance, f"shop/{version}/{name}": b""})
        store.write({"shop_2/12/saved_model.pb": b"", "shop_2/12/assets.extra/interestflow.json": b"{}"})
        folder = f"{store.url}/shop"
        assert find_champion(folder, "new") == Champion(folder=f"{folder}/10", version=10, fingerprint="of 10")
        assert find_champion(folder, "of 10").version == 9
        assert find_champion(f"{store.url}/nothing", "new") == Champion()


def test_it_is_handed_on_as_json() -> None:
    champion = Champion(folder="gs://bucket/7", version=7, fingerprint="f")
    text = champion.model_dump_json()
    assert Champion.model_validate_json(text) == champion
    assert json.loads(text)["version"] == 7


@pytest.mark.parametrize("text", ["[]", '"a"', "null"])
def test_what_is_no_provenance_is_ignored(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    push(tmp_path, 1, "a")
    (tmp_path / "1" / "assets.extra" / "interestflow.json").write_text(text)
    with caplog.at_level(logging.WARNING):
        assert find_champion(str(tmp_path), "new") == Champion()
    assert f"{tmp_path}/1/assets.extra/interestflow.json is not the provenance of a model" in caplog.text
