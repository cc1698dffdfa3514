"""Knowledge graph of items, and its union with the graph of users' interactions, as integer arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

INTERACT, INTERACTED_BY = 0, 1
"""Relations of the collaborative graph; those of the knowledge graph follow."""


@dataclass(frozen=True)
class KnowledgeGraph:
    """Triples of entities, including inverse ones, and the entity of each item.

    Attributes:
        heads: int [E], entities. Each triple comes with its inverse, which has a relation of its own.
        relations: int [E].
        tails: int [E], entities.
        entity_count: number of entities, whose ids start at 0.
        relation_count: number of relations, whose ids start at 0, including inverse ones.
        item_entities: int [item_rows], entity of each item id, -1 where there is none. No two items share an entity.
    """

    heads: np.ndarray
    relations: np.ndarray
    tails: np.ndarray
    entity_count: int
    relation_count: int
    item_entities: np.ndarray

    @classmethod
    def without_triples(cls, item_rows: int) -> KnowledgeGraph:
        """Return a graph without triples, in which no item has an entity."""
        empty = np.zeros(0, np.int32)
        return cls(empty, empty, empty, 0, 0, np.full(item_rows, -1, np.int32))

    def __post_init__(self) -> None:
        """Check that lengths agree and ids are in range."""
        if not len(self.heads) == len(self.relations) == len(self.tails):
            lengths = f"{len(self.heads)}, {len(self.relations)} and {len(self.tails)}"
            raise ValueError(f"`heads`, `relations` and `tails` should be as many, received {lengths}")
        _check_ids("heads", self.heads, self.entity_count)
        _check_ids("tails", self.tails, self.entity_count)
        _check_ids("relations", self.relations, self.relation_count)
        linked = self.item_entities[self.item_entities >= 0]
        _check_ids("item_entities", linked, self.entity_count)
        if len(np.unique(linked)) < len(linked):
            raise ValueError("`item_entities` should have an entity once at most, received one that is of two items")


@dataclass(frozen=True)
class CollaborativeGraph:
    """Users, items and entities in one graph: KGAT (arXiv 1905.07854), section 2.

    Nodes are the users by id, then the items by id, then the entities that are not items. Relations are `INTERACT`,
    from users to the items of their interactions in training, `INTERACTED_BY`, its inverse, and those of the knowledge
    graph. Edges are distinct, and sorted by head.

    Attributes:
        user_rows: number of user ids, including 0 for padding.
        item_rows: number of item ids, including 0 for padding.
        node_count: number of nodes, whose ids start at 0.
        relation_count: number of relations, whose ids start at 0.
        heads: int32 [E].
        relations: int32 [E].
        tails: int32 [E].
    """

    user_rows: int
    item_rows: int
    node_count: int
    relation_count: int
    heads: np.ndarray
    relations: np.ndarray
    tails: np.ndarray

    @classmethod
    def from_interactions(
        cls, user_rows: int, users: np.ndarray, items: np.ndarray, knowledge: KnowledgeGraph
    ) -> CollaborativeGraph:
        """Join interactions and knowledge.

        Args:
            user_rows: number of user ids, including 0 for padding.
            users: int [P], ids of the training split's positives. Pairs may repeat; padding, id 0, is left out.
            items: int [P], ids of the same positives.
            knowledge: knowledge graph of the items.

        Raises:
            ValueError: if an id is beyond its rows.
        """
        item_rows = len(knowledge.item_entities)
        _check_ids("users", users, user_rows)
        _check_ids("items", items, item_rows)
        item_nodes = user_rows + np.arange(item_rows)
        is_linked = knowledge.item_entities >= 0
        entity_nodes = np.full(knowledge.entity_count, -1, np.int64)
        entity_nodes[knowledge.item_entities[is_linked]] = item_nodes[is_linked]
        is_no_item = entity_nodes < 0
        node_count = user_rows + item_rows + int(is_no_item.sum())
        entity_nodes[is_no_item] = np.arange(user_rows + item_rows, node_count)

        is_real = (np.asarray(users) > 0) & (np.asarray(items) > 0)
        user_ends, item_ends = np.asarray(users)[is_real], item_nodes[np.asarray(items)[is_real]]
        heads = [user_ends, item_ends, entity_nodes[knowledge.heads]]
        tails = [item_ends, user_ends, entity_nodes[knowledge.tails]]
        relations = [np.full(len(user_ends), INTERACT), np.full(len(user_ends), INTERACTED_BY), knowledge.relations + 2]
        edges = np.stack([np.concatenate(heads), np.concatenate(relations), np.concatenate(tails)])
        edges = np.unique(edges.astype(np.int64), axis=1).astype(np.int32)
        return cls(user_rows, item_rows, node_count, knowledge.relation_count + 2, *edges)

    @property
    def known_users(self) -> np.ndarray:
        """Bool [user_rows], true for users who have an interaction."""
        mask = np.zeros(self.user_rows, bool)
        mask[self.heads[self.relations == INTERACT]] = True
        return mask

    @property
    def connected_items(self) -> np.ndarray:
        """Bool [item_rows], true for items that have an edge."""
        connected = np.zeros(self.node_count, bool)
        connected[self.heads] = True  # Every edge has its inverse.
        return connected[self.user_rows : self.user_rows + self.item_rows]


def _check_ids(name: str, ids: np.ndarray, count: int) -> None:
    ids = np.asarray(ids)
    if len(ids) and (ids.min() < 0 or ids.max() >= count):
        outside = ids.min() if ids.min() < 0 else ids.max()
        raise ValueError(f"`{name}` should be from 0 to {count - 1}, received {outside}")
