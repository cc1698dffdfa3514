"""Embedding tables of PyTorch peers: lookups, and Adagrad's update of the rows that a batch used."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import torch

LOOKUPS = {
    "item": "item", "category": "category", "user": "user",
    "history_item": "item", "history_category": "category",
}  # fmt: skip
"""Table of each feature. The item's bias is looked up by its id too."""
Tensors = dict[str, torch.Tensor]


def ids_by_lookup(features: Tensors) -> dict[str, tuple[str, torch.Tensor]]:
    """Return the table and the ids of each lookup."""
    lookups = {name: (table, features[name]) for name, table in LOOKUPS.items()}
    return lookups | {"item_bias": ("item_bias", features["item"])}


class SparseTables:
    """Tables whose sparse gradients `torch.optim.Adagrad` applies."""

    def __init__(self, tables: Tensors, rate: float, initial: float, epsilon: float) -> None:
        """Create the optimizer."""
        self.tables = {name: torch.nn.Parameter(table) for name, table in tables.items()}
        self.optimizer = torch.optim.Adagrad(
            self.tables.values(), lr=rate, initial_accumulator_value=initial, eps=epsilon
        )

    def look_up(self, features: Tensors) -> Tensors:
        """Return the embeddings of each lookup."""
        embedding = torch.nn.functional.embedding
        return {
            name: embedding(ids, self.tables[table], sparse=True)
            for name, (table, ids) in ids_by_lookup(features).items()
        }

    def update(self) -> None:
        """Apply the gradients."""
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)


class TablesByHand:
    """Tables outside of autograd, whose rows are summed with `unique` and `index_add` and written back."""

    def __init__(self, tables: Tensors, rate: float, initial: float, epsilon: float) -> None:
        """Create the accumulators."""
        self.tables, self.rate, self.epsilon = tables, rate, epsilon
        self.accumulators = {name: torch.full_like(table, initial) for name, table in tables.items()}

    def look_up(self, features: Tensors) -> Tensors:
        """Return the embeddings of each lookup, whose gradients `update` reads."""
        self.lookups = ids_by_lookup(features)
        self.vectors = {name: self.tables[table][ids].requires_grad_() for name, (table, ids) in self.lookups.items()}
        return self.vectors

    @torch.no_grad()
    def update(self) -> None:
        """Update the rows of each table once, by the gradients of all its lookups."""
        parts = defaultdict(list)
        for name, (table, ids) in self.lookups.items():
            gradient = self.vectors[name].grad
            parts[table].append((ids.reshape(-1), gradient.reshape(-1, gradient.shape[-1])))
        for table, lookups in parts.items():
            ids, gradients = (torch.cat(part) if len(part) > 1 else part[0] for part in zip(*lookups, strict=True))
            self.update_rows(table, ids, gradients)

    def update_rows(self, table: str, ids: torch.Tensor, gradients: torch.Tensor) -> None:
        """Update rows `ids` [N], of which several may be equal, by their gradients [N, d]."""
        rows, positions = torch.unique(ids, return_inverse=True)
        gradient = gradients.new_zeros(len(rows), gradients.shape[1]).index_add_(0, positions, gradients)
        accumulator = self.accumulators[table]
        accumulated = accumulator[rows].addcmul_(gradient, gradient)
        accumulator.index_copy_(0, rows, accumulated)
        change = gradient.mul_(torch.rsqrt_(accumulated.add_(self.epsilon)))
        self.tables[table].index_copy_(0, rows, self.tables[table][rows].sub_(change, alpha=self.rate))


class OnePassTables(TablesByHand):
    """Tables whose rows a function in C++ sums, accumulates and writes in one pass."""

    def __init__(self, tables: Tensors, rate: float, initial: float, epsilon: float) -> None:
        """Compile the function, and create what maps rows to positions."""
        from torch.utils.cpp_extension import load

        super().__init__(tables, rate, initial, epsilon)
        source = str(Path(__file__).with_name("torch_rows.cpp"))
        self.native = load("interestflow_torch_rows", [source], extra_cflags=["-O3", "-march=native", "-fopenmp"])
        self.positions = {name: torch.full((len(table),), -1, dtype=torch.int32) for name, table in tables.items()}

    def update_rows(self, table: str, ids: torch.Tensor, gradients: torch.Tensor) -> None:
        """Update rows `ids` [N], of which several may be equal, by their gradients [N, d]."""
        rows = (self.tables[table], self.accumulators[table], self.positions[table])
        self.native.update_rows(*rows, ids.contiguous(), gradients.contiguous(), self.rate, self.epsilon)


class FbgemmTables:
    """FBGEMM's tables, whose backward pass updates rows by row-wise Adagrad; the bias, of width 1, by hand."""

    def __init__(self, tables: Tensors, rate: float, initial: float, epsilon: float) -> None:
        """Create the tables of the library with the given values."""
        from fbgemm_gpu.split_table_batched_embeddings_ops_common import EmbeddingLocation, PoolingMode
        from fbgemm_gpu.split_table_batched_embeddings_ops_training import (
            ComputeDevice,
            OptimType,
            SplitTableBatchedEmbeddingBagsCodegen,
        )

        self.bias = TablesByHand({"item_bias": tables.pop("item_bias")}, rate, initial, epsilon)
        self.modules = {}
        for name, table in tables.items():
            module = SplitTableBatchedEmbeddingBagsCodegen(
                [(*table.shape, EmbeddingLocation.HOST, ComputeDevice.CPU)], optimizer=OptimType.EXACT_ROWWISE_ADAGRAD,
                learning_rate=rate, eps=epsilon, pooling_mode=PoolingMode.NONE,
            )  # fmt: skip
            module.split_embedding_weights()[0].copy_(table)
            for state in module.split_optimizer_states()[0]:
                state.fill_(initial)
            self.modules[name] = module

    def look_up(self, features: Tensors) -> Tensors:
        """Return the embeddings of each lookup: one call for all lookups of a table."""
        vectors: Tensors = {}
        for table, module in self.modules.items():
            names = [name for name, own in LOOKUPS.items() if own == table]
            ids = [features[name].reshape(-1) for name in names]
            joined = torch.cat(ids) if len(ids) > 1 else ids[0]
            rows = module(joined, torch.tensor([0, len(joined)]))
            for name, part in zip(names, rows.split([len(part) for part in ids]), strict=True):
                vectors[name] = part.view(*features[name].shape, -1)
        ids = features["item"]
        self.bias_ids = ids
        self.bias_vectors = self.bias.tables["item_bias"][ids].requires_grad_()
        return vectors | {"item_bias": self.bias_vectors}

    @torch.no_grad()
    def update(self) -> None:
        """Update the bias; the backward pass has updated the other tables."""
        self.bias.update_rows("item_bias", self.bias_ids, self.bias_vectors.grad)


TABLES_BY_VARIANT = {
    "eager": SparseTables,
    "compiled": SparseTables,
    "rows": TablesByHand,
    "bfloat16": TablesByHand,
    "one-pass": OnePassTables,
    "fbgemm": FbgemmTables,
}
