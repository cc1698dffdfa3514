"""Knowledge Graph Attention Network: Wang et al., KDD 2019, arXiv 1905.07854."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from interestflow.models.catalogue import Catalogue
from interestflow.models.graphs.collaborative_graph import INTERACT, CollaborativeGraph
from interestflow.models.graphs.edges import GraphEdges
from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.core.masked_ops import masked_softmax, masked_sum
from interestflow.models.layers.core.unit_norm import unit_norm
from interestflow.models.layers.embedding.declared_tables import declare_table, rows_to_allocate
from interestflow.models.layers.embedding.gather import gather_rows
from interestflow.models.layers.graph.bi_interaction import BiInteraction
from interestflow.models.layers.graph.segment_ops import neighbourhood_sums, segment_softmax
from interestflow.models.layers.graph.transr import TransR
from interestflow.models.layers.sequence.history_windows import newest_features
from interestflow.models.matchers.base import Matcher
from interestflow.models.matchers.kgat_spec import KGATHyperparameters
from interestflow.models.replicas import replica_count
from interestflow.models.tensor import Features, Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class KGAT(Matcher):
    """Knowledge Graph Attention Network: propagation over one graph of users, items and the items' entities.

    With the nodes' vectors `e_0`, the edges `(h, r, t)` of `CollaborativeGraph` and the attention
    `a = softmax of pi(h, r, t) over the edges of h` (`TransR`):

        n_l(h)  = sum over (h, r, t) of a e_l(t)
        e_l+1   = BiInteraction(e_l, n_l), then message dropout
        e*      = [e_0; e_1 / |e_1|; ...; e_L / |e_L|]         the vector that is propagated is not normalized
        score   = <e*_user, e*_item>

    Three phases take turns, as in the authors' code. Batches of positives, by `training_loss`: BPR against an item that
    others took in training and the user did not, through the whole graph. After each epoch, by `on_epoch_end`: batches
    of triples, `TransR.losses`, by an optimizer of its own, whose moments are not those of the first; then the
    attention is recomputed from the current `e_0`. It is a weight, without gradient, that all layers and all batches
    read, so that training uses the refreshed attention: the released TF1 code keeps using its first attention.

    Certain, from the paper and its code: all of the above. Ours: the attention is also computed once before the first
    epoch, where the code begins with a sum of normalized adjacencies; rows whose sampled item, or whose sampled tail,
    is a true one nevertheless do not count, where the code samples again; items that nobody interacted with, which the
    authors' data does not have, are not sampled as negatives: training would push all of them down, regardless of the
    graph; the triples' optimizer is `LazyAdam`, whose step costs what the batch costs; all is computed in float32.

    What a user did since training is not in the graph, and a user who was not in training has no edges. Users are
    therefore folded in, which is ours: a user's vector is the one of a node that has the user's own `e_0`, or the mean
    of all trained users' where there is none, and edges to the newest few items of the history, by the same attention
    and layers, while the other nodes stay as they are. Older behaviours say less of what comes next. With an empty
    history it is the node's own. Nothing is known of an item that no edge reaches: its vector is zeros, where the
    layers would give it one of full length in some direction.

    In serving, nodes' vectors are looked up: they are propagated once, when the attention is computed.

    Args:
        inputs: description of the input tensors, with `user_rows`. Of the items only their ids are used.
        hyperparameters: see `KGATHyperparameters`.
        catalogue: all items, as for every matcher; KGAT does not use it.
        graph: what training learns from. None: all weights are to be loaded, and the model only serves.
        sizes: where `graph` is None, its numbers of nodes, relations and edges.

    Raises:
        ValueError: if there are no user ids, or neither a graph nor its sizes.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=4, history_length=3, history_age_buckets=4, user_rows=3)
    >>> knowledge = KnowledgeGraph.without_triples(4)
    >>> graph = CollaborativeGraph.from_interactions(3, np.array([1, 1, 2]), np.array([1, 2, 3]), knowledge)
    >>> matcher = KGAT(inputs, KGATHyperparameters(embedding_dimension=4, layer_units=(2,)), graph=graph)
    >>> tuple(matcher.encode_user({"user": ops.array([1]), "history_item": ops.array([[1, 2, 0]])}).shape)
    (1, 1, 6)

    Reference:
        Wang et al., KGAT: Knowledge Graph Attention Network for Recommendation, KDD 2019, arXiv 1905.07854.
    """

    Hyperparameters = KGATHyperparameters
    hyperparameters: KGATHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: KGATHyperparameters,
        catalogue: Catalogue | None = None,
        graph: CollaborativeGraph | None = None,
        sizes: tuple[int, int, int] | None = None,
        name: str | None = None,
    ) -> None:
        """Build all weights and, with a graph, compute the attention."""
        super().__init__(inputs, hyperparameters, catalogue, name)
        if inputs.user_rows is None:
            raise ValueError("`model.name` kgat needs the ids of users among its inputs, received none")
        if graph is not None:
            sizes = _checked_sizes(graph, inputs.user_rows, inputs.item_rows)
        if sizes is None:
            raise ValueError("`model.name` kgat needs a graph, received none")
        h, self.sizes = hyperparameters, sizes
        nodes, relations, edges = sizes
        self.user_rows, self.item_rows = inputs.user_rows, inputs.item_rows
        self.edges = None if graph is None else GraphEdges(graph)
        self.random = keras.random.SeedGenerator(name="random")
        self.transr = TransR(relations, h.embedding_dimension, h.relation_dimension, name="transr", dtype="float32")
        self.widths = (h.embedding_dimension, *h.layer_units)
        self.propagation = [
            BiInteraction(units, h.message_dropout, name=f"propagation_{index}", dtype="float32")
            for index, units in enumerate(h.layer_units)
        ]
        self.transr.build()
        self.transr.trainable = False  # `training_loss` does not use it; `train_on_graph` does
        for layer, width in zip(self.propagation, self.widths, strict=False):
            layer.build((None, width))
        self.nodes = self._table("nodes", nodes, self.widths[0], initializer="glorot_uniform", trainable=True)
        self.attention = self._weight("attention", (edges,))
        self.vectors = self._table("vectors", self.user_rows + self.item_rows, sum(self.widths))
        self.item_levels = self._table("item_levels", self.item_rows, sum(self.widths[:-1]))
        self._create_graph_optimizer()
        if graph is not None and self.nodes.shape[0] == nodes:  # false inside `declare_tables`
            self.refresh()

    def _create_graph_optimizer(self) -> None:
        """Create the triples' optimizer, whose moments are weights of the model so that a backup holds them."""
        from interestflow.models.optimizers.row_sparse import LazyAdam  # needs TensorFlow

        self.graph_weights = [self.nodes, self.transr.vectors, self.transr.projections]
        self.graph_optimizer = LazyAdam(self.hyperparameters.graph_learning_rate, name="graph_optimizer")
        self.graph_optimizer.build(self.graph_weights)
        self.graph_moments = list(self.graph_optimizer.variables)
        for kind in ("momentum", "velocity"):
            (moments,) = (moment for moment in self.graph_moments if moment.name.endswith(f"nodes_{kind}"))
            declare_table(f"nodes {kind}", self.sizes[0], moments)
        self._graph_step: Callable[[], Any] | None = None

    def _weight(self, name: str, shape: tuple[int, ...], **options: Any) -> keras.Variable:
        """Add a float32 weight, by default zeros that are not trained."""
        options = {"initializer": "zeros", "trainable": False, **options}
        return self.add_weight(name=name, shape=shape, dtype="float32", autocast=False, **options)

    def _table(self, name: str, rows: int, width: int, **options: Any) -> keras.Variable:
        """Add a weight [rows, width] whose size is reported before training: see `declare_tables`."""
        table = self._weight(name, (rows_to_allocate(rows), width), **options)
        declare_table(name, rows, table)
        return table

    def build(self, input_shape: Shape | None = None) -> None:
        """Mark the model as built: the constructor has built all weights, and declared tables cannot be looked up."""
        self.built = True

    def encode_user(self, features: Features, training: bool | None = None) -> Tensor:
        """Return each user's vector, [B, 1, d]: folded in from the newest items, or the node's for an empty history."""
        users, history = features["user"], {"history_item": features["history_item"]}
        newest, mask = newest_features(history, self.hyperparameters.fold_in_length)
        folded = self.fold_in(gather_rows(self.nodes, users), newest["history_item"], mask)
        return ops.where(ops.any(mask, axis=1, keepdims=True), folded, gather_rows(self.vectors, users))[:, None, :]

    def encode_items(self, features: Features, training: bool | None = None) -> Tensor:
        """Return each item's propagated vector, [N, d]."""
        return gather_rows(self.vectors, self.user_rows + features["item"])

    def fold_in(self, nodes: Tensor, items: Tensor, mask: Tensor) -> Tensor:
        """Compute the vectors of users' nodes that have edges to the given items.

        Args:
            nodes: [B, d_0], the users' own `e_0`.
            items: ids [B, n].
            mask: bool [B, n], which of the items have an edge.

        Returns:
            `e*`, [B, d].
        """
        item_levels = gather_rows(self.item_levels, items)
        mask = ops.logical_and(mask, ops.any(item_levels != 0.0, axis=-1))  # an item without edges says nothing
        scores = self.transr.scores(INTERACT, ops.expand_dims(nodes, 1), item_levels[..., : self.widths[0]])
        messages = masked_sum(ops.expand_dims(masked_softmax(scores, mask), -1) * item_levels, mask)
        levels, start = [nodes], 0
        for layer, width in zip(self.propagation, self.widths, strict=False):
            levels.append(layer(levels[-1], messages[:, start : start + width], training=False))
            start += width
        return _join_levels(levels)

    def propagate(self, training: bool = False) -> list[Tensor]:
        """Return `e_0` to `e_L` of all nodes, [N, d_l] each."""
        edges = self._training_edges()
        sum_messages = neighbourhood_sums(self.attention, edges.heads, edges.tails, edges.tail_order, self.sizes[0])
        levels = [ops.convert_to_tensor(self.nodes)]
        for layer in self.propagation:
            levels.append(layer(levels[-1], sum_messages(levels[-1]), training=training))
        return levels

    def training_loss(self, features: Features, weights: Tensor | None = None) -> Tensor:
        """See `Matcher`: BPR, and half of `embedding_l2` times the squares of the three vectors `e*` of a row."""
        users, items, edges = features["user"], features["item"], self._training_edges()
        negatives = ops.cast(edges.sample_items(ops.shape(items)[0], self.random), items.dtype)
        rows = ops.concatenate([users, self.user_rows + items, self.user_rows + negatives], axis=0)
        levels = [ops.take(level, rows, axis=0) for level in self.propagate(training=True)]
        user, item, negative = ops.split(_join_levels(levels), 3, axis=0)
        losses = ops.softplus(ops.sum(user * (negative - item), axis=-1))
        losses = ops.where(edges.has_interaction(users, negatives), 0.0, losses)
        squares = sum(ops.sum(ops.square(vector), axis=-1) for vector in (user, item, negative))
        return self.weighted_mean(losses + 0.5 * self.hyperparameters.embedding_l2 * squares, weights)

    def on_epoch_end(self, epoch: int) -> None:
        """Train on the graph's triples, then recompute the attention and the vectors to serve."""
        self.train_on_graph()
        self.refresh()

    def train_on_graph(self) -> float:
        """Train on batches of triples, and return their mean loss."""
        import tensorflow as tf

        strategy = self.distribute_strategy
        if self._graph_step is None:
            self._graph_step = self._build_graph_step()
        steps = self.hyperparameters.graph_steps or -(-self.sizes[2] // self.hyperparameters.graph_batch_size)
        total = tf.zeros(())
        for _ in range(steps):
            losses = strategy.run(self._graph_step)
            total += strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)
        return float(total) / max(steps, 1)

    def _build_graph_step(self) -> Callable[[], Any]:
        """Return the function that trains on one batch of triples and returns this replica's share of the loss."""
        import tensorflow as tf

        h, edges = self.hyperparameters, self._training_edges()

        @tf.function
        def step() -> Tensor:
            heads, relations, tails, corrupted, is_false = edges.sample_triples(h.graph_batch_size, self.random)
            weights = [weight.value for weight in self.graph_weights]
            with tf.GradientTape() as tape:
                tape.watch(weights)
                head, tail, other = (gather_rows(self.nodes, ids) for ids in (heads, tails, corrupted))
                losses = self.transr.losses(relations, head, tail, other, h.graph_l2)
                loss = ops.mean(ops.where(is_false, losses, 0.0)) / replica_count()
            self.graph_optimizer.apply(tape.gradient(loss, weights), self.graph_weights)
            return loss

        return step

    def refresh(self) -> None:
        """Compute the attention from the current `e_0`, and from both the vectors to serve.

        Users without interactions are given the mean `e_0` of those with some; items without edges are served as zeros.
        """
        edges = self._training_edges()
        known = edges.graph.known_users
        nodes = np.array(self.nodes)
        nodes[: self.user_rows][~known] = nodes[: self.user_rows][known].mean(axis=0) if known.any() else 0.0
        self.nodes.assign(nodes)
        scores = np.zeros(self.sizes[2], np.float32)
        for relation, positions in edges.relation_chunks():
            heads, tails = (nodes[ends[positions]] for ends in (edges.graph.heads, edges.graph.tails))
            scores[positions] = ops.convert_to_numpy(self.transr.scores(relation, heads, tails))
        if self.sizes[2]:
            self.attention.assign(segment_softmax(ops.convert_to_tensor(scores), edges.heads, self.sizes[0]))
        levels = self.propagate()
        users, end = self.user_rows, self.user_rows + self.item_rows
        vectors = _join_levels(levels)
        item_levels = ops.concatenate([level[users:end] for level in levels[:-1]], axis=-1)
        has_edges = edges.graph.connected_items[:, None]
        items = ops.where(has_edges, vectors[users:end], 0.0)
        self.vectors.assign(ops.concatenate([vectors[:users], items], axis=0))
        self.item_levels.assign(ops.where(has_edges, item_levels, 0.0))

    def _training_edges(self) -> GraphEdges:
        """Return the graph's edges, which a model that only serves does not have."""
        if self.edges is None:
            raise ValueError("`graph` is needed to train KGAT, received None: a model that was loaded only serves")
        return self.edges

    def get_config(self) -> dict[str, Any]:
        """Add the graph's sizes, by which a model without the graph builds its weights."""
        return {**super().get_config(), "sizes": list(self.sizes)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, **arguments: Any) -> Self:
        """Build a model that only serves."""
        return super().from_config(config, custom_objects, sizes=tuple(config["sizes"]), **arguments)


def _checked_sizes(graph: CollaborativeGraph, user_rows: int, item_rows: int) -> tuple[int, int, int]:
    """Return the graph's numbers of nodes, relations and edges after checking its rows against the inputs."""
    if (graph.user_rows, graph.item_rows) != (user_rows, item_rows):
        expected, received = f"{user_rows} and {item_rows}", f"{graph.user_rows} and {graph.item_rows}"
        raise ValueError(f"`graph` should have rows of users and items {expected}, received {received}")
    return graph.node_count, graph.relation_count, len(graph.heads)


def _join_levels(levels: list[Tensor]) -> Tensor:
    """Return `e*`, [..., d], of `e_0` to `e_L`."""
    return ops.concatenate([levels[0], *(unit_norm(level) for level in levels[1:])], axis=-1)
