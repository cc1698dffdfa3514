"""A log that is yet to be generated is judged by a smaller one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from interestflow.pipeline.config import load
from interestflow.pipeline.plan import generated
from interestflow.pipeline.plan.generated import with_generated_sample
from tests.paths import PROJECT


def test_sizes_are_those_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "SAMPLE_EVENTS", 2_000)
    document = yaml.safe_load((PROJECT / "configs" / "demo.yaml").read_text())
    document["data"]["folder"] = str(tmp_path / "logs")
    document["generate"] |= {"events": 4_000_000, "users": 40_000, "items": 3_000}
    (tmp_path / "demo.yaml").write_text(yaml.safe_dump(document))
    size = with_generated_sample(load(tmp_path / "demo.yaml"))
    assert (size.events, size.users, size.items) == (4_000_000.0, 40_000.0, 3_000.0)
    assert size.values["category"] == 40
    assert 0.0 < size.history < 50.0
    assert size.assumptions[-1].startswith("the log has yet to be generated")
    assert not (tmp_path / "logs").exists()
