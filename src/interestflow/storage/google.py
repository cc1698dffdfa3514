"""Files of a bucket of Google Cloud Storage, by Google's client."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import Any

from interestflow.storage.files import ATTEMPTS, CONNECT_SECONDS, INSTALL, READ_SECONDS, Bucket, ClientUnavailableError, first_line


class GoogleBucket(Bucket):
    """Objects of a bucket of Google Cloud Storage."""

    def __init__(self, bucket: str, client: Any, errors: tuple[type[Exception], ...]) -> None:
        """Take Google's client and the errors that it raises."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        super().__init__(bucket)
        self.errors = errors
        self._client = client
        self._bucket = client.bucket(bucket)
        self._limits = {
            "timeout": (CONNECT_SECONDS, READ_SECONDS),
            "retry": DEFAULT_RETRY.with_timeout(CONNECT_SECONDS * ATTEMPTS),
        }

    def _keys(self, prefix: str, delimiter: str = "", limit: int | None = None) -> Iterator[str]:
        found = self._client.list_blobs(
            self.bucket, prefix=prefix or None, delimiter=delimiter or None, max_results=limit, **self._limits
        )
        yield from (blob.name for blob in found)
        yield from sorted(found.prefixes)  # known after the last page

    def read(self, path: str) -> bytes:
        """Return the content of an object."""
        content: bytes = self._bucket.blob(path).download_as_bytes(**self._limits)
        return content

    def write(self, path: str, content: bytes) -> None:
        """Write an object."""
        self._bucket.blob(path).upload_from_string(content, content_type="application/octet-stream", **self._limits)

    def download(self, path: str, local: str) -> None:
        """Copy an object to a local file."""
        self._bucket.blob(path).download_to_filename(local, **self._limits)

    def upload(self, local: str, path: str) -> None:
        """Copy a local file to an object."""
        self._bucket.blob(path).upload_from_filename(local, content_type="application/octet-stream", **self._limits)

    def remove(self, path: str) -> None:
        """Remove an object, if it is there."""
        from google.api_core.exceptions import NotFound

        try:
            self._bucket.blob(path).delete(**self._limits)
        except NotFound:
            return

    def reason(self, error: Exception) -> str:
        """Return the cause of an error in words."""
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError

        cause = getattr(error, "cause", None) or error
        if isinstance(cause, GoogleAuthError):
            return f"the credentials cannot be used: {first_line(cause)}"
        if isinstance(cause, exceptions.Unauthorized | exceptions.Forbidden):
            return (
                "access is refused; set GOOGLE_APPLICATION_CREDENTIALS, or give the machine's service account the "
                f"right to use bucket {self.bucket}"
            )
        if isinstance(cause, exceptions.NotFound):
            return f"there is no such file, or no bucket {self.bucket}"
        if isinstance(cause, OSError | exceptions.RetryError):
            return f"{self._client._connection.API_BASE_URL} does not answer: {first_line(cause)}"
        return first_line(cause)


@functools.lru_cache(maxsize=16)
def open_google_bucket(bucket: str, environment: tuple[tuple[str, str], ...]) -> GoogleBucket:
    """Return a bucket; the environment is an argument so that another one makes another client."""
    del environment
    try:
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
        from google.cloud import storage
    except ModuleNotFoundError:
        raise ClientUnavailableError(f"gs:// needs google-cloud-storage, which is not installed: {INSTALL}") from None
    try:
        client = storage.Client(project=None)
    except DefaultCredentialsError as error:
        if "GOOGLE_APPLICATION_CREDENTIALS" in os.environ:
            raise ClientUnavailableError(f"the credentials cannot be used: {first_line(error)}") from None
        client = storage.Client.create_anonymous_client()  # public buckets need none
    except (OSError, ValueError) as error:
        raise ClientUnavailableError(f"the credentials cannot be used: {first_line(error)}") from None
    return GoogleBucket(bucket, client, (GoogleAPIError, GoogleAuthError, OSError))


