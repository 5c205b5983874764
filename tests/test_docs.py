"""Docs that can fail: what exists is documented, and what is documented exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api import reference

ROOT = Path(__file__).parent.parent
MARKDOWN = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", list(reference.pages()), ids=relative)
def test_reference_page_is_fresh(path: Path) -> None:
    """`python -m api.reference` rewrites it."""
    assert path.read_text() == reference.pages()[path]


@pytest.mark.parametrize("path", MARKDOWN, ids=relative)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", path.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), f"{target} does not exist"


@pytest.mark.parametrize("path", MARKDOWN, ids=relative)
def test_page_has_one_title(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1


def test_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make run" in text
    assert "make test" in text


def test_every_event_kind_is_documented() -> None:
    """docs/events.md lists each kind that the code appends."""
    documented = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", (ROOT / "docs/events.md").read_text()))
    appended: set[str] = set()
    for path in (ROOT / "core").rglob("*.py"):
        for call in re.findall(r"append\(\s*tx,\s*f?\"([a-z_]+\.[a-z_]+)\"", path.read_text()):
            appended.add(call)
    assert appended - documented == set()


def test_every_command_of_the_cli_is_documented() -> None:
    from typer.main import get_command

    from api.cli import app

    commands = set(getattr(get_command(app), "commands", {}))
    text = (ROOT / "docs/cli.md").read_text()
    assert commands, "the CLI has no command"
    assert {c for c in commands if f"jieli {c}" not in text} == set()


def test_every_makefile_target_is_in_help() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
    helped = set(re.findall(r"^([a-z]+):.*## ", text, re.MULTILINE))
    assert targets == helped
