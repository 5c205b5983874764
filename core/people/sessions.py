"""Sessions: an opaque token proves that a person signed in here. Checking secrets is the door's.

Three kinds. desk: 12 hours. pda: an enrolled device plus badge and PIN, 12 hours at most and 10
minutes idle. api: a named token for a program, as long as its maker said.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core.clock import HOUR, MINUTE, Instant
from core.db import Tx
from core.errors import SIGNED_OUT, AppError
from core.ids import secret_token
from core.people.changes import record
from core.people.permissions import Actor
from core.people.roster import person
from core.people.secrets import token_hash
from core.people.tables import devices, persons, sessions

IDLE: dict[str, Instant | None] = {"desk": None, "pda": 10 * MINUTE, "api": None}
LONGEST: dict[str, Instant | None] = {"desk": 12 * HOUR, "pda": 12 * HOUR, "api": None}
_API_DEFAULT_MINUTES = 90 * 24 * 60

_TOUCH = sessions.update().where(
    sessions.c.token_hash == bindparam("hash_"),
    sessions.c.closed_at.is_(None),
    sessions.c.idle_at > bindparam("now_"),
    sessions.c.kind == bindparam("kind_"),
)
_FIND = (
    select(
        sessions.c.kind,
        sessions.c.device_id,
        sessions.c.expires_at,
        sessions.c.idle_at,
        sessions.c.closed_at,
        persons.c.id,
        persons.c.name,
        persons.c.roles,
        persons.c.partner_id,
        persons.c.warehouse_ids,
        persons.c.active,
        devices.c.state.label("device_state"),
    )
    .join(persons, persons.c.id == sessions.c.person_id)
    .outerjoin(devices, devices.c.id == sessions.c.device_id)
    .where(sessions.c.token_hash == bindparam("hash_"))
)


@dataclass(frozen=True, slots=True)
class Session:
    """An open session as its owner or an administrator may list it. The token is not kept."""

    kind: str
    device_id: int | None
    name: str
    opened_at: Instant
    expires_at: Instant


def actor_of(conn: Connection, person_id: int, face: str, device_id: int | None = None) -> Actor:
    """The actor for a person whom the face has proved already (chat callback, portal link).

    Raises:
        AppError(signed_out): inactive. AppError(not_found): no such person.
    """
    found = person(conn, person_id)
    if not found.active:
        raise AppError(SIGNED_OUT)
    return Actor(
        found.id,
        found.name,
        frozenset(found.roles),
        face,
        device_id,
        found.partner_id,
        frozenset(found.warehouse_ids),
    )


def open_session(
    tx: Tx,
    person_id: int,
    kind: str,
    device_id: int | None = None,
    *,
    minutes: int | None = None,
    name: str = "",
) -> str:
    """Sign an active person in; answers the token, which is stored nowhere.

    `minutes` shortens the life of a desk or pda session and sets that of an api token.

    Raises:
        AppError(signed_out): inactive person, or a device that is not enrolled any more.
    """
    assert kind in IDLE, f"there is no session kind {kind}"
    assert (kind == "pda") == (device_id is not None), "a scanner session needs its device"
    actor = actor_of(tx.conn, person_id, kind, device_id)
    if device_id is not None:
        state = tx.execute(select(devices.c.state).where(devices.c.id == device_id)).scalar()
        if state != "active":
            raise AppError(SIGNED_OUT)
    longest = LONGEST[kind]
    life = minutes * MINUTE if minutes else (longest or _API_DEFAULT_MINUTES * MINUTE)
    idle = IDLE[kind]
    token = secret_token()
    row = {
        "token_hash": token_hash(token),
        "person_id": person_id,
        "kind": kind,
        "device_id": device_id,
        "name": name,
        "opened_at": tx.now,
        "expires_at": tx.now + (min(life, longest) if longest else life),
        "idle_at": None if idle is None else tx.now + idle,
    }
    tx.add(sessions, row)
    after = {"kind": kind, "name": name, "expires_at": row["expires_at"]}
    record(tx, actor, "session.write", f"person:{person_id}", after=after)
    return token


def session_actor(conn: Connection, token: str, kind: str, now: Instant, face: str) -> Actor:
    """Who holds this token: roles and rights as they are now, not as they were at sign-in.

    Raises:
        AppError(signed_out): unknown, closed, over, idle too long, of another kind, the person
        inactive or the device revoked.
    """
    row = conn.execute(_FIND, {"hash_": token_hash(token)}).first()
    if row is None or not _stands(row, kind, now):
        raise AppError(SIGNED_OUT)
    return Actor(
        row.id,
        row.name,
        frozenset(row.roles),
        face,
        row.device_id,
        row.partner_id,
        frozenset(row.warehouse_ids),
    )


def sessions_over(conn: Connection, tokens: Collection[str], kind: str, now: Instant) -> set[str]:
    """Those of `tokens` that `session_actor` would refuse; one round trip for all."""
    asked = [(each, conn.execute(_FIND, {"hash_": token_hash(each)})) for each in tokens]
    rows = ((token, found.first()) for token, found in asked)
    return {token for token, row in rows if row is None or not _stands(row, kind, now)}


def _stands(row: Any, kind: str, now: Instant) -> bool:
    return (
        row.kind == kind
        and row.closed_at is None
        and now < row.expires_at
        and (row.idle_at is None or now < row.idle_at)
        and row.active
        and row.device_state in (None, "active")
    )


def touch_session(tx: Tx, token: str) -> None:
    """The person did something: the idle time begins anew. A session that ended stays ended."""
    touch_sessions(tx, [token])


def touch_sessions(tx: Tx, tokens: Sequence[str]) -> list[AppError | None]:
    """`touch_session` for many, as a set-based command (`Together`)."""
    for kind, idle in IDLE.items():
        if idle is not None:
            same = {"kind_": kind, "now_": tx.now, "idle_at": tx.now + idle}
            for each in tokens:  # one by one they stay ready (core/ready.py) and travel together
                tx.execute(_TOUCH, same | {"hash_": token_hash(each)})
    return [None for _ in tokens]


def close_session(tx: Tx, token: str) -> None:
    """Sign out; an unknown or closed token is fine."""
    found = (sessions.c.token_hash == token_hash(token)) & sessions.c.closed_at.is_(None)
    tx.execute(sessions.update().where(found), {"closed_at": tx.now})


def close_sessions_of(tx: Tx, person_id: int) -> int:
    """Sign a person out everywhere; how many sessions were open."""
    found = (sessions.c.person_id == person_id) & sessions.c.closed_at.is_(None)
    return tx.execute(sessions.update().where(found), {"closed_at": tx.now}).rowcount


def sessions_of(conn: Connection, person_id: int, now: Instant) -> list[Session]:
    """The open sessions of a person, newest first."""
    query = (
        select(sessions)
        .where(sessions.c.person_id == person_id, sessions.c.closed_at.is_(None))
        .where(sessions.c.expires_at > now)
        .order_by(sessions.c.opened_at.desc())
        .limit(100)
    )
    return [
        Session(row.kind, row.device_id, row.name, row.opened_at, row.expires_at)
        for row in conn.execute(query)
    ]
