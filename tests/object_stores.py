"""Object stores on loopback for the tests: moto as S3, and an emulator of Google Cloud Storage.

Both are programs of their own on real sockets. `s3` and `gcs` are fixtures of a store with the environment variables
that lead a client to it, set for the test; `store.environment` holds them for a process that the test starts.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

START_SECONDS = 60.0
S3_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class ObjectStore:
    """A store that runs, and its new bucket.

    Attributes:
        scheme: "s3" or "gs".
        endpoint: Address of the server, such as http://127.0.0.1:1234.
        bucket: Name of an empty bucket, which no other test uses.
        environment: Environment variables that lead a client to the server.
    """

    scheme: str
    endpoint: str
    bucket: str
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        """URL of the bucket, without a slash at the end."""
        return f"{self.scheme}://{self.bucket}"

    def files(self) -> dict[str, bytes]:
        """Return the content of every object of the bucket by its key."""
        if self.scheme == "s3":
            client = s3_client(self)
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
            keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
            return {key: client.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}
        # The emulator does not answer for a name that ends in a slash.
        return {
            blob.name: blob.download_as_bytes() if blob.size else b""
            for blob in gcs_client(self).list_blobs(self.bucket)
        }

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write objects into the bucket, by key."""
        if self.scheme == "s3":
            client = s3_client(self)
            for key, content in files.items():
                client.put_object(Bucket=self.bucket, Key=key, Body=content)
            return
        bucket = gcs_client(self).bucket(self.bucket)
        for key, content in files.items():
            bucket.blob(key).upload_from_string(content, content_type="application/octet-stream")


def s3_client(store: ObjectStore) -> Any:
    """Return a client of S3 that needs nothing from the environment."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        verify=False,
    )


def gcs_client(store: ObjectStore) -> Any:
    """Return a client of Google Cloud Storage without credentials, as the emulator asks for none."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    return storage.Client(
        project="test", credentials=AnonymousCredentials(), client_options={"api_endpoint": store.endpoint}
    )


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's server of S3 and yield its address."""
    port = free_port()
    # Otherwise moto takes a host such as `seaweedfs.kubeflow` for the name of a bucket.
    environment = {"S3_IGNORE_SUBDOMAIN_BUCKETNAME": "1"}
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, environment, f"http://127.0.0.1:{port}") as endpoint:
        yield endpoint


@contextlib.contextmanager
def gcs_server() -> Iterator[str]:
    """Run the emulator of Google Cloud Storage and yield its address."""
    port = free_port()
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--in-memory", "--host", "127.0.0.1"]
    with _running([*command, "--port", str(port)], {}, f"http://127.0.0.1:{port}") as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Return the address of an S3 server that all tests of a session share."""
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def gcs_endpoint() -> Iterator[str]:
    """Return the address of a Google Cloud Storage server that all tests of a session share."""
    with gcs_server() as endpoint:
        yield endpoint


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Return an S3 store with an empty bucket."""
    environment = S3_CREDENTIALS | {"AWS_ENDPOINT_URL": s3_endpoint}
    store = ObjectStore("s3", s3_endpoint, f"bucket-{uuid.uuid4().hex[:12]}", environment)
    s3_client(store).create_bucket(Bucket=store.bucket)
    _set_environment(monkeypatch, environment)
    return store


@pytest.fixture
def gcs(gcs_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Return a Google Cloud Storage store with an empty bucket."""
    # Without these two, a client without credentials asks the metadata server of a machine at Google for some.
    environment = {"STORAGE_EMULATOR_HOST": gcs_endpoint, "NO_GCE_CHECK": "true", "GCE_METADATA_TIMEOUT": "1"}
    store = ObjectStore("gs", gcs_endpoint, f"bucket-{uuid.uuid4().hex[:12]}", environment)
    gcs_client(store).create_bucket(store.bucket)
    _set_environment(monkeypatch, environment)
    return store


@contextlib.contextmanager
def refusing_changes(endpoint: str, allowed: int) -> Iterator[str]:
    """Yield the address of a proxy of an S3 server that refuses every change after the first `allowed` ones."""
    changes = itertools.count(1)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.command in ("PUT", "POST", "DELETE") and next(changes) > allowed:
                self.answer(403, b"<Error><Code>AccessDenied</Code><Message>no more</Message></Error>", {})
                return
            headers = {name: value for name, value in self.headers.items() if name != "Expect"}
            connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=30)
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            self.answer(response.status, response.read(), dict(response.getheaders()))
            connection.close()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward

        def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", headers.get("Content-Length", "0") if not body else str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _set_environment(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@contextlib.contextmanager
def _running(command: list[str], environment: Mapping[str, str], endpoint: str) -> Iterator[str]:
    """Run a server until the context ends; it is ready when it answers at `endpoint`."""
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + START_SECONDS
        while not _answers(endpoint):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{' '.join(command)} should answer at {endpoint} within {START_SECONDS:g} s")
            time.sleep(0.1)
        yield endpoint
    finally:
        process.kill()
        process.wait()


def _answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(endpoint, timeout=5.0).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
