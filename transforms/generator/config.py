"""The section of a log that is generated; see `transforms/generator/generate.py`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from interestflow.transforms.config import Section, Share


class LogGeneratorConfig(Section):
    """Size and nature of a generated log; `transforms/generator/generate.py` says how clicks come about.

    The effects are in logits: what is added where an item fits wholly, where its category was clicked just now, for the
    most favourable context, where its category is among the last that were shown, where it follows the last shown, and
    where it is among the interests that a label asks for; with that, a log has two labels.
    """

    events: Annotated[int, Field(ge=100)] = 200_000
    users: Annotated[int, Field(ge=2)] = 2_000
    items: Annotated[int, Field(ge=10)] = 2_000
    categories: Annotated[int, Field(ge=2)] = 40
    interests_per_user: Annotated[int, Field(ge=1)] = 4
    interest_lifetime_days: Annotated[float, Field(ge=1.0)] = 20.0
    days: Annotated[int, Field(ge=2)] = 30
    interest_exposure: Share = Field(
        0.5, description="Share of impressions drawn from the user's interests; the rest go by popularity."
    )
    base_logit: float = -3.0
    interest_effect: float = 1.5
    recency_effect: float = 3.0
    recency_half_life_hours: Annotated[float, Field(gt=0.0)] = 120.0
    context_effect: float = 0.8
    order_effect: float = 0.0
    order_steps: Annotated[int, Field(ge=1)] = 2
    drift_effect: float = 0.0
    drift_share: Share = Field(0.0, description="Share of impressions of the category that follows the last shown.")
    task_effect: float = 0.0
    seed: int = 17

    @model_validator(mode="after")
    def _an_interest_a_kind(self) -> LogGeneratorConfig:
        if self.task_effect and self.interests_per_user < 2:
            raise ValueError(
                f"`interests_per_user` should be at least 2 with `task_effect`, received {self.interests_per_user}"
            )
        return self

    @model_validator(mode="after")
    def _enough_items(self) -> LogGeneratorConfig:
        if self.items < self.categories:
            raise ValueError(f"`items` should be at least `categories`, {self.categories}, received {self.items}")
        return self
