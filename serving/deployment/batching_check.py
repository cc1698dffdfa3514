"""Checks that TensorFlow Serving can join the requests to a model in batches.

It fails every request of a batch whose shapes differ beyond the first axis. Clients make the shapes equal by the
description that the model carries, so batching is refused for a model with an axis that the description leaves free.
"""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow.core.framework import tensor_shape_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from interestflow.serving.deployment.config import BatchingConfig
from interestflow.serving.deployment.errors import ModelFolderError
from interestflow.serving.description import RANK, Description, sized_rank_signature
from interestflow.serving.session_model import INIT_SIGNATURE

PREDICT = "predict"


def check_batching(
    folder: str,
    signatures: Mapping[str, meta_graph_pb2.SignatureDef],
    description: Description | None,
    batching: BatchingConfig,
) -> None:
    """Check that requests to every signature of one version have equal shapes.

    Args:
        folder: the folder of the version, for messages.
        signatures: its SignatureDef by key.
        description: the model's description for clients, or None.
        batching: the section `deployment.batching`.

    Raises:
        ModelFolderError: where batching has to stay off for this version.
    """
    if description is None:
        raise ModelFolderError(
            f"{folder} should carry a description of its inputs for `deployment.batching`, received none: export the "
            "model anew, or leave `batching` out"
        )
    if description.max_rows > batching.max_batch_size:
        raise ModelFolderError(
            f"`deployment.batching.max_batch_size` should be at least {description.max_rows}, the rows that clients of "
            f"{folder} send in one request, received {batching.max_batch_size}"
        )
    if RANK in signatures:
        for count in description.candidate_sizes:
            signature = sized_rank_signature(count)
            if signature not in signatures:
                raise ModelFolderError(
                    f"{folder} should have the signature {signature!r} for `deployment.batching`, as its "
                    f"clients rank {count} candidates at once: export the model anew, or leave `batching` out"
                )
    for key in sorted(signatures.keys() - {INIT_SIGNATURE}):
        for name, info in sorted(signatures[key].inputs.items()):
            location = f"{folder}, signature {key!r}, input {name!r}"
            _check_rows_axis(location, info.tensor_shape)
            free = sum(dimension.size < 0 for dimension in info.tensor_shape.dim[1:])
            if free > _described_axes(key, name, signatures, description):
                raise ModelFolderError(
                    f"{location} should have an entry in `lengths` of the model's description for "
                    "`deployment.batching`, received none: requests of unequal lengths would fail one another"
                )
        for name, info in sorted(signatures[key].outputs.items()):
            if not info.tensor_shape.unknown_rank:
                _check_rows_axis(f"{folder}, signature {key!r}, output {name!r}", info.tensor_shape)


def _check_rows_axis(location: str, shape: tensor_shape_pb2.TensorShapeProto) -> None:
    """Check that a tensor has a first axis of any size, along which batches are joined and split."""
    if shape.unknown_rank or not shape.dim or shape.dim[0].size >= 0:
        sizes = ["?" if dimension.size < 0 else str(dimension.size) for dimension in shape.dim]
        received = "an unknown shape" if shape.unknown_rank else f"the shape [{', '.join(sizes)}]"
        raise ModelFolderError(
            f"{location} should have any number of rows for `deployment.batching`, received {received}"
        )


def _described_axes(
    key: str, name: str, signatures: Mapping[str, meta_graph_pb2.SignatureDef], description: Description
) -> int:
    """Count the axes beyond the first whose sizes clients take from the description."""
    described = int(name in description.lengths)
    if key == RANK and description.candidate_sizes and PREDICT in signatures:
        # A feature of candidates has one axis more here than in `predict`, where each candidate is a row.
        predict_inputs = signatures[PREDICT].inputs
        if name in predict_inputs:
            axes = len(signatures[key].inputs[name].tensor_shape.dim)
            described += int(axes > len(predict_inputs[name].tensor_shape.dim))
    return described
