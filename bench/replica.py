"""A streaming replica for reading: what may be asked there, and how far behind it is.

Two real servers. Postings go to the first through the core; the second is asked the same questions
with the same functions, must give the same answers once it has caught up, and must refuse to write.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bench.arena import prepare
from bench.machine import wait_until
from bench.pg import Pgbench
from bench.table import Result, milliseconds
from core import events
from core.clock import SystemClock, perf
from core.db import Database
from core.errors import AppError
from core.ids import new_id
from core.people import ENGINE
from core.quantity import ONE
from core.stock import Line, Posting, post, prove
from core.stock.card import movements
from core.stock.queries import as_of, near_expiry, on_hand
from core.tasks.board import board, inbox

POSTS = 300


def replica(folder: Path, server: Pgbench) -> list[Result]:
    """The lag of a commit, and that every question is answered alike."""
    arena = prepare(folder, 200, server.database("main"))
    with server.standby("main") as url:
        primary, copy = Database(arena.url, SystemClock()), Database(url, SystemClock())
        late = []
        for n in range(POSTS):
            line = Line(arena.items[n % 200], ONE, arena.source, arena.target)
            posting = Posting(new_id(SystemClock().now()), "transfer", (line,))
            primary.write_now(lambda tx, posting=posting: post(tx, ENGINE, posting))  # type: ignore[misc]
            begun, head = perf(), primary.read_now(events.head)
            wait_until(lambda head=head: copy.read_now(events.head) >= head, 10, every=0.0005)  # type: ignore[misc]
            late.append(perf() - begun)
        now, item = SystemClock().now(), arena.items[7]
        asked: dict[str, Callable[[Connection], Any]] = {
            "on hand": lambda conn: on_hand(conn, item),
            "as of": lambda conn: as_of(conn, item, now),
            "card of movements": lambda conn: movements(conn, item),
            "near expiry": lambda conn: near_expiry(conn, "2030-01-01", 30),
            "board": board,
            "inbox": lambda conn: inbox(conn, arena.worker),
            "prove": prove,
        }
        for what, ask in asked.items():
            assert primary.read_now(ask) == copy.read_now(ask), what
        assert _refuses_to_write(copy, arena.items[0], arena.source, arena.target)
        primary.close()
        copy.close()
    same = f"{', '.join(asked)} answer alike; a posting is refused there"
    return [Result("replica", f"commit → readable on the replica; {same}", milliseconds(late))]


def _refuses_to_write(copy: Database, item: int, source: int, target: int) -> bool:
    posting = Posting(new_id(SystemClock().now()), "transfer", (Line(item, ONE, source, target),))
    try:
        copy.write_now(lambda tx: post(tx, ENGINE, posting))
    except (DBAPIError, AppError):
        return True
    return False
