"""How far this machine's clock is from the database server's; timers are due by everybody's clock.

Two machines that differ fire a timer early, or twice late. SQLite has no clock of its own. Not for
setting a clock: that is the operating system's affair.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from core.clock import Clock, Instant

_NOW = text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)")


def skew(conn: Connection, clock: Clock) -> Instant | None:
    """Our clock minus the server's, µs; None where there is no other clock to differ from."""
    if conn.dialect.name != "postgresql" or clock.is_manual():
        return None
    conn.execute(_NOW)  # the first statement of a connection pays for more than the question
    before = clock.now()
    there: Instant = conn.execute(_NOW).scalar_one()
    return (before + clock.now()) // 2 - there
