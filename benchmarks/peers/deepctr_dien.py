"""Train DeepCTR 0.9.4's DIEN on the batches of our models, in the environment of `benchmarks/peers/setup.sh`.

AUGRU with sampled negatives, and its own defaults except for the tower's units. Follows the protocol of
`benchmarks/support/training_worker.py`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from deepctr.feature_column import SparseFeat, VarLenSparseFeat
from deepctr.models import DIEN
from tensorflow.python.ops import array_ops, control_flow_ops
from tensorflow.python.util import nest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from synthetic_batches import CATEGORIES, USERS, make_batches
from timed_windows import serve_windows


def main() -> None:
    """Train the model in windows, one for each line on standard input."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--items", type=int, default=100_000, help="Number of items.")
    parser.add_argument("--ids", default="zipf", help="Distribution of item ids.")
    parser.add_argument("--steps", type=int, default=30, help="Steps in a window.")
    arguments = parser.parse_args()
    width, batch_size, history = 16, 1024, 50
    # Its recurrent layers look for these functions where TensorFlow had them until 2.12.
    array_ops.stack, control_flow_ops.Assert, control_flow_ops.while_loop = tf.stack, tf.debugging.Assert, tf.while_loop
    nest.is_sequence = nest.is_nested
    # These layers and the auxiliary loss are written for graphs and fail in eager mode.
    tf.compat.v1.disable_eager_execution()
    tf.keras.utils.set_random_seed(17)

    def history_column(name: str, feature: str, rows: int) -> VarLenSparseFeat:
        column = SparseFeat(name, rows, width, embedding_name=feature)
        return VarLenSparseFeat(column, maxlen=history, length_name="seq_length")

    rows = {"item": arguments.items + 1, "category": CATEGORIES + 1}
    columns = [SparseFeat("user", USERS + 1, embedding_dim=width)]
    columns += [SparseFeat(feature, count, embedding_dim=width) for feature, count in rows.items()]
    for prefix in ("hist", "neg_hist"):
        columns += [history_column(f"{prefix}_{feature}", feature, count) for feature, count in rows.items()]
    model = DIEN(columns, list(rows), gru_type="AUGRU", use_negsampling=True, dnn_hidden_units=(200, 80))
    model.compile(tf.keras.optimizers.legacy.Adagrad(0.05), "binary_crossentropy")
    batches = make_batches(arguments.items, arguments.steps, batch_size, history, arguments.ids, negatives=True)
    labels = batches.pop("label")
    for feature in rows:
        batches[f"hist_{feature}"] = batches.pop(f"history_{feature}")
        batches[f"neg_hist_{feature}"] = batches.pop(f"history_negative_{feature}")
    batches["seq_length"] = np.full((arguments.steps, batch_size), history)
    serve_windows(model, batches, labels)


if __name__ == "__main__":
    main()
