"""The options of `interestflow serve` reach the server, in its units."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.pipeline.cli.model_sources import ModelSource, NothingToServeError
from interestflow.pipeline.cli.serve import ServeOptions, server_options
from interestflow.serving.server.configuration import TLS, Batching, ServerOptions, one_model

SOURCE = ModelSource(one_model("shop", "/models/shop"), None)


def test_by_default_grpc_and_rest_are_served_without_batching_or_tls() -> None:
    assert server_options(ServeOptions(Path("/models/shop")), SOURCE) == ServerOptions(
        SOURCE.models, port=8500, rest_port=8501
    )


def test_sizes_are_given_in_megabytes_and_times_in_seconds(tmp_path: Path) -> None:
    (tmp_path / "batching.txt").write_text("max_batch_size { value: 32 }")
    options = ServeOptions(
        Path("models.config"), port=1, no_rest=True, batching=tmp_path / "batching.txt", max_message_megabytes=2,
        max_expanded_megabytes=3, grace_seconds=4.0, models_config_poll_seconds=5.0,
        tls_certificate=Path("a.pem"), tls_key=Path("a.key"),
    )  # fmt: skip
    assert server_options(options, ModelSource(SOURCE.models, "models.config")) == ServerOptions(
        SOURCE.models, models_path="models.config", port=1, rest_port=None, batching=Batching(max_batch_size=32),
        max_message_bytes=2 * 2**20, max_expanded_bytes=3 * 2**20, drain_seconds=4.0, models_poll_seconds=5.0,
        tls=TLS("a.pem", "a.key"),
    )  # fmt: skip


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(NothingToServeError, match="should be given together"):
        server_options(ServeOptions(Path("/models/shop"), tls_certificate=Path("a.pem")), SOURCE)
