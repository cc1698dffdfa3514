"""The limit of file descriptors is shared between HTTP and gRPC."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from interestflow.serving.server.descriptors import MAX_CONNECTIONS, connection_limit


@pytest.mark.parametrize(("descriptors", "connections"), [(1024, 448), (256, 64), (100, 1), (65_536, MAX_CONNECTIONS)])
def test_http_and_grpc_share_the_descriptors(descriptors: int, connections: int) -> None:
    assert connection_limit(descriptors) == connections


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    program = """
import resource
from interestflow.serving.server.descriptors import raise_descriptor_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 500))
print(raise_descriptor_limit(), resource.getrlimit(resource.RLIMIT_NOFILE), raise_descriptor_limit())
"""
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 500
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[0] == "500 (500, 500) 500"
