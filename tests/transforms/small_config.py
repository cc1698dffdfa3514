"""Small configurations of ingestion, written as a person would write them."""

from __future__ import annotations

from typing import Any

import yaml

from interestflow.transforms.config import IngestionConfig

SHOP = """
data:
  folder: {folder}
  events: {{path: "events*", format: csv, user: user_id, item: item_id, timestamp: at}}
tasks:
  - {{name: click, label: {{column: click}}}}
"""


def shop(folder: object = "/nowhere", **sections: Any) -> IngestionConfig:
    """A shop's log of `user_id`, `item_id`, `at` (seconds) and `click`.

    Args:
        folder: of the data.
        sections: what replaces or is added to the sections; `events` to those of `data.events`.
    """
    document = yaml.safe_load(SHOP.format(folder=folder))
    document["data"]["events"] |= sections.pop("events", {})
    document["data"] |= sections.pop("data", {})
    return IngestionConfig.model_validate(document | sections)
