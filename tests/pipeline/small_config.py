"""A small configuration file, into which tests introduce mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.pipeline.config import ConfigurationError, load

# Line numbers in config_mistakes.py and in the tests are those of this text.
BASE = """\
name: small
data:
  events:
    path: events.csv
    format: csv
    user: user
    item: item
    timestamp: time
    event_type: kind
    event_types: [view, buy]
    true_probability: truth
  items: {path: items.csv, format: csv, id: item}
  users: {path: users.csv, format: csv, id: user}
tasks:
  - name: click
    label: {column: clicked}
  - name: buy
    label: {event_types: [buy]}
sequence:
  max_length: 20
features:
  attributes:
    - {name: category, from: items, use: [target, history]}
    - {name: device, from: events}
split: {train: 0.8, validation: 0.1, test: 0.1}
model:
  name: din
training:
  epochs: 2
"""


def write(folder: Path, text: str) -> Path:
    """Write `text` to the file small.yaml in `folder` and return its path."""
    path = folder / "small.yaml"
    path.write_text(text)
    return path


def mistakes_in(folder: Path, text: str) -> list[str]:
    """Return the sentences that refuse the configuration `text`, less the file's folder."""
    path = write(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    return str(caught.value).replace(f"{folder}/", "").splitlines()
