"""What is refused leaves nothing behind on PostgreSQL: its sessions live as long as we do."""

from __future__ import annotations

import pytest

from core import catalog
from core.catalog import NewItem
from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.quick import Issue, issue
from core.people import ENGINE, session_actor
from core.quantity import ONE
from core.ready import TIMES
from tests.core.orders_world import trader

pytestmark = pytest.mark.postgres

HELD = "SELECT count(*) FROM pg_prepared_statements"
WARM = 2 * TIMES


def test_refused_commands_leave_no_statements_behind(db: Database, clock: ManualClock) -> None:
    t = trader(db, clock)
    item = t.do(lambda tx: catalog.add_item(tx, ENGINE, NewItem("R-1", "货品")))

    def refused() -> int:
        ask = Issue(t.op(), item, ONE, t.places["ZJ-A-1"])
        with pytest.raises(AppError):
            t.do(lambda tx: issue(tx, t.people["李某"], ask))
        return int(db.write_now(lambda tx: tx.conn.exec_driver_sql(HELD).scalar_one()))

    held = [refused() for _ in range(WARM + 20)]
    assert set(held[WARM:]) == {held[WARM]}, held


def test_strangers_with_made_up_tokens_fill_nothing(db: Database, clock: ManualClock) -> None:
    """Some 57 KB each stayed in the server, and nobody had to be signed in."""

    def knock(number: int) -> int:
        with pytest.raises(AppError):
            db.read_now(
                lambda conn: session_actor(conn, f"no-{number}", "desk", clock.now(), "desk")
            )
        return db.read_now(lambda conn: int(conn.exec_driver_sql(HELD).scalar_one()))

    held = [knock(number) for number in range(WARM + 20)]
    assert set(held[WARM:]) == {held[WARM]}, held
