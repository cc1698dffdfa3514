"""Files of a bucket of S3, or of another store that speaks its protocol, by boto3."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from interestflow.storage.files import ATTEMPTS, CONNECT_SECONDS, INSTALL, READ_SECONDS, Bucket, ClientUnavailableError, first_line

REFUSALS = ("AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken")


class S3Bucket(Bucket):
    """Objects of a bucket of S3, or of another store that speaks its protocol."""

    def __init__(self, bucket: str, client: Any, errors: tuple[type[Exception], ...]) -> None:
        """Take boto3's client and the errors that it raises."""
        super().__init__(bucket)
        self.errors = errors
        self._client = client

    def _keys(self, prefix: str, delimiter: str = "", limit: int | None = None) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket,
            Prefix=prefix,
            PaginationConfig={} if limit is None else {"MaxItems": limit, "PageSize": limit},
            **({"Delimiter": delimiter} if delimiter else {}),
        )
        for page in pages:
            yield from (item["Key"] for item in page.get("Contents", ()))
            yield from (item["Prefix"] for item in page.get("CommonPrefixes", ()))

    def read(self, path: str) -> bytes:
        """Return the content of an object."""
        content: bytes = self._client.get_object(Bucket=self.bucket, Key=path)["Body"].read()
        return content

    def write(self, path: str, content: bytes) -> None:
        """Write an object."""
        self._client.put_object(Bucket=self.bucket, Key=path, Body=content)

    def download(self, path: str, local: str) -> None:
        """Copy an object to a local file."""
        self._client.download_file(self.bucket, path, local)

    def upload(self, local: str, path: str) -> None:
        """Copy a local file to an object, in parts where it is large."""
        with open(local, "rb") as file:  # by an open file: `upload_file` hides the cause of an error in its text
            self._client.upload_fileobj(file, self.bucket, path)

    def remove(self, path: str) -> None:
        """Remove an object, if it is there."""
        # One by one: the checksum of a request that removes many is refused by some stores.
        self._client.delete_object(Bucket=self.bucket, Key=path)

    def reason(self, error: Exception) -> str:
        """Return the cause of an error in words."""
        from botocore import exceptions

        endpoint = self._client.meta.endpoint_url
        response: dict[str, Any] = getattr(error, "response", None) or {}
        code = response.get("Error", {}).get("Code", "")
        if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
            return "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
            return f"{endpoint} does not answer (AWS_ENDPOINT_URL names another server): {first_line(error)}"
        if code == "NoSuchBucket":
            return f"there is no bucket {self.bucket} at {endpoint}"
        if code in ("NoSuchKey", "404"):
            return "there is no such file"
        if code in REFUSALS:
            return f"the credentials in the environment are refused by {endpoint} ({code})"
        return first_line(error)


@functools.lru_cache(maxsize=16)
def open_s3_bucket(bucket: str, environment: tuple[tuple[str, str], ...]) -> S3Bucket:
    """Return a bucket; the environment is an argument so that another one makes another client."""
    del environment
    try:
        import boto3
        from boto3.exceptions import Boto3Error
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ModuleNotFoundError:
        raise ClientUnavailableError(f"s3:// needs boto3, which is not installed: {INSTALL}") from None
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        # Stores other than Amazon's refuse checksums that the protocol does not require.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = boto3.session.Session().client("s3", config=config)
    return S3Bucket(bucket, client, (BotoCoreError, ClientError, Boto3Error, OSError))


