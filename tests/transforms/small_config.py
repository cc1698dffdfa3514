"""Small configurations of ingestion, for the tests."""

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
    """Return the configuration of a log of `user_id`, `item_id`, `at` (seconds) and `click`.

    Args:
        folder: folder of the data.
        sections: sections that replace the default ones; keys in `events` and `data` are added to those sections.
    """
    document = yaml.safe_load(SHOP.format(folder=folder))
    document["data"]["events"] |= sections.pop("events", {})
    document["data"] |= sections.pop("data", {})
    return IngestionConfig.model_validate(document | sections)
