"""The fingerprint of a model: a digest of everything that it is made from."""

from __future__ import annotations

from interestflow.digests import text_digest
from interestflow.pipeline.config import PipelineConfig


def model_fingerprint(config: PipelineConfig, inputs: str, code: str) -> str:
    """Return the fingerprint of the model that this configuration, input and code produce, 16 hexadecimal digits.

    Args:
        config: the configuration, narrowed to the training of one model (`for_training`, `for_baseline`).
        inputs: digest of the input files.
        code: digest of the code that trains and exports models.
    """
    return text_digest(config.model_dump_json(), inputs, code)
