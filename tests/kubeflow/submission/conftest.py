"""A server for each test, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interestflow.kubeflow.submission.connection import Connection
from interestflow.kubeflow.submission.pipelines_api import PipelinesApi
from interestflow.kubeflow.submission.token import PATH_VARIABLE, TOKEN_VARIABLE
from tests.kubeflow.submission.api_server import Server, running


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (TOKEN_VARIABLE, PATH_VARIABLE):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def api(server: Server) -> PipelinesApi:
    return PipelinesApi(Connection(server.endpoint, request_seconds=5), None)
