"""Knowledge Graph Attention Network: Wang et al., KDD 2019, arXiv 1905.07854."""

from __future__ import annotations

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


@keras.saving.register_keras_serializable(package="interestflow")
class KGAT(Matcher):
    """Users, items and what is known of items are nodes of one graph, each of which takes up what its neighbours say.

    With the nodes' vectors `e0`, the edges `(h, r, t)` of `CollaborativeGraph` and the attention
    `a = softmax of pi(h, r, t) over the edges of h` (`TransR`):

        n_l(h)  = sum over (h, r, t) of a e_l(t)
        e_l+1   = BiInteraction(e_l, n_l), then message dropout
        e*      = [e_0; e_1 / |e_1|; ...; e_L / |e_L|]         the vector that goes on is not of length 1
        score   = <e*_user, e*_item>

    Three things happen in turn, as in the authors' code. Batches of positives, by `training_loss`: BPR against an item
    that others took in training and the user did not, through the whole graph. After each epoch, by `on_epoch_end`:
    batches of triples, `TransR.losses`, by an optimizer of its own, whose moments are not those of the first; then the
    attention is computed anew from `e_0` as it is now. It is a weight, without gradient, that all layers and all
    batches read, so that what is refreshed is what is used: the released TF1 code goes on with its first attention.

    Certain, from the paper and its code: all of the above. Ours: the attention is also computed once before the first
    epoch, where the code begins with a sum of normalised adjacencies; rows whose drawn item, or whose drawn tail, is
    true all the same do not count, where the code draws again; items that nobody took are no negatives, of which the
    authors' data has none: as negatives they would all be learned to be unwanted, whatever the graph knows of them; the
    triples' optimizer is `LazyAdam`, whose step costs what the batch costs; all is computed in float32.

    What a user did since training is not in the graph, and a user who was not in training has no edges. So users are
    folded in, which is ours: a user's vector is the one that a node would get that has the user's own `e_0`, or the
    mean of all trained users' where there is none, and edges to the newest few items of the history, by the same
    attention and layers, while the other nodes stay as they are. All that came long before tells less of what comes
    next. With an empty history it is the node's own. Of an item that no edge reaches nothing is known: its vector is
    zeros, where the layers would give it one of full length in some direction.

    To serve, nodes' vectors are looked up: they are propagated once, when the attention is.

    Args:
        inputs: which tensors there are, and their sizes; `user_rows` among them. Of the items only their ids are used.
        hyperparameters: see `KGATHyperparameters`.
        catalogue: all items, as for every matcher; KGAT uses nothing of it.
        graph: what training learns from. None: all weights are to be loaded, and the model only serves.
        sizes: where `graph` is None, its nodes, relations and edges.

    Raises:
        ValueError: where there are no ids of users, or neither a graph nor its sizes.
    """

    Hyperparameters = KGATHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: KGATHyperparameters,
        catalogue: Catalogue | None = None,
        graph: CollaborativeGraph | None = None,
        sizes: tuple[int, int, int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, catalogue, name)
        if inputs.user_rows is None:
            raise ValueError("`model.name` kgat needs the ids of users among its inputs, received none")
        if graph is not None:
            if (graph.user_rows, graph.item_rows) != (inputs.user_rows, inputs.item_rows):
                expected, found = (
                    f"{inputs.user_rows} and {inputs.item_rows}",
                    f"{graph.user_rows} and {graph.item_rows}",
                )
                raise ValueError(f"`graph` should have rows of users and items {expected}, received {found}")
            sizes = graph.node_count, graph.relation_count, len(graph.heads)
        if sizes is None:
            raise ValueError("`model.name` kgat needs a graph, received none")
        h, self.sizes = hyperparameters, sizes
        nodes, relations, edges = sizes
        self.user_rows, self.item_rows = inputs.user_rows, inputs.item_rows
        self.edges = None if graph is None else GraphEdges(graph)
        self.random = keras.random.SeedGenerator(name="random")
        self.transr = TransR(relations, h.embedding_dimension, h.relation_dimension, name="transr", dtype="float32")
        widths = (h.embedding_dimension, *h.layer_units)
        self.propagation = [
            BiInteraction(units, h.message_dropout, name=f"propagation_{number}", dtype="float32")
            for number, units in enumerate(h.layer_units)
        ]
        self.transr.build()
        self.transr.trainable = False  # by `training_loss`, of which it is no part
        for layer, width in zip(self.propagation, widths, strict=False):
            layer.build((None, width))
        self.widths = widths
        self.nodes = self._table("nodes", nodes, widths[0], "glorot_uniform", trainable=True)
        self.attention = self._weight("attention", (edges,))
        self.vectors = self._table("vectors", self.user_rows + self.item_rows, sum(widths))
        self.item_levels = self._table("item_levels", self.item_rows, sum(widths[:-1]))
        from interestflow.models.optimizers.row_sparse import LazyAdam  # TensorFlow's, which other models do without

        self.graph_learns = [self.nodes, self.transr.vectors, self.transr.projections]
        self.graph_optimizer = LazyAdam(h.graph_learning_rate, name="graph_optimizer")
        self.graph_optimizer.build(self.graph_learns)
        self.graph_moments = list(self.graph_optimizer.variables)  # weights too, so that a backup has them
        for kind in ("momentum", "velocity"):
            (moments,) = (each for each in self.graph_moments if each.name.endswith(f"nodes_{kind}"))
            declare_table(f"nodes {kind}", nodes, moments)
        self._graph_step: Any = None
        if graph is not None and self.nodes.shape[0] == nodes:  # not where tables are only declared
            self.refresh()

    def _weight(self, name: str, shape: tuple[int, ...], initializer: str = "zeros", trainable: bool = False) -> Any:
        return self.add_weight(
            name=name, shape=shape, initializer=initializer, trainable=trainable, dtype="float32", autocast=False
        )

    def _table(self, name: str, rows: int, width: int, initializer: str = "zeros", trainable: bool = False) -> Any:
        """A weight [rows, width], of a size that is told before training: see `declare_tables`."""
        table = self._weight(name, (rows_to_allocate(rows), width), initializer, trainable)
        declare_table(name, rows, table)
        return table

    def build(self, *_: Any) -> None:
        """All weights are there since the constructor; where tables were only declared, nothing could be looked up."""
        self.built = True

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """[B, 1, d]: what the newest of the history make of a user's node, or the node as training left it."""
        users, history = features["user"], {"history_item": features["history_item"]}
        newest, mask = newest_features(history, self.hyperparameters.fold_in_length)
        folded = self.folded_in(gather_rows(self.nodes, users), newest["history_item"], mask)
        has_any = ops.any(mask, axis=1, keepdims=True)
        return ops.where(has_any, folded, gather_rows(self.vectors, users))[:, None, :]

    def encode_items(self, features: dict[str, Any], training: bool | None = None) -> Any:
        return gather_rows(self.vectors, self.user_rows + features["item"])

    def folded_in(self, own: Any, items: Any, mask: Any) -> Any:
        """Vectors [B, d] of users' nodes whose own are [B, d_0], with edges to items [B, n] where bool [B, n] holds."""
        of_items = gather_rows(self.item_levels, items)
        mask = ops.logical_and(mask, ops.any(of_items != 0.0, axis=-1))  # an item without edges says nothing
        scores = self.transr.scores(INTERACT, ops.expand_dims(own, 1), of_items[..., : self.widths[0]])
        said = masked_sum(ops.expand_dims(masked_softmax(scores, mask), -1) * of_items, mask)
        levels, start = [own], 0
        for layer, width in zip(self.propagation, self.widths, strict=False):
            levels.append(layer(levels[-1], said[:, start : start + width], training=False))
            start += width
        return _joined(levels)

    def propagate(self, training: bool = False) -> list[Any]:
        """Of all nodes, `e_0` to `e_L`, [N, d_l] each."""
        edges = self._learnt_from()
        said_to = neighbourhood_sums(self.attention, edges.heads, edges.tails, edges.tail_order, self.sizes[0])
        levels = [ops.convert_to_tensor(self.nodes)]
        for layer in self.propagation:
            levels.append(layer(levels[-1], said_to(levels[-1]), training=training))
        return levels

    def training_loss(self, features: dict[str, Any], weights: Any | None = None) -> Any:
        """See `Matcher`: BPR, and half of `embedding_l2` times the squares of the three vectors `e*` of a row."""
        users, items, edges = features["user"], features["item"], self._learnt_from()
        others = ops.cast(edges.sample_items(ops.shape(items)[0], self.random), items.dtype)
        rows = ops.concatenate([users, self.user_rows + items, self.user_rows + others], axis=0)
        levels = [ops.take(level, rows, axis=0) for level in self.propagate(training=True)]
        user, item, other = ops.split(_joined(levels), 3, axis=0)
        losses = ops.softplus(ops.sum(user * (other - item), axis=-1))
        losses = ops.where(edges.has_interaction(users, others), 0.0, losses)
        squares = sum(ops.sum(ops.square(vector), axis=-1) for vector in (user, item, other))
        return self.weighted_mean(losses + 0.5 * self.hyperparameters.embedding_l2 * squares, weights)

    def on_epoch_end(self, epoch: int) -> None:
        """Learns from the graph, then computes the attention and the vectors to serve anew."""
        self.learn_graph()
        self.refresh()

    def learn_graph(self) -> float:
        """Batches of triples; gives their mean loss."""
        import tensorflow as tf

        strategy = self.distribute_strategy
        if self._graph_step is None:
            self._graph_step = self._make_graph_step()
        steps = self.hyperparameters.graph_steps or -(-self.sizes[2] // self.hyperparameters.graph_batch_size)
        total = tf.zeros(())
        for _ in range(steps):
            losses = strategy.run(self._graph_step)
            total += strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)
        return float(total) / max(steps, 1)

    def _make_graph_step(self) -> Any:
        import tensorflow as tf

        h, edges = self.hyperparameters, self._learnt_from()

        @tf.function
        def step() -> Any:
            heads, relations, tails, others, false = edges.sample_triples(h.graph_batch_size, self.random)
            weights = [weight.value for weight in self.graph_learns]
            with tf.GradientTape() as tape:
                tape.watch(weights)
                head, tail, other = (gather_rows(self.nodes, ids) for ids in (heads, tails, others))
                losses = self.transr.losses(relations, head, tail, other, h.graph_l2)
                loss = ops.mean(ops.where(false, losses, 0.0)) / replica_count()
            self.graph_optimizer.apply(tape.gradient(loss, weights), self.graph_learns)
            return loss

        return step

    def refresh(self) -> None:
        """Computes the attention from `e_0` as it is, and from both the vectors that are served.

        Users who took nothing are given the mean `e_0` of those who did, and items without edges zeros to serve.
        """
        edges = self._learnt_from()
        known = edges.graph.known_users
        nodes = np.array(self.nodes)
        nodes[: self.user_rows][~known] = nodes[: self.user_rows][known].mean(axis=0) if known.any() else 0.0
        self.nodes.assign(nodes)
        scores = np.zeros(self.sizes[2], np.float32)
        for relation, places in edges.relation_chunks():
            heads, tails = (nodes[part[places]] for part in (edges.graph.heads, edges.graph.tails))
            scores[places] = ops.convert_to_numpy(self.transr.scores(relation, heads, tails))
        if self.sizes[2]:
            self.attention.assign(segment_softmax(ops.convert_to_tensor(scores), edges.heads, self.sizes[0]))
        levels = self.propagate()
        users, served = self.user_rows, self.user_rows + self.item_rows
        vectors, of_items = _joined(levels), ops.concatenate([level[users:served] for level in levels[:-1]], axis=-1)
        has_edges = edges.graph.connected_items[:, None]
        items = ops.where(has_edges, vectors[users:served], 0.0)
        self.vectors.assign(ops.concatenate([vectors[:users], items], axis=0))
        self.item_levels.assign(ops.where(has_edges, of_items, 0.0))

    def _learnt_from(self) -> GraphEdges:
        if self.edges is None:
            raise ValueError("`graph` is needed to train KGAT, received None: a model that was loaded only serves")
        return self.edges

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "sizes": list(self.sizes)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, **beside: Any) -> Self:
        return super().from_config(config, custom_objects, sizes=tuple(config["sizes"]), **beside)


def _joined(levels: list[Any]) -> Any:
    """`e*` [..., d] of `e_0` to `e_L`."""
    return ops.concatenate([levels[0], *(unit_norm(level) for level in levels[1:])], axis=-1)
