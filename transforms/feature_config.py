"""Section `features` of a configuration: what the model sees of users, items and events, and how it is encoded."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from interestflow.section import Name, PositiveInt, Section, Share

Use = Literal["target", "history"]
Source = Literal["events", "items", "users"]


class IdentityConfig(Section):
    """How user or item ids are encoded: by a vocabulary of the training split, or by hashing."""

    min_count: PositiveInt = Field(
        1, description="Smallest number of training events in which a value must appear to be in the vocabulary."
    )
    vocabulary_size: PositiveInt | None = Field(
        None, description="Number of most frequent values in the vocabulary; by default all."
    )
    hash_buckets: PositiveInt | None = Field(
        None, description="Number of buckets that values are hashed to, instead of a vocabulary."
    )
    out_of_vocabulary_buckets: PositiveInt = Field(
        1, description="Number of ids that values outside the vocabulary are hashed to."
    )

    @model_validator(mode="after")
    def _has_vocabulary_or_hash(self) -> IdentityConfig:
        if self.hash_buckets and (self.vocabulary_size or self.min_count > 1):
            raise ValueError("should have `hash_buckets` or a vocabulary (`vocabulary_size`, `min_count`), not both")
        return self


class UserConfig(IdentityConfig):
    """How user ids are encoded."""

    in_model: bool = Field(False, description="Whether the model has an embedding for each user id.")


class AttributeConfig(IdentityConfig):
    """An attribute of the event, the item or the user.

    An attribute that is known only after the event, such as its rating, may be used only along the history.
    """

    name: Name = Field(description="Name of the feature, in lower-case letters, digits and _.")
    source: Source = Field(alias="from", description="Table that has the attribute.")
    column: str | None = Field(None, description="Column of the attribute; by default the one called `name`.")
    kind: Literal["categorical", "categorical_list", "numeric"] = Field(
        "categorical", description="Whether the value is a category, a list of categories, or a number."
    )
    separator: str = Field("|", description="Text between two values of a list in a text file.")
    max_values: PositiveInt = Field(4, description="Number of values of a list that the model sees, the first ones.")
    boundaries: tuple[float, ...] | None = Field(
        None, description="Rising numbers at which a numeric attribute is cut into buckets."
    )
    quantiles: Annotated[int, Field(ge=2)] | None = Field(
        None, description="Number of buckets, equally full in training, that a numeric attribute is cut into."
    )
    use: tuple[Use, ...] = Field(
        ("target",),
        description="Where the model sees the attribute: with the target, if it is known when the impression is made, "
        "along the history, or both.",
    )

    @property
    def source_column(self) -> str:
        """Column of the attribute in its table."""
        return self.column or self.name

    @property
    def is_bucketed(self) -> bool:
        """Whether this is a numeric attribute that the model sees as a category."""
        return self.boundaries is not None or self.quantiles is not None

    @property
    def is_number(self) -> bool:
        """Whether the model sees the attribute as a number, rather than as a category."""
        return self.kind == "numeric" and not self.is_bucketed

    @model_validator(mode="after")
    def _is_consistent(self) -> AttributeConfig:
        if self.is_bucketed and self.kind != "numeric":
            raise ValueError(f"`boundaries` and `quantiles` bucket numbers, received kind {self.kind!r}")
        if self.boundaries is not None and self.quantiles is not None:
            raise ValueError("should have `boundaries` or `quantiles`, not both")
        if self.boundaries is not None and (
            not self.boundaries or list(self.boundaries) != sorted(set(self.boundaries))
        ):
            raise ValueError(f"`boundaries` should be numbers that rise, received {list(self.boundaries)}")
        if self.source == "users" and "history" in self.use:
            raise ValueError("`use` should be [target], since a user's attribute is the same along the whole history")
        if not self.use:
            raise ValueError("`use` should name `target`, `history` or both")
        if self.kind == "numeric" and "history" in self.use and not self.is_bucketed:
            raise ValueError("should have `boundaries` or `quantiles`, as every numeric attribute along the history")
        return self


class FeaturesConfig(Section):
    """What the model sees of users, items and events."""

    user: UserConfig = Field(UserConfig(), description="Encoding of the user id.")
    item: IdentityConfig = Field(IdentityConfig(), description="Encoding of the item id.")
    attributes: tuple[AttributeConfig, ...] = Field((), description="Attributes of events, items and users.")
    max_single_feature_auc: Share = Field(
        0.95,
        description="Largest AUC on the validation split that a single attribute may reach for a label; above it, "
        "the attribute counts as a leak and the run fails.",
    )

    def history_attributes(self) -> tuple[AttributeConfig, ...]:
        """Return the attributes that the model sees along the history."""
        return tuple(attribute for attribute in self.attributes if "history" in attribute.use)

    def item_vector_attributes(self) -> tuple[AttributeConfig, ...]:
        """Return the attributes of items that are seen both with the target and along the history."""
        return tuple(a for a in self.attributes if a.source == "items" and {"target", "history"} <= set(a.use))

    def attributes_of(self, source: Source) -> tuple[AttributeConfig, ...]:
        """Return the attributes of one table."""
        return tuple(attribute for attribute in self.attributes if attribute.source == source)

    def target_attributes(self) -> tuple[AttributeConfig, ...]:
        """Return the attributes that the model sees with the target."""
        return tuple(attribute for attribute in self.attributes if "target" in attribute.use)
