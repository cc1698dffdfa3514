"""Every mistake in a configuration is one sentence with key, expectation, value, file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from interestflow.pipeline.config import ConfigurationError, PipelineConfig, load
from interestflow.pipeline.config_errors import has_key, line_of, repeated_keys, section_class
from interestflow.transforms.config import EventsConfig, LinksConfig
from tests.pipeline.config_mistakes import ONE_MISTAKE
from tests.pipeline.small_config import BASE, mistakes_in, write


@pytest.fixture
def mistakes(tmp_path: Path) -> Callable[[str, str], list[str]]:
    """Return a function that loads the base with one piece replaced, and returns the sentences that refuse it."""

    def mistakes(old: str, new: str) -> list[str]:
        assert BASE.count(old) >= 1
        return mistakes_in(tmp_path, BASE.replace(old, new, 1))

    return mistakes


@pytest.mark.parametrize(("old", "new", "expected"), ONE_MISTAKE.values(), ids=ONE_MISTAKE.keys())
def test_one_mistake_is_one_sentence(
    mistakes: Callable[[str, str], list[str]], old: str, new: str, expected: str
) -> None:
    assert mistakes(old, new) == [expected]


def test_several_mistakes_are_several_sentences(mistakes: Callable[[str, str], list[str]]) -> None:
    assert mistakes("  max_length: 20", "  max_length: 0\n  availability_delay: -1\n  length: 3") == [
        "`sequence.max_length` should be at least 1, received 0 (small.yaml, line 20)",
        "`sequence.availability_delay` should be at least 0, received -1 (small.yaml, line 21)",
        "`sequence.length` is not a key that is known here; did you mean `max_length`? (small.yaml, line 22)",
    ]


def test_no_task_at_all(tmp_path: Path) -> None:
    text = BASE.replace(BASE[BASE.index("tasks:") : BASE.index("sequence:")], "tasks: []\n")
    with pytest.raises(ConfigurationError, match=r"^`tasks` should be at least 1 long, received \[\] \(.*, line 14\)$"):
        load(write(tmp_path, text))


def test_a_long_value_is_cut(mistakes: Callable[[str, str], list[str]]) -> None:
    (sentence,) = mistakes("max_length: 20", f"max_length: {'x' * 500}")
    assert len(sentence) < 200
    assert "xxx..." in sentence


def test_whether_a_key_is_there() -> None:
    tree = yaml.compose("a:\n  b: 1\nc:\n  - d: 2\n", Loader=yaml.SafeLoader)
    assert all(has_key(tree, location) for location in [(), ("a", "b"), ("c", 0, "d")])
    assert not any(has_key(tree, location) for location in [("b",), ("a", "b", "c"), ("c", 1), ("c", 0, "e")])
    assert not has_key(None, ("a",))


def test_the_line_of_a_key_or_of_the_nearest_around_it() -> None:
    tree = yaml.compose("a:\n  b: 1\nc:\n  - d: 2\n  - d: 3\n", Loader=yaml.SafeLoader)
    assert line_of(tree, ()) == 1
    assert line_of(tree, ("a", "b")) == 2
    assert line_of(tree, ("c", 1, "d")) == 5
    assert line_of(tree, ("a", "absent")) == 1
    assert line_of(tree, ("c", 7)) == 3
    assert line_of(None, ("a",)) == 1


def test_repeated_keys_are_found_at_any_depth() -> None:
    tree = yaml.compose("a: 1\nb:\n  - {c: 1, c: 2}\n  - {c: 1}\na: 2\n", Loader=yaml.SafeLoader)
    assert repeated_keys(tree) == [("b.0.c", 3), ("a", 5)]


def test_the_section_within_a_type() -> None:
    assert section_class(EventsConfig) is EventsConfig
    assert section_class(LinksConfig | None) is LinksConfig
    assert section_class(tuple[EventsConfig, ...]) is EventsConfig
    assert section_class(dict[str, int]) is None
    assert section_class(PipelineConfig.model_fields["data"].annotation) is not None
