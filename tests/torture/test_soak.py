"""R15 at the suite's size. The full size: `python -m tests.torture soak --minutes 30`."""

from __future__ import annotations

from pathlib import Path

import orjson
import psutil

from tests.torture.soak import LONG, STEEPEST, Watch, grown, soak


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


def test_a_leak_is_told_from_buffers_that_come_and_go() -> None:
    """Half an hour, a look a second: storms take eight megabytes for a third of each minute."""
    seconds = [(second / 60, 8_192.0 if second % 60 < 20 else 0.0) for second in range(1_800)]
    steady = Watch(psutil.Process(), memory=seconds, descriptors=[9])
    leaking = [(at, storm + 1.5 * STEEPEST * at) for at, storm in seconds]
    leaky = Watch(psutil.Process(), memory=leaking, descriptors=[9])
    assert grown(steady, 30.0) == []
    assert grown(leaky, 30.0) == ["memory grew by 150 KB a minute"]
    assert grown(leaky, LONG / 2) == []
