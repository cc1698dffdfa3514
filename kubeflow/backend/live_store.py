"""The real object stores: s3 and minio by boto3, gs by Google's client, with credentials from the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import boto3.exceptions
import botocore.config
import botocore.exceptions
import google.api_core.exceptions
import google.auth.exceptions
import google.cloud.storage
import requests.exceptions
from google.auth.credentials import AnonymousCredentials

from interestflow.kubeflow.backend.errors import RefusedError, StepError

GS_EMULATOR_VARIABLE = "STORAGE_EMULATOR_HOST"
S3_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_S3_ERRORS = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, boto3.exceptions.Boto3Error)
_GS_ERRORS = (
    google.api_core.exceptions.GoogleAPIError,
    google.auth.exceptions.GoogleAuthError,
    requests.exceptions.RequestException,
)


def open_live_store(root: str) -> S3Store | GSStore:
    """Return the store of a root, after one question to it.

    Args:
        root: URL on gs, s3 or minio. An endpoint other than Amazon's comes from AWS_ENDPOINT_URL.

    Raises:
        RefusedError: there are no credentials, or the store does not answer with them.
    """
    if root.startswith("minio://") and not any(os.environ.get(name) for name in S3_ENDPOINT_VARIABLES):
        raise RefusedError("`--object-store live` needs the variable AWS_ENDPOINT_URL for a root on minio://")
    store = GSStore() if root.startswith("gs://") else S3Store()
    try:
        next(iter(store.list(f"{root}/")), None)
    except StepError as error:
        raise RefusedError(f"`--object-store live`: {error}") from None
    return store


def _parts(uri: str) -> tuple[str, str, str]:
    scheme, _, remainder = uri.partition("://")
    bucket, _, key = remainder.partition("/")
    return scheme, bucket, key


class S3Store:
    """Buckets of the S3 API, for the schemes s3 and minio."""

    def __init__(self) -> None:
        """Make the client from the AWS_* variables."""
        if boto3.Session().get_credentials() is None:
            raise RefusedError(
                "`--object-store live` found no credentials for s3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        config = botocore.config.Config(
            retries={"max_attempts": 5, "mode": "standard"}, connect_timeout=10, read_timeout=60
        )
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        self._client: Any = boto3.client("s3", config=config, region_name=region)

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the URIs that begin with a prefix."""
        scheme, bucket, key = _parts(prefix)
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
                for entry in page.get("Contents", []):
                    yield f"{scheme}://{bucket}/{entry['Key']}"
        except _S3_ERRORS as error:
            raise StepError(f"{prefix} cannot be listed: {error}") from None

    def get(self, uri: str, path: Path) -> None:
        """Write an object to a file whose folder exists."""
        _, bucket, key = _parts(uri)
        try:
            self._client.download_file(bucket, key, str(path))
        except _S3_ERRORS as error:
            raise StepError(f"{uri} cannot be read: {error}") from None

    def put(self, path: Path, uri: str) -> None:
        """Store a file as an object."""
        _, bucket, key = _parts(uri)
        try:
            self._client.upload_file(str(path), bucket, key)
        except _S3_ERRORS as error:
            raise StepError(f"{uri} cannot be stored: {error}") from None

    def place(self, uri: str) -> str:
        """Return the URI."""
        return uri


class GSStore:
    """Buckets of Google Cloud Storage."""

    def __init__(self) -> None:
        """Make the client from the application's default credentials, or for an emulator without any."""
        try:
            if os.environ.get(GS_EMULATOR_VARIABLE):
                self._client: Any = google.cloud.storage.Client(project="emulator", credentials=AnonymousCredentials())
            else:
                self._client = google.cloud.storage.Client()
        except google.auth.exceptions.GoogleAuthError as error:
            raise RefusedError(f"`--object-store live` found no credentials for gs: {error}") from None

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the URIs that begin with a prefix."""
        _, bucket, key = _parts(prefix)
        try:
            for blob in self._client.list_blobs(bucket, prefix=key):
                yield f"gs://{bucket}/{blob.name}"
        except _GS_ERRORS as error:
            raise StepError(f"{prefix} cannot be listed: {error}") from None

    def get(self, uri: str, path: Path) -> None:
        """Write an object to a file whose folder exists."""
        _, bucket, key = _parts(uri)
        try:
            self._client.bucket(bucket).blob(key).download_to_filename(str(path))
        except _GS_ERRORS as error:
            raise StepError(f"{uri} cannot be read: {error}") from None

    def put(self, path: Path, uri: str) -> None:
        """Store a file as an object."""
        _, bucket, key = _parts(uri)
        try:
            self._client.bucket(bucket).blob(key).upload_from_filename(str(path))
        except _GS_ERRORS as error:
            raise StepError(f"{uri} cannot be stored: {error}") from None

    def place(self, uri: str) -> str:
        """Return the URI."""
        return uri
