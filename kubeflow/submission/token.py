"""The bearer token of the API's requests. It is never an argument and never printed."""

from __future__ import annotations

import os
from pathlib import Path

from interestflow.kubeflow.submission.errors import SubmissionError

TOKEN_VARIABLE = "KFP_TOKEN"
PATH_VARIABLE = "KF_PIPELINES_SA_TOKEN_PATH"
"""kfp's own variable for the file of a pod's token."""
POD_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")
"""Where Kubeflow's profiles mount the token of a pod, by the audience pipelines.kubeflow.org."""


def read_token() -> str | None:
    """Return the token of `$KFP_TOKEN`, or of the pod's file; None where there is neither.

    Call it for each request: Kubernetes replaces the file within the hour.

    Raises:
        SubmissionError: for a file that cannot be read, and for a token that no HTTP header can carry.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    source = f"`${TOKEN_VARIABLE}`"
    if not token:
        path = Path(os.environ.get(PATH_VARIABLE) or POD_TOKEN)
        source = str(path)
        if not path.exists() and not os.environ.get(PATH_VARIABLE):
            return None
        try:
            token = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise SubmissionError(
                f"`${PATH_VARIABLE}` should name a readable file, received {path}: {reason}"
            ) from None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise SubmissionError(f"{source} should hold one line, a token, received something else")  # never the value
    return token
