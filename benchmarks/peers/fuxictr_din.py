"""FuxiCTR 2.3.10's DIN on the batches that ours gets; runs in the second environment of `benchmarks/peers/setup.sh`.

The model is the one of the package's `model_zoo.LongCTR`, with the units that all programs have, its own choices for
all else (Dice in the attention, ReLU in the tower, no softmax) and PyTorch's Adagrad over its dense tables. Its own
training step runs, without its reading of files. Speaks as `benchmarks/support/training_worker.py` does.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from synthetic_batches import CATEGORIES, USERS, make_batches
from timed_windows import answer_windows

WIDTH, BATCH, HISTORY = 16, 1024, 50


def build(items: int) -> DIN:
    """The model, for the features of the batches."""
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
    model._max_gradient_norm, model._batch_index = 10.0, 0  # what its `fit` begins with
    return model


def arranged(batches: dict[str, np.ndarray]) -> list[tuple[dict, dict, torch.Tensor]]:
    """Batches as its loader gives them: the request; the items of history and, last, target; a mask of the history."""
    made = []
    for step in range(len(batches["label"])):
        of = {name: torch.from_numpy(values[step]) for name, values in batches.items()}
        items = {
            name: torch.cat([of[f"history_{name}"], of[name][:, None]], dim=1).reshape(-1)
            for name in ("item", "category")
        }
        made.append(({"user": of["user"], "label": of["label"]}, items, (of["history_item"] != 0).float()))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--ids", default="zipf")
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    model = build(arguments.items)
    batches = arranged(make_batches(arguments.items, arguments.steps, BATCH, HISTORY, arguments.ids))

    def train() -> None:
        for request, items, mask in batches:
            model.train_step((request, dict(items), mask))

    answer_windows(train, len(batches), BATCH)


if __name__ == "__main__":
    main()
