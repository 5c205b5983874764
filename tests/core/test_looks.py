"""What the engine asks again and again costs as much with a backlog as without."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Connection, text

from core.clock import ManualClock
from core.db import Database
from core.outbox import deliver
from core.tasks.watch import watch_step
from tests.core.outbox_room import Room
from tests.databases import DATABASES

KNOWN = ["email", "null", "wecom"]


def steps_of_sqlite(conn: Connection) -> int:
    """How many instructions of its machine one look for strays takes."""
    driver: Any = conn.connection.driver_connection
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    driver.set_progress_handler(count, 1)
    assert deliver._stray_due(conn, KNOWN) is None
    driver.set_progress_handler(None, 0)
    return steps


def rows_of_postgres(conn: Connection) -> int:
    """How many rows it takes from the table, by the account of PostgreSQL."""
    conn.execute(text("SET LOCAL enable_seqscan = off"))  # which it takes for a table of few pages
    conn.execute(text("SET LOCAL enable_bitmapscan = off"))
    query = deliver._CHANNELS.compile(conn.engine, compile_kwargs={"literal_binds": True})
    plan = conn.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")).scalar_one()
    return sum(
        node["Actual Rows"] * node["Actual Loops"]
        for node in nodes(plan[0]["Plan"])
        if node.get("Relation Name") == "message"
    )


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


def test_looking_for_messages_of_unknown_channels_does_not_walk_through_the_backlog(
    db: Database, clock: ManualClock
) -> None:
    cost = rows_of_postgres if DATABASES.kind == "postgres" else steps_of_sqlite
    room = Room(db, clock)
    wang = room.person("wang")
    costs = []
    for many in (2, 200):
        for number in range(many):
            room.put(wang, f"t{many}.{number}")
        costs.append(db.read_now(cost))
    few, backlog = costs
    assert 0 < few < 500
    assert backlog <= few + 2


@pytest.mark.sqlite  # PostgreSQL has more than one writer
async def test_the_watcher_that_finds_nothing_takes_nobodys_turn(db: Database) -> None:
    over = Event()
    under_way = db.submit(lambda _: over.wait(30))
    try:
        async with asyncio.timeout(10):
            assert await watch_step(db).run() == 0
    finally:
        over.set()
    assert await asyncio.wrap_future(under_way)
