"""Train DeepCTR 0.9.4's DIN on the batches of our models, in the environment of `benchmarks/peers/setup.sh`.

Follows the protocol of `benchmarks/support/training_worker.py`. With `--as-it-comes` it keeps its own defaults (Dice in
the attention, ReLU in the tower, L2 over whole tables); otherwise it has our activations and no L2, which is faster.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import tensorflow as tf
from deepctr.feature_column import SparseFeat, VarLenSparseFeat
from deepctr.models import DIN

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from synthetic_batches import CATEGORIES, USERS, make_batches
from timed_windows import serve_windows


def main() -> None:
    """Train the model in windows, one for each line on standard input."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--items", type=int, default=100_000, help="Number of items.")
    parser.add_argument("--ids", default="zipf", help="Distribution of item ids.")
    parser.add_argument("--steps", type=int, default=30, help="Steps in a window.")
    parser.add_argument("--as-it-comes", action="store_true", help="Keep the library's own defaults.")
    arguments = parser.parse_args()
    width, batch_size, history = 16, 1024, 50
    tf.keras.utils.set_random_seed(17)
    columns = [
        SparseFeat("user", USERS + 1, embedding_dim=width),
        SparseFeat("item", arguments.items + 1, embedding_dim=width),
        SparseFeat("category", CATEGORIES + 1, embedding_dim=width),
        VarLenSparseFeat(SparseFeat("hist_item", arguments.items + 1, width, embedding_name="item"), maxlen=history),
        VarLenSparseFeat(SparseFeat("hist_category", CATEGORIES + 1, width, embedding_name="category"), maxlen=history),
    ]
    our_choices = {"att_activation": "sigmoid", "dnn_activation": "dice", "l2_reg_embedding": 0, "dnn_use_bn": False}
    settings = {} if arguments.as_it_comes else our_choices
    model = DIN(columns, ["item", "category"], dnn_hidden_units=(200, 80), att_hidden_size=(80, 40), **settings)
    model.compile(tf.keras.optimizers.Adagrad(0.05), "binary_crossentropy")
    batches = make_batches(arguments.items, arguments.steps, batch_size, history, arguments.ids)
    labels = batches.pop("label")
    batches["hist_item"], batches["hist_category"] = batches.pop("history_item"), batches.pop("history_category")
    serve_windows(model, batches, labels)


if __name__ == "__main__":
    main()
