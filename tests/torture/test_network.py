"""R7 at the suite's size. The full size: `python -m tests.torture network`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from tests.torture.gun import Gun
from tests.torture.network import TO, shake


async def test_a_network_that_misbehaves_costs_time_and_nothing_else(tmp_path: Path) -> None:
    found, figures = await shake(tmp_path, faults=50, seed=1)
    print(orjson.dumps({"test": "R7", **figures}).decode())
    assert found == []


class Forgetful(Gun):
    """The mutant that makes a new operation id for every try of a posting."""

    async def _say(self, frame: dict[str, Any]) -> None:
        again = {"id": f"{frame['id']}.{self.breaks}"} if frame.get("code") == TO else {}
        await super()._say(frame | again)

    async def _until(self, *kinds: str) -> dict[str, Any]:
        found = await super()._until(*kinds)
        if isinstance(found.get("id"), str):
            found["id"] = found["id"].partition(".")[0]
        return found


async def test_mutants_at_both_ends_are_caught(tmp_path: Path) -> None:
    """Scanners that ask again under another id; a server that skips what was missed."""
    found, _ = await shake(tmp_path, faults=30, seed=1, kind=Forgetful, mutant="skips-the-gap")
    assert any("pieces arrived" in each for each in found), found
    assert any(" lost, first " in each for each in found), found
