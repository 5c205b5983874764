"""Which vendors take nothing from us at the moment, and why: for people to read.

Not for closing them (claiming.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from core.clock import MINUTE, Instant
from core.outbox.tables import channel_gates

WORTH_SAYING = MINUTE  # shorter pauses are a limit kept, not a trouble

_CLOSED = (
    select(channel_gates)
    .where(channel_gates.c.open_at > bindparam("soon_"))
    .order_by(channel_gates.c.channel)
)


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing goes out on `channel` before `until`; `reason` says what to do about it."""

    channel: str
    until: Instant
    reason: str


def closed_channels(conn: Connection, now: Instant) -> list[Closed]:
    """The channels that stand still for longer than a moment."""
    found = conn.execute(_CLOSED, {"soon_": now + WORTH_SAYING})
    return [Closed(row.channel, row.open_at, row.reason) for row in found]
