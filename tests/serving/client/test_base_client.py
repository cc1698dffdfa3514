"""Validation of arguments that both clients share."""

from __future__ import annotations

import pytest

from interestflow.serving.client import AsyncClient, Client, ClientError
from interestflow.serving.client.base_client import BaseClient


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_version_and_a_label_contradict_each_other(kind: type[BaseClient]) -> None:
    says = "^one of `version` and `label` should be given, received 3 and 'stable'$"
    with pytest.raises(ClientError, match=says):
        kind("localhost:1", "shop", version=3, label="stable")


def test_requests_name_the_model_and_its_version() -> None:
    with Client("localhost:1", "shop") as client:
        spec = client.spec("rank")
        assert (client.address, client.model) == ("localhost:1", "shop")
    assert (spec.name, spec.signature_name, spec.WhichOneof("version_choice")) == ("shop", "rank", None)
    with Client("localhost:1", "shop", version=7) as client:
        assert client.spec("").version.value == 7
    with Client("localhost:1", "shop", label="stable") as client:
        assert client.spec("").version_label == "stable"


def test_a_base_opens_no_channel() -> None:
    with pytest.raises(NotImplementedError):
        BaseClient("localhost:1", "shop")
