"""The configurations that the documentation shows are accepted by the types that check real ones."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from interestflow.pipeline.config import load
from tests.paths import PROJECT

PAGES = sorted((PROJECT / "docs").rglob("*.md"))
MATCHERS = {"retrieve", "hcn", "desmil", "idnp", "kgat"}
"""Pages on matchers, whose metrics and baselines differ."""
BLOCK = re.compile(r"^```yaml\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[dict[str, Any]]:
    """Return the YAML blocks of a page that are not only comments."""
    loaded = [yaml.safe_load(text) for text in BLOCK.findall(page.read_text())]
    return [block for block in loaded if block is not None]


def test_the_configuration_of_the_front_page_is_valid(tmp_path: Path) -> None:
    (configuration,) = BLOCK.findall((PROJECT / "README.md").read_text())
    (tmp_path / "shop.yaml").write_text(configuration)
    assert load(tmp_path / "shop.yaml", None).name == "shop"
    assert len(configuration.splitlines()) == 8


def merge(document: dict[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """Return `document` with the sections of `part` instead of its own, except that those of `data` are joined."""
    data = {**document["data"], **part.get("data", {})}
    data["events"] = {**document["data"]["events"], **part.get("data", {}).get("events", {})}
    return {**document, **part, "data": data}


def differences(written: Any, loaded: Any, path: str = "") -> list[str]:
    """Return the paths of the values in `written` that `loaded` lacks, or has with another value."""
    if isinstance(written, Mapping) and isinstance(loaded, Mapping):
        pairs = [(written[key], loaded.get(key), f"{path}.{key}") for key in written]
    elif isinstance(written, list) and isinstance(loaded, list) and len(written) == len(loaded):
        pairs = [(value, loaded[index], f"{path}[{index}]") for index, value in enumerate(written)]
    else:
        # A Kubernetes quantity is text: `cpu: 4` is loaded as "4".
        return [] if loaded in (written, str(written)) else [f"{path.lstrip('.')}: {written!r} became {loaded!r}"]
    return [difference for pair in pairs for difference in differences(*pair)]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_sections_in_the_documentation_are_valid(page: Path, tmp_path: Path) -> None:
    """Each block replaces sections of a demo's configuration, and what is loaded has every value that it writes.

    Files that the block names are not read.
    """
    name = "demo-matcher" if page.stem in MATCHERS else "demo"
    demo = yaml.safe_load((PROJECT / "configs" / f"{name}.yaml").read_text())
    for index, block in enumerate(blocks(page)):
        path = tmp_path / f"{index}.yaml"
        path.write_text(yaml.safe_dump(merge(demo, block)))
        assert not differences(block, load(path, None).model_dump(mode="json", by_alias=True))
