"""Section `generate` of a configuration: a synthetic log; see `transforms/generator/generate.py`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from interestflow.section import Positive, PositiveInt, Section, Share


class LogGeneratorConfig(Section):
    """Size and effects of a generated log; `transforms/generator/generate.py` says how clicks come about.

    Effects are in logits: the largest value that the effect adds to an impression's logit.
    """

    events: Annotated[int, Field(ge=100)] = Field(200_000, description="Impressions of the log.")
    users: Annotated[int, Field(ge=2)] = Field(2_000, description="Users of the log.")
    items: Annotated[int, Field(ge=10)] = Field(2_000, description="Items of the log.")
    categories: Annotated[int, Field(ge=2)] = Field(40, description="Categories that items belong to.")
    interests_per_user: PositiveInt = Field(4, description="Interests that each user holds at a time.")
    interest_lifetime_days: Annotated[float, Field(ge=1.0)] = Field(
        20.0, description="Mean number of days until a user swaps an interest for another."
    )
    days: Annotated[int, Field(ge=2)] = Field(30, description="Days that the log covers.")
    interest_exposure: Share = Field(
        0.5, description="Share of impressions drawn from the user's interests; the rest are drawn by popularity."
    )
    base_logit: float = Field(-3.0, description="Logit of an impression without any effect.")
    interest_effect: float = Field(
        1.5, description="Logits added where the item's category is the user's interest at full intensity."
    )
    recency_effect: float = Field(3.0, description="Logits added where the user has just clicked the item's category.")
    recency_half_life_hours: Positive = Field(
        120.0, description="Hours after which a click counts half for `recency_effect`."
    )
    context_effect: float = Field(0.8, description="Logits added for the most favourable device and hour.")
    order_effect: float = Field(
        0.0, description="Logits added where the category is among the last `order_steps` shown to the user."
    )
    order_steps: PositiveInt = Field(2, description="Number of last shown categories for `order_effect`.")
    drift_effect: float = Field(
        0.0, description="Logits added where the category follows, on a ring of all categories, the last one shown."
    )
    drift_share: Share = Field(0.0, description="Share of impressions of the category that follows the last one shown.")
    task_effect: float = Field(
        0.0,
        description="Logits added where the category is among the interests that the observed label asks for; with it, "
        "the log has two labels, click and like.",
    )
    seed: int = Field(17, description="Seed of the log.")

    @model_validator(mode="after")
    def _has_an_interest_for_each_label(self) -> LogGeneratorConfig:
        if self.task_effect and self.interests_per_user < 2:
            raise ValueError(
                f"`interests_per_user` should be at least 2 with `task_effect`, received {self.interests_per_user}"
            )
        return self

    @model_validator(mode="after")
    def _has_enough_items(self) -> LogGeneratorConfig:
        if self.items < self.categories:
            raise ValueError(f"`items` should be at least `categories`, {self.categories}, received {self.items}")
        return self
