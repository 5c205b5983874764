"""What a question costs the database, counted and not timed.

Rows of one table that PostgreSQL fetched; steps of SQLite's machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, text

from core.db import Database, Tx

T = TypeVar("T")


def effort(db: Database, table: str, ask: Callable[[Tx], T]) -> tuple[int, T]:
    """What it costs to ask, and what was answered."""

    def run(tx: Tx) -> tuple[int, T]:
        ask(tx)  # what is asked once only is known then
        begun = _spent(tx.conn, table)
        said = ask(tx)
        return _spent(tx.conn, table) - begun, said

    return db.write_now(run)


def _spent(conn: Connection, table: str) -> int:
    if conn.dialect.name == "postgresql":
        conn.execute(text("SET LOCAL enable_seqscan = off"))  # the tables are small here
        read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables"
        found = conn.execute(text(f"{read} WHERE relname = :table"), {"table": table})
        return int(found.scalar_one())
    if "steps" not in conn.info:
        steps = conn.info["steps"] = [0]

        def count() -> int:
            steps[0] += 1
            return 0

        raw = conn.connection.driver_connection
        assert raw is not None
        raw.set_progress_handler(count, 1)
    return int(conn.info["steps"][0])
