"""Graphs in numbers: what is known of items, and the graph that users join by what they took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

INTERACT, INTERACTED_BY = 0, 1
"""Relations of the collaborative graph; those of the knowledge graph follow."""


@dataclass(frozen=True)
class KnowledgeGraph:
    """Triples of entities, inverse ones included, and which entity an item is.

    Attributes:
        heads, relations, tails: [E], integers. A triple stands beside its inverse, which has a relation of its own.
        entity_count: entities are numbered from 0.
        relation_count: likewise, inverse relations included.
        item_entities: [item_rows], the entity of the item of each id; -1 where it is none. No entity is of two items.
    """

    heads: np.ndarray
    relations: np.ndarray
    tails: np.ndarray
    entity_count: int
    relation_count: int
    item_entities: np.ndarray

    @classmethod
    def without_triples(cls, item_rows: int) -> KnowledgeGraph:
        """Nothing is known of any item."""
        nothing = np.zeros(0, np.int32)
        return cls(nothing, nothing, nothing, 0, 0, np.full(item_rows, -1, np.int32))

    def __post_init__(self) -> None:
        if not len(self.heads) == len(self.relations) == len(self.tails):
            lengths = f"{len(self.heads)}, {len(self.relations)} and {len(self.tails)}"
            raise ValueError(f"`heads`, `relations` and `tails` should be as many, received {lengths}")
        _check_numbers("heads", self.heads, self.entity_count)
        _check_numbers("tails", self.tails, self.entity_count)
        _check_numbers("relations", self.relations, self.relation_count)
        linked = self.item_entities[self.item_entities >= 0]
        _check_numbers("item_entities", linked, self.entity_count)
        if len(np.unique(linked)) < len(linked):
            raise ValueError("`item_entities` should have an entity once at most, received one that is of two items")


@dataclass(frozen=True)
class CollaborativeGraph:
    """Users, items and entities in one graph: KGAT (arXiv 1905.07854), section 2.

    Nodes are the users by id, then the items by id, then the entities that are no item. Relations are `INTERACT`, from
    users to the items they took in training, `INTERACTED_BY`, its inverse, and those of the knowledge graph. Edges are
    distinct and lie in the order of their heads.

    Attributes:
        user_rows, item_rows: how many ids there are, padding's 0 included.
        node_count, relation_count: nodes and relations are numbered from 0.
        heads, relations, tails: [E], int32.
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
        """Joins interactions and knowledge.

        Args:
            user_rows: how many user ids there are, padding's 0 included.
            users, items: [P], ids of the training split's positives; a pair may repeat. Padding, id 0, is left out.
            knowledge: of the items.

        Raises:
            ValueError: where an id is beyond its rows.
        """
        item_rows = len(knowledge.item_entities)
        _check_numbers("users", users, user_rows)
        _check_numbers("items", items, item_rows)
        nodes_of_items = user_rows + np.arange(item_rows)
        linked = knowledge.item_entities >= 0
        node_of_entity = np.full(knowledge.entity_count, -1, np.int64)
        node_of_entity[knowledge.item_entities[linked]] = nodes_of_items[linked]
        others = node_of_entity < 0
        node_count = user_rows + item_rows + int(others.sum())
        node_of_entity[others] = np.arange(user_rows + item_rows, node_count)

        real = (np.asarray(users) > 0) & (np.asarray(items) > 0)
        takers, taken = np.asarray(users)[real], nodes_of_items[np.asarray(items)[real]]
        heads = [takers, taken, node_of_entity[knowledge.heads]]
        tails = [taken, takers, node_of_entity[knowledge.tails]]
        relations = [np.full(len(takers), INTERACT), np.full(len(takers), INTERACTED_BY), knowledge.relations + 2]
        edges = np.stack([np.concatenate(heads), np.concatenate(relations), np.concatenate(tails)])
        edges = np.unique(edges.astype(np.int64), axis=1).astype(np.int32)
        return cls(user_rows, item_rows, node_count, knowledge.relation_count + 2, *edges)

    @property
    def known_users(self) -> np.ndarray:
        """[user_rows], true where a user has taken something."""
        known = np.zeros(self.user_rows, bool)
        known[self.heads[self.relations == INTERACT]] = True
        return known

    @property
    def connected_items(self) -> np.ndarray:
        """[item_rows], true where any edge reaches an item."""
        connected = np.zeros(self.node_count, bool)
        connected[self.heads] = True  # every edge has its inverse
        return connected[self.user_rows : self.user_rows + self.item_rows]


def _check_numbers(name: str, numbers: np.ndarray, count: int) -> None:
    numbers = np.asarray(numbers)
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= count):
        found = numbers.min() if numbers.min() < 0 else numbers.max()
        raise ValueError(f"`{name}` should be from 0 to {count - 1}, received {found}")
