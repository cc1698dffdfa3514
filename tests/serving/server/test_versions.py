"""Folders of versions, and which of them a version policy selects."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from interestflow.serving.server.versions import (
    MAX_VERSION,
    Policy,
    aspired_versions,
    complete_versions,
    folder_state,
    list_versions,
)


def policy(**choice: Any) -> Policy:
    policy = Policy()
    if "latest" in choice:
        policy.latest.num_versions = choice["latest"]
    if "specific" in choice:
        policy.specific.versions.extend(choice["specific"])
    if "all" in choice:
        policy.all.SetInParent()
    return policy


def test_policies() -> None:
    available = [1, 2, 5]
    assert aspired_versions(available, policy()) == [5]
    assert aspired_versions(available, policy(latest=2)) == [2, 5]
    assert aspired_versions(available, policy(specific=[2, 9])) == [2]
    assert aspired_versions(available, policy(all=True)) == [1, 2, 5]
    assert aspired_versions([], policy()) == []


def test_folders_that_are_no_version_are_passed_over(tmp_path: Path) -> None:
    names = ["10", "9", "notes", "1a", "-3", "+4", "1.0", "٣", "²", str(MAX_VERSION), str(2**63), "9" * 40]
    for name in names:
        (tmp_path / name).mkdir()
    assert list_versions(str(tmp_path)) == {
        9: f"{tmp_path}/9", 10: f"{tmp_path}/10", MAX_VERSION: f"{tmp_path}/{MAX_VERSION}",
    }  # fmt: skip


def test_a_number_may_have_zeros_before_it(tmp_path: Path) -> None:
    (tmp_path / "007").mkdir()
    assert list_versions(f"{tmp_path}/") == {7: f"{tmp_path}/007"}
    (tmp_path / "7").mkdir()
    assert list_versions(str(tmp_path)) == {7: f"{tmp_path}/7"}


def test_a_folder_that_is_not_there_is_another_thing_than_an_empty_one(tmp_path: Path) -> None:
    assert list_versions(str(tmp_path / "nothing")) is None
    assert list_versions(str(tmp_path)) == {}
    (tmp_path / "file").write_text("")
    assert list_versions(str(tmp_path / "file")) is None
    assert list_versions("nowhere://models/shop") is None


def test_a_version_is_complete_once_its_model_is_there(tmp_path: Path) -> None:
    for name in ("1", "7", "10", "coming-11", "notes"):
        (tmp_path / name).mkdir()
    for name in ("1", "10", "coming-11"):
        (tmp_path / name / "saved_model.pb").touch()
    assert complete_versions(str(tmp_path)) == [1, 10]
    assert complete_versions(str(tmp_path / "nothing")) == []


def test_the_state_of_a_folder_changes_with_any_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    file = tmp_path / "variables" / "variables.index"
    file.write_bytes(b"a")
    os.utime(file, ns=(1, 1))
    before = folder_state(str(tmp_path))
    assert before == folder_state(str(tmp_path))
    assert [path for path, _, _ in before] == [str(file)]
    file.write_bytes(b"ab")
    os.utime(file, ns=(1, 1))
    longer = folder_state(str(tmp_path))
    assert longer != before
    os.utime(file, ns=(2, 2))
    assert folder_state(str(tmp_path)) != longer
    assert folder_state(str(tmp_path / "nothing")) == ()
