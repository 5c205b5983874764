"""The demo is a promise too: its day runs, its books are right, and what it logs is documented."""

from __future__ import annotations

import re
from pathlib import Path

from api.demo.day import live, open_day
from core import events
from core.stock import prove

ROOT = Path(__file__).parent.parent.parent


async def test_the_day_runs_through_the_real_doors(tmp_path: Path) -> None:
    async with open_day(tmp_path) as day:
        await live(day)
        db = day.stage.jieli.db
        assert db.read_now(prove).problems == ()
        kinds = {event.kind for event in db.read_now(lambda conn: events.read_after(conn, 0, 5000))}
    documented = set(
        re.findall(r"`([a-z_]+\.[a-z_]+)`", (ROOT / "docs/events.md").read_text("utf-8"))
    )
    assert kinds <= documented, kinds - documented
    assert len(day.story) >= 12
