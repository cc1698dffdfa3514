"""The serving gate, on exported models and a real server: what it lets pass and what it refuses, and why."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tensorflow_transform.output_wrapper import TFTransformOutput

from interestflow.models.catalogue import Catalogue
from interestflow.models.registry import build_matcher
from interestflow.pipeline.gates.serving import ServingVerdict, validate_serving
from interestflow.serving.config import ServingGateConfig
from interestflow.serving.export.item_embeddings import PARQUET
from interestflow.serving.export.matcher import IndexedItems, export_matcher
from interestflow.serving.export.ranker import export_ranker
from interestflow.serving.server.configuration import ServerOptions, one_model
from interestflow.serving.server.server import Server
from interestflow.serving.warm_up import read_warm_up
from tests.serving import every_input, transformed


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    output: TFTransformOutput = transformed.shared(tmp_path_factory)
    inputs = transformed.inputs(output)
    keras.utils.set_random_seed(1)
    folder = tmp_path_factory.mktemp("model") / "exported"
    export_ranker(
        every_input.EveryInput(inputs), output, transformed.RAW_SPEC, inputs, str(folder), {"fingerprint": "abc"}
    )
    file = tmp_path_factory.mktemp("examples") / "data.gz"
    with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
        for example in transformed.serialized(transformed.rows() * 4):
            writer.write(example)
    return folder, [str(file)]


def verdict(made: tuple[Path, list[str]], output: Path, **config: Any) -> ServingVerdict:
    small = {"examples": 40, "requests": 5, "candidates": 7}
    return validate_serving(ServingGateConfig(**small | config), str(made[0]), made[1], str(output))


def test_a_model_that_answers_as_it_does_offline_is_blessed(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    found = verdict(made, tmp_path / "served")
    assert found.is_blessed, found.reasons
    assert (found.examples, found.candidates) == (40, 7)
    assert found.largest_difference is not None
    assert found.largest_difference < 1e-6
    assert found.p50_milliseconds is not None
    assert found.p99_milliseconds is not None
    assert 0.0 < found.p50_milliseconds <= found.p99_milliseconds


def test_what_is_pushed_has_the_requests_that_it_answered(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    found = verdict(made, tmp_path / "served")
    requests = [log.predict_log.request for log in read_warm_up(tmp_path / "served")]
    assert len(requests) == found.warm_up_requests == 12
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
    # They are fit for a server that reads them before anything else.
    base = tmp_path / "shop"
    shutil.copytree(tmp_path / "served", base / "1")
    with Server(ServerOptions(one_model("shop", str(base)), poll_seconds=0)) as server:
        assert server.manager.available() == {"shop": [1]}


def test_limits_are_held_against_it(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    found = verdict(made, tmp_path / "served", max_model_mb=0.001, max_p50_ms=1e-6, max_p99_ms=1e-6)
    assert not found.is_blessed
    size, half, most = found.reasons
    assert size.startswith("the model should have at most 0.001 MB, it has ")
    assert half.startswith("p50 of ranking 7 candidates should be at most 1e-06 ms, it is ")
    assert most.startswith("p99 of ranking 7 candidates")


def test_a_model_that_cannot_be_loaded_is_refused(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(made[0], broken)
    (broken / "assets.extra" / "interestflow.json").unlink()
    found = validate_serving(ServingGateConfig(), str(broken), made[1], str(tmp_path / "served"))
    assert not found.is_blessed
    assert "should hold saved_model.pb" in found.reasons[0]


def test_a_server_that_already_runs_can_be_asked(made: tuple[Path, list[str]], tmp_path: Path) -> None:
    base = tmp_path / "elsewhere"
    base.mkdir()
    models = one_model("candidate", str(base))
    with Server(ServerOptions(models, poll_seconds=0.05)) as server:
        address = f"127.0.0.1:{server.port}"
        found = verdict(made, tmp_path / "served", address=address, base_path=str(base))
        assert found.is_blessed, found.reasons
        assert found.server == address
        lost = verdict(made, tmp_path / "lost", address=address, base_path=str(tmp_path / "x"), timeout_seconds=1.0)
        assert not lost.is_blessed
        assert "within 1 s" in lost.reasons[0]
        both = verdict(
            made,
            tmp_path / "both",
            address=address,
            base_path=str(tmp_path / "y"),
            timeout_seconds=1.0,
            max_model_mb=0.001,
        )
        assert [reason.partition(" should ")[0] for reason in both.reasons] == ["the model", "the server"]


def test_a_server_that_answers_otherwise_is_found_out(
    made: tuple[Path, list[str]], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The server serves a model of other weights under the version that it was given."""
    output = transformed.shared(tmp_path_factory)
    inputs = transformed.inputs(output)
    keras.utils.set_random_seed(2)
    other = tmp_path / "other"
    export_ranker(
        every_input.EveryInput(inputs), output, transformed.RAW_SPEC, inputs, str(other), {"fingerprint": "xyz"}
    )

    given, looked_at = tmp_path / "given", tmp_path / "looked_at"
    given.mkdir()
    looked_at.mkdir()
    stopped = threading.Event()

    def put_other_in_its_place() -> None:
        while not stopped.wait(0.05):
            for version in given.iterdir():
                if not (looked_at / version.name).exists():
                    shutil.copytree(other, looked_at / f"{version.name}.coming")
                    (looked_at / f"{version.name}.coming").rename(looked_at / version.name)

    mixing_up = threading.Thread(target=put_other_in_its_place)
    mixing_up.start()
    with Server(ServerOptions(one_model("candidate", str(looked_at)), poll_seconds=0.05)) as server:
        found = verdict(made, tmp_path / "served", address=f"127.0.0.1:{server.port}", base_path=str(given))
    stopped.set()
    mixing_up.join()
    assert not found.is_blessed
    assert "answers over gRPC should be within 1e-05 of the offline ones" in found.reasons[0]


