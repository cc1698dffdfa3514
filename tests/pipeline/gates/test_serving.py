"""Tests of the serving gate on an exported ranker and a real server: what passes, what is refused and why."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import keras
from tensorflow_transform.output_wrapper import TFTransformOutput

from interestflow.pipeline.gates.serving import validate_serving
from interestflow.serving.config import ServingGateConfig
from interestflow.serving.export.ranker import export_ranker
from interestflow.serving.server.configuration import ServerOptions, one_model
from interestflow.serving.server.server import Server
from interestflow.serving.warm_up import read_warm_up
from tests.pipeline.support.serving_gate import Exported, verdict
from tests.serving import every_input, transformed


def test_a_model_that_answers_as_it_does_offline_is_blessed(ranker: Exported, tmp_path: Path) -> None:
    result = verdict(ranker, tmp_path / "served")
    assert result.is_blessed, result.reasons
    assert (result.examples, result.candidates) == (40, 7)
    assert result.largest_difference is not None
    assert result.largest_difference < 1e-6
    assert result.p50_milliseconds is not None
    assert result.p99_milliseconds is not None
    assert 0.0 < result.p50_milliseconds <= result.p99_milliseconds


def test_the_pushed_model_has_warm_up_requests(ranker: Exported, tmp_path: Path) -> None:
    result = verdict(ranker, tmp_path / "served")
    requests = [log.predict_log.request for log in read_warm_up(tmp_path / "served")]
    assert len(requests) == result.warm_up_requests == 12
    signatures = [request.model_spec.signature_name for request in requests]
    sizes = [10, 50, 100, 200, 500, 1000]
    ranked = ["rank", *(f"rank_{size}" for size in sizes)]
    assert signatures == ["serving_default", "predict"] * 2 + ranked + ["describe"]
    rows = [request.inputs[name].tensor_shape.dim[0].size for request in requests[:4] for name in ("examples", "item")
            if name in request.inputs]  # fmt: skip
    assert rows == [1, 1, 128, 128]
    candidates = [request.inputs["item"].tensor_shape.dim[-1].size for request in requests[4:11]]
    assert candidates == [10, *sizes]
    assert {request.inputs["history_item"].tensor_shape.dim[-1].size for request in requests[4:11]} == {4}
    # A server can read them before anything else.
    base = tmp_path / "shop"
    shutil.copytree(tmp_path / "served", base / "1")
    with Server(ServerOptions(one_model("shop", str(base)), poll_seconds=0)) as server:
        assert server.manager.available() == {"shop": [1]}


def test_a_model_beyond_the_limits_is_refused(ranker: Exported, tmp_path: Path) -> None:
    result = verdict(ranker, tmp_path / "served", max_model_mb=0.001, max_p50_ms=1e-6, max_p99_ms=1e-6)
    assert not result.is_blessed
    size, half, most = result.reasons
    assert size.startswith("the model should have at most 0.001 MB, it has ")
    assert half.startswith("p50 of ranking 7 candidates should be at most 1e-06 ms, it is ")
    assert most.startswith("p99 of ranking 7 candidates")


def test_a_model_that_cannot_be_loaded_is_refused(ranker: Exported, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(ranker.folder, broken)
    (broken / "assets.extra" / "interestflow.json").unlink()
    result = validate_serving(ServingGateConfig(), str(broken), ranker.test_files, str(tmp_path / "served"))
    assert not result.is_blessed
    assert "should hold saved_model.pb" in result.reasons[0]


def test_a_server_that_already_runs_can_be_asked(ranker: Exported, tmp_path: Path) -> None:
    base = tmp_path / "elsewhere"
    base.mkdir()
    models = one_model("candidate", str(base))
    with Server(ServerOptions(models, poll_seconds=0.05)) as server:
        address = f"127.0.0.1:{server.port}"
        result = verdict(ranker, tmp_path / "served", address=address, base_path=str(base))
        assert result.is_blessed, result.reasons
        assert result.server == address
        lost = verdict(ranker, tmp_path / "lost", address=address, base_path=str(tmp_path / "x"), timeout_seconds=1.0)
        assert not lost.is_blessed
        assert "within 1 s" in lost.reasons[0]
        both = verdict(
            ranker,
            tmp_path / "both",
            address=address,
            base_path=str(tmp_path / "y"),
            timeout_seconds=1.0,
            max_model_mb=0.001,
        )
        assert [reason.partition(" should ")[0] for reason in both.reasons] == ["the model", "the server"]


def test_a_server_with_other_scores_is_refused(
    transform_output: TFTransformOutput, ranker: Exported, tmp_path: Path
) -> None:
    """The server serves a model of other weights under the version that it was given."""
    inputs = transformed.inputs(transform_output)
    keras.utils.set_random_seed(2)
    other = tmp_path / "other"
    export_ranker(
        every_input.EveryInput(inputs),
        transform_output,
        transformed.RAW_SPEC,
        inputs,
        str(other),
        {"fingerprint": "xyz"},
    )

    published, served = tmp_path / "published", tmp_path / "other versions"
    published.mkdir()
    served.mkdir()
    stopped = threading.Event()

    def replace_versions() -> None:
        while not stopped.wait(0.05):
            for version in published.iterdir():
                if not (served / version.name).exists():
                    shutil.copytree(other, served / f"{version.name}.coming")
                    (served / f"{version.name}.coming").rename(served / version.name)

    replacing = threading.Thread(target=replace_versions)
    replacing.start()
    with Server(ServerOptions(one_model("candidate", str(served)), poll_seconds=0.05)) as server:
        result = verdict(ranker, tmp_path / "served", address=f"127.0.0.1:{server.port}", base_path=str(published))
    stopped.set()
    replacing.join()
    assert not result.is_blessed
    assert "answers over gRPC should be within 1e-05 of the offline ones" in result.reasons[0]
