"""R15 at the suite's size. The full size: `python -m tests.torture soak --minutes 30`."""

from __future__ import annotations

from pathlib import Path

import orjson

from tests.torture.soak import soak


async def test_storms_of_reconnects_leave_nothing_behind(tmp_path: Path) -> None:
    found, figures = await soak(tmp_path, minutes=0.05, seed=1, sockets=30, storms=3)
    print(orjson.dumps({"test": "R15", **figures}).decode())
    assert found == []
    assert figures["reconnects"] >= 30


async def test_a_server_that_keeps_what_left_is_caught(tmp_path: Path) -> None:
    found, _ = await soak(
        tmp_path, minutes=0.03, seed=1, sockets=60, storms=4, mutant="keeps-what-left"
    )
    assert any("descriptors grew" in each for each in found), found
