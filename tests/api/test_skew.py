"""A machine whose clock differs from the database server's is not ready, and says by how much."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import pytest

from api.clocks import watch_clock
from api.doctor import examine
from api.main import create_app
from core.clock import SECOND, ManualClock
from core.config import Settings
from core.db import Database
from core.skew import skew
from tests.api.room import HOST
from tests.api.test_moving import upgrade_mark
from tests.stories.warm_server import Ahead


async def clock_check(settings: Settings, ahead: float) -> tuple[int, dict[str, Any]]:
    """Status of /readyz on a machine that is `ahead` seconds, and what it says of the clock."""
    app = create_app(settings, Ahead(int(ahead * SECOND)))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as http:
            answer = await http.get("/readyz")
            figures = (await http.get("/metrics")).text
    [check] = [each for each in answer.json()["checks"] if each["name"] == "clock"]
    line = next(each for each in figures.splitlines() if each.startswith("jieli_clock_skew"))
    assert float(line.split()[1]) == pytest.approx(ahead, abs=0.9)
    return answer.status_code, check


@pytest.fixture
def marked(settings: Settings) -> Settings:
    """The company, its schema said to be the newest, its deadlines far away from today."""
    db = Database(settings.database_url, ManualClock(0))
    upgrade_mark(db)
    db.write_now(lambda tx: tx.conn.exec_driver_sql("UPDATE timer SET state = 'stale'"))
    db.close()
    return settings


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("ahead", "ready"), [(0.0, True), (1.0, True), (3.0, False), (-3.0, False)]
)
async def test_more_than_two_seconds_is_not_ready(
    marked: Settings, ahead: float, ready: bool
) -> None:
    status, check = await clock_check(marked, ahead)
    assert check["ok"] is ready
    assert check["detail"].startswith(f"{ahead:+.0f}"[:2] if ahead else ("+0", "-0"))
    assert status == (200 if ready else 503), check


@pytest.mark.postgres
async def test_the_bound_is_a_setting(marked: Settings) -> None:
    marked.clock_skew_seconds = 10
    status, check = await clock_check(marked, 3)
    assert (status, check["ok"]) == (200, True)


@pytest.mark.postgres
def test_the_doctor_says_what_to_do(marked: Settings) -> None:
    found = {each.name: each for each in examine(marked, Ahead(5 * SECOND))}
    assert not found["时钟"].ok
    assert "+5" in found["时钟"].said
    assert "NTP" in found["时钟"].do
    assert {each.name: each.ok for each in examine(marked, Ahead())}["时钟"]


@pytest.mark.postgres
async def test_it_is_logged_once_at_the_start(
    marked: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "api.clocks")
    db = Database(marked.database_url, Ahead(-4 * SECOND))
    watching = asyncio.create_task(watch_clock(db, marked))
    async with asyncio.timeout(10):
        while not caplog.records:
            await asyncio.wait([watching], timeout=0.01)
    watching.cancel()
    assert caplog.records[0].message == "clock_differs"
    assert caplog.records[0].__dict__["seconds"] == pytest.approx(-4, abs=0.9)
    db.close()


@pytest.mark.sqlite
async def test_a_database_in_a_file_has_no_other_clock(marked: Settings) -> None:
    db = Database(marked.database_url, Ahead(3 * SECOND))
    assert db.read_now(lambda conn: skew(conn, db.clock)) is None
    db.close()
