"""Train FuxiCTR 2.3.10's DIN on the batches of our models, in the second environment of `setup.sh`.

The model is that of the package's `model_zoo.LongCTR`, with the units that all programs have, its own choices for all
else (Dice in the attention, ReLU in the tower, no softmax) and PyTorch's Adagrad over its dense tables. Its own
training step runs, without its reader of files. Follows the protocol of `benchmarks/support/training_worker.py`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from fuxictr.features import FeatureMap
from model_zoo.LongCTR.DIN import DIN

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from synthetic_batches import CATEGORIES, USERS, make_batches
from timed_windows import answer_windows

WIDTH, BATCH, HISTORY = 16, 1024, 50


def build(items: int) -> DIN:
    """Return the model for the features of the batches."""
    features = FeatureMap("synthetic", tempfile.gettempdir())
    rows = {"user": USERS + 1, "item": items + 1, "category": CATEGORIES + 1}
    for name, count in rows.items():
        source = "user" if name == "user" else "item"
        features.features[name] = {
            "source": source, "type": "categorical", "vocab_size": count, "padding_idx": 0, "embedding_dim": WIDTH,
        }  # fmt: skip
    features.labels, features.num_fields, features.default_emb_dim = ["label"], len(rows), WIDTH
    torch.manual_seed(17)
    model = DIN(
        features,
        embedding_dim=WIDTH,
        attention_hidden_units=[80, 40],
        dnn_hidden_units=[200, 80],
        learning_rate=0.05,
        optimizer="Adagrad",
        loss="binary_crossentropy",
        verbose=0,
        metrics=["AUC"],
        model_root=tempfile.gettempdir(),
    )
    model._max_gradient_norm, model._batch_index = 10.0, 0  # as its `fit` sets them
    return model


def arrange(batches: dict[str, np.ndarray]) -> list[tuple[dict, dict, torch.Tensor]]:
    """Return batches as its loader does: the request, the items of the history and then the target, and a mask."""
    arranged = []
    for step in range(len(batches["label"])):
        tensors = {name: torch.from_numpy(values[step]) for name, values in batches.items()}
        items = {
            name: torch.cat([tensors[f"history_{name}"], tensors[name][:, None]], dim=1).reshape(-1)
            for name in ("item", "category")
        }
        arranged.append(
            ({"user": tensors["user"], "label": tensors["label"]}, items, (tensors["history_item"] != 0).float())
        )
    return arranged


def main() -> None:
    """Train the model in windows, one for each line on standard input."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--items", type=int, default=100_000, help="Number of items.")
    parser.add_argument("--ids", default="zipf", help="Distribution of item ids.")
    parser.add_argument("--steps", type=int, default=30, help="Steps in a window.")
    arguments = parser.parse_args()
    model = build(arguments.items)
    batches = arrange(make_batches(arguments.items, arguments.steps, BATCH, HISTORY, arguments.ids))

    def train() -> None:
        for request, items, mask in batches:
            model.train_step((request, dict(items), mask))

    answer_windows(train, len(batches), BATCH)


if __name__ == "__main__":
    main()
