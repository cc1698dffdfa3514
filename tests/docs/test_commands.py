"""The commands that the documentation shows exist, with the options that it gives them."""

import re
from pathlib import Path

import pytest

from interestflow.pipeline.cli.main import app
from tests.paths import PROJECT
from tools.cli_reference import command_sections

SECTIONS = {section.split("`")[1]: section for section in command_sections("interestflow", app)}
PAGES = [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]
LINE = re.compile(r"^    (?:\.venv/bin/)?(interestflow [^#\n]*)", flags=re.MULTILINE)
COMMON = {"--help", "--install-completion"}
"""Options of every typer application."""


def command_lines(page: Path) -> list[str]:
    """Return the lines of a page's indented blocks that call the program, without their comments."""
    return [line.strip() for line in LINE.findall(page.read_text())]


@pytest.mark.parametrize("page", [page for page in PAGES if command_lines(page)], ids=lambda page: page.stem)
def test_commands_and_options_exist(page: Path) -> None:
    for line in command_lines(page):
        words = line.split()
        name = next(" ".join(words[:count]) for count in (3, 2, 1) if " ".join(words[:count]) in SECTIONS)
        assert name != "interestflow" or words[1].startswith("-"), line
        options = {word for word in words if word.startswith("-")} - COMMON
        assert not {option for option in options if f"`{option}`" not in SECTIONS[name]}, line


def test_the_front_page_shows_commands() -> None:
    assert len(command_lines(PROJECT / "README.md")) >= 3
