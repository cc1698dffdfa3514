"""Sources of models that `interestflow serve` accepts."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.pipeline.cli.model_sources import NothingToServeError, build_tls, find_models
from interestflow.serving.server.configuration import TLS

DEMO = Path(__file__).parents[3] / "configs" / "demo.yaml"


def version(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").touch()
    return folder


def test_a_folder_of_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version(tmp_path / "shop" / "1")
    monkeypatch.chdir(tmp_path)
    models, path = find_models(Path("shop"))
    (model,) = models.model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("shop", f"{tmp_path}/shop", "tensorflow")
    assert path is None
    models, _ = find_models(Path("shop"), "other")
    assert models.model_config_list.config[0].name == "other"


def test_a_configuration_whose_model_was_pushed(tmp_path: Path) -> None:
    with pytest.raises(NothingToServeError, match="has no version of a model yet"):
        find_models(DEMO, runs_folder=str(tmp_path))
    version(tmp_path / "demo" / "serving" / "demo" / "1732500000")
    models, _ = find_models(DEMO, runs_folder=str(tmp_path))
    (model,) = models.model_config_list.config
    assert (model.name, model.base_path) == ("demo", f"{tmp_path}/demo/serving/demo")


def test_an_object_store_that_tensorflow_cannot_read_is_refused(tmp_path: Path) -> None:
    reason = r"^s3://bucket/models/demo is in an object store that this server cannot read, as TensorFlow cannot; copy"
    with pytest.raises(NothingToServeError, match=reason):
        find_models(Path("s3://bucket/models/demo"))
    config = DEMO.read_text() + "\nstorage: {serving_folder: 's3://bucket/models'}\n"
    (tmp_path / "demo.yaml").write_text(config)
    with pytest.raises(NothingToServeError, match=reason):
        find_models(tmp_path / "demo.yaml")


def test_a_models_config(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    file.write_text('model_config_list { config { name: "a" base_path: "/a" model_platform: "tensorflow" } }')
    models, path = find_models(file)
    assert [model.name for model in models.model_config_list.config] == ["a"]
    assert path == str(file)


def test_where_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(NothingToServeError, match=r"nowhere should be a configuration, a folder or a models\.config"):
        find_models(tmp_path / "nowhere")
    with pytest.raises(NothingToServeError, match="has no version of a model yet"):
        find_models(tmp_path)


def test_certificates_come_in_pairs() -> None:
    certificate, key, authority = Path("a.pem"), Path("a.key"), Path("ca.pem")
    assert build_tls(None, None, None) is None
    assert build_tls(certificate, key, None) == TLS("a.pem", "a.key")
    assert build_tls(certificate, key, authority) == TLS("a.pem", "a.key", "ca.pem")
    for wrong in ((certificate, None, None), (None, key, None), (None, None, authority)):
        with pytest.raises(NothingToServeError, match="should be given together"):
            build_tls(*wrong)