@pytest.fixture(scope="module")
def matcher(made: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Finds the nearest of five items; asked with the rows of the ranker's examples."""
    output: TFTransformOutput = transformed.shared(tmp_path_factory)
    inputs = transformed.inputs(output)
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(1)
    tensors = {"item": np.arange(inputs.item_rows)}
    for name in sorted(inputs.candidate_tensors - {"item"}):
        shape, dtype = inputs.tensors()[name]
        tensors[name] = np.zeros((inputs.item_rows, *shape), dtype)
    built = build_matcher("two_tower", inputs, {}, Catalogue(tensors, np.ones(inputs.item_rows, np.float32)))
    for weight in built.trainable_weights:
        weight.assign(random.normal(size=weight.shape))
    ids = np.array([b"i0", b"i1", b"i2", b"i5", b"other"], object)
    items = IndexedItems.encode(built, ids, {name: values[1:6] for name, values in tensors.items()})
    folder = tmp_path_factory.mktemp("model") / "exported"
    export_matcher(built, output, transformed.RAW_SPEC, inputs, items, str(folder), {"fingerprint": "abc"})
    return folder, made[1]


def test_a_matcher_that_retrieves_as_an_exact_search_is_blessed(
    matcher: tuple[Path, list[str]], tmp_path: Path
) -> None:
    found = verdict(matcher, tmp_path / "served")
    assert found.is_blessed, found.reasons
    assert (found.asked, found.candidates) == ("items retrieved", 7)
    assert found.p50_milliseconds is not None
    requests = [log.predict_log.request for log in read_warm_up(tmp_path / "served")]
    signatures = [request.model_spec.signature_name for request in requests]
    assert signatures == ["serving_default", "encode_user", "encode_items"] * 2 + ["retrieve"] * 2 + ["describe"]
    # The history of the first row has no more items than the model reads, so that no more are asked for.
    assert [tf.make_ndarray(request.inputs["k"]).tolist() for request in requests[6:8]] == [[10], [100]]


def test_a_matcher_whose_index_is_of_another_model_is_refused(matcher: tuple[Path, list[str]], tmp_path: Path) -> None:
    """The vectors beside the model are not those that it searches, as after a mixed-up copy."""
    stale = tmp_path / "stale"
    shutil.copytree(matcher[0], stale)
    table = pq.read_table(stale / PARQUET)
    order = [1, 0, *range(2, table.num_rows)]
    pq.write_table(table.set_column(1, "vector", table["vector"].take(order)), stale / PARQUET)
    found = verdict((stale, matcher[1]), tmp_path / "served")
    assert not found.is_blessed
    assert found.reasons[0].startswith("`retrieve` should give the best items of example ")


def test_limits_are_held_against_retrieval(matcher: tuple[Path, list[str]], tmp_path: Path) -> None:
    found = verdict(matcher, tmp_path / "served", max_p50_ms=1e-6)
    (reason,) = found.reasons
    assert reason.startswith("p50 of retrieving 7 items should be at most 1e-06 ms, it is ")
