"""Raw callbacks, stored before they are understood: answer the vendor first, work later.

A vendor repeats what was not acknowledged in time, so a callback is known by the vendor's own key
and stored once. Not for verifying or parsing it (bots/) and not for acting on it (core/actions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, case, func, select, update

from core.clock import SECOND, Instant
from core.db import Tx
from core.outbox.tables import PENDING, callbacks

INBOX = "inbox"  # the bus topic
MOST_TRIES = 5


@dataclass(frozen=True, slots=True)
class Stored:
    """`fresh` is False for a repeat; `answer` is what the first one was answered, once known."""

    id: int
    fresh: bool
    answer: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """One callback that waits to be understood."""

    id: int
    channel: str
    dedupe: str
    body: dict[str, Any]
    tries: int
    received_at: Instant


_FIND = select(callbacks.c.id, callbacks.c.answer).where(
    callbacks.c.channel == bindparam("channel_"), callbacks.c.dedupe == bindparam("dedupe_")
)
_PENDING = (
    select(
        callbacks.c.id,
        callbacks.c.channel,
        callbacks.c.dedupe,
        callbacks.c.body,
        callbacks.c.tries,
        callbacks.c.received_at,
    )
    .where(
        callbacks.c.state == PENDING,
        callbacks.c.not_before <= bindparam("now_"),
        callbacks.c.received_at <= bindparam("ripe_"),
    )
    .order_by(callbacks.c.not_before, callbacks.c.id)
    .limit(bindparam("limit_"))
)
_RIPE = callbacks.c.received_at + bindparam("grace_", type_=BigInteger)
_WAITS_UNTIL = case((callbacks.c.not_before > _RIPE, callbacks.c.not_before), else_=_RIPE)
_NEXT = select(func.min(_WAITS_UNTIL)).where(callbacks.c.state == PENDING)
_FINISH = (
    update(callbacks)
    .where(callbacks.c.id == bindparam("id_"), callbacks.c.state == PENDING)
    .values(state="done", answer=bindparam("answer_"), finished_at=bindparam("now_"))
)


def store(tx: Tx, channel: str, dedupe_key: str, body: dict[str, Any]) -> Stored:
    """Keep a callback as it came, once per (channel, `dedupe_key`)."""
    values = {"channel_": channel, "dedupe_": dedupe_key}
    known = tx.execute(_FIND, values).first()
    if known is not None:
        return Stored(known.id, fresh=False, answer=known.answer)
    made = tx.execute(
        callbacks.insert(),
        {
            "channel": channel,
            "dedupe": dedupe_key,
            "body": body,
            "state": "pending",
            "tries": 0,
            "not_before": tx.now,
            "answer": None,
            "received_at": tx.now,
            "finished_at": None,
        },
    )
    tx.wake(INBOX)
    assert made.inserted_primary_key is not None
    return Stored(int(made.inserted_primary_key[0]), fresh=True)


def pending(
    conn: Connection, now: Instant, limit: int = 20, *, grace: Instant = 0
) -> list[Callback]:
    """The oldest callbacks that wait, at most `limit`; none that came less than `grace` µs ago."""
    values = {"now_": now, "ripe_": now - grace, "limit_": limit}
    rows = conn.execute(_PENDING, values).mappings()
    return [Callback(**row) for row in rows]


def finish(tx: Tx, callback_id: int, answer: dict[str, Any]) -> bool:
    """Keep what came of it; False when somebody else finished it before."""
    values = {"id_": callback_id, "answer_": answer, "now_": tx.now}
    return tx.execute(_FINISH, values).rowcount == 1


def put_off(tx: Tx, callback_id: int, why: str, most: int = MOST_TRIES) -> bool:
    """It could not be understood yet: again in 1, 2, 4, 8 s …, after `most` tries it is kept as
    failed. True when it is given up now, so that somebody tells the person.
    """
    same = (callbacks.c.id == callback_id) & (callbacks.c.state == PENDING)
    known = tx.execute(select(callbacks.c.tries).where(same)).scalar()
    if known is None:  # somebody else finished it meanwhile
        return False
    tries = known + 1
    if tries >= most:
        failed = {"state": "failed", "answer": {"error": why[:256]}, "finished_at": tx.now}
        tx.execute(update(callbacks).where(same).values(tries=tries, **failed))
        return True
    later = tx.now + (SECOND << (tries - 1))
    tx.execute(update(callbacks).where(same).values(tries=tries, not_before=later))
    return False


def next_due(conn: Connection, grace: Instant = 0) -> Instant | None:
    """When `pending` has the next one: put off until then, or `grace` µs after it came."""
    due: Instant | None = conn.execute(_NEXT, {"grace_": grace}).scalar()
    return due
