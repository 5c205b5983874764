"""The recipes are executed: every block marked ```python run in docs/recipes/*.md, in order."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from tests.world import World

FOLDER = Path(__file__).parent.parent.parent / "docs/recipes"
RECIPES = [path for path in sorted(FOLDER.glob("*.md")) if "```python run" in path.read_text()]


def blocks(path: Path) -> list[str]:
    return re.findall(r"```python run\n(.*?)```", path.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
async def test_recipe(w: World, path: Path) -> None:
    names: dict[str, Any] = {"w": w}
    for block in blocks(path):
        code = compile(block, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        running = eval(code, names)  # noqa: S307  # our own documents
        if running is not None:
            await running


def test_there_are_recipes() -> None:
    assert len(RECIPES) >= 4
