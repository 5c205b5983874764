"""Surfaces: where a card now stands on somebody's phone, and what is needed to change it.

A handle is the vendor's JSON; only bots know most of it. Two keys mean the same everywhere: `ref`
(the vendor's id of the card) and `codes` (one-use codes with an expiry). Pure functions add and
take codes; `amend_handle` applies one inside a transaction. Not for sending edits (queue.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from core.clock import Instant
from core.db import Tx
from core.outbox.tables import surfaces

PAGE = 500


@dataclass(frozen=True, slots=True)
class Surface:
    """One card on one account of one person. `state`: live, closed (says how it ended), lost."""

    id: int
    task_id: str
    person_id: int
    channel: str
    recipient: str
    card_id: str
    handle: dict[str, Any]
    card_rev: int
    asked: str
    state: str
    opened_at: Instant
    changed_at: Instant


def add_code(handle: Mapping[str, Any], code: str, expires_at: Instant) -> dict[str, Any]:
    """`handle` with one more one-use code; a code that is known stays as it is."""
    codes = list(handle.get("codes", ()))
    if code and all(each["code"] != code for each in codes):
        codes.append({"code": code, "expires_us": expires_at})
    return {**handle, "codes": codes}


def take_code(handle: Mapping[str, Any], now: Instant) -> tuple[str, dict[str, Any]]:
    """The usable code that expires first ("" when there is none) and the handle without it."""
    usable = sorted(
        (each for each in handle.get("codes", ()) if each["expires_us"] > now),
        key=lambda each: int(each["expires_us"]),
    )
    code = str(usable[0]["code"]) if usable else ""
    return code, {**handle, "codes": usable[1:]}


def merged(
    handle: Mapping[str, Any], fresh: Mapping[str, Any] | None, spent: tuple[str, ...]
) -> dict[str, Any]:
    """What is known after an attempt: spent codes gone, new facts and new codes added.

    A merge, never a replacement: a click may have brought a code while the attempt was under way.
    """
    left = [each for each in handle.get("codes", ()) if each["code"] not in spent]
    known: dict[str, Any] = {**handle, "codes": left}
    for key, value in (fresh or {}).items():
        if key != "codes":
            known[key] = value
    for each in (fresh or {}).get("codes", ()):
        if each["code"] not in spent:
            known = add_code(known, each["code"], each["expires_us"])
    return known


_OF_TASK = (
    select(surfaces)
    .where(surfaces.c.task_id == bindparam("task_id_"))
    .order_by(surfaces.c.id)
    .limit(PAGE)
)
_LIVE_OF_TASK = (
    select(surfaces)
    .where(surfaces.c.task_id == bindparam("task_id_"), surfaces.c.state == "live")
    .order_by(surfaces.c.id)
    .limit(PAGE)
)
_ON_PHONE = (
    select(surfaces)
    .where(
        surfaces.c.task_id == bindparam("task_id_"),
        surfaces.c.person_id == bindparam("person_id_"),
        surfaces.c.channel == bindparam("channel_"),
    )
    .order_by(surfaces.c.id.desc())
    .limit(PAGE)
)
_OF_CARD = (
    select(surfaces)
    .where(surfaces.c.card_id == bindparam("card_id_"))
    .order_by(surfaces.c.state != "live", surfaces.c.id.desc())
    .limit(1)
)
_OF_ACCOUNT = (
    select(surfaces)
    .where(
        surfaces.c.channel == bindparam("channel_"),
        surfaces.c.recipient == bindparam("recipient_"),
        surfaces.c.state == "live",
    )
    .order_by(surfaces.c.id)
    .limit(PAGE)
)
_ONE = select(surfaces).where(surfaces.c.id == bindparam("id_"))
_SET_HANDLE = (
    update(surfaces)
    .where(surfaces.c.id == bindparam("id_"))
    .values(handle=bindparam("handle_"), changed_at=bindparam("now_"))
)


def surface(conn: Connection, surface_id: int) -> Surface:
    """The surface with this id; it must exist."""
    return _surface(conn.execute(_ONE, {"id_": surface_id}).mappings().one())


def surfaces_of(conn: Connection, task_id: str, *, live_only: bool = False) -> list[Surface]:
    """Where the cards of a task stand, oldest first, at most `PAGE`."""
    query = _LIVE_OF_TASK if live_only else _OF_TASK
    return [_surface(row) for row in conn.execute(query, {"task_id_": task_id}).mappings()]


def of_account(conn: Connection, channel: str, recipient: str) -> list[Surface]:
    """The living cards on one account, oldest first, at most `PAGE`."""
    values = {"channel_": channel, "recipient_": recipient}
    return [_surface(row) for row in conn.execute(_OF_ACCOUNT, values).mappings()]


def living(conn: Connection, task_id: str) -> Iterator[Surface]:
    """`surfaces_of` with `live_only`, asked now and read when somebody looks."""
    return map(_surface, conn.execute(_LIVE_OF_TASK, {"task_id_": task_id}).mappings())


def on_phone(conn: Connection, task_id: str, person_id: int, channel: str) -> list[Surface]:
    """Every card of a task that one person got on one channel, ended ones too, newest first."""
    values = {"task_id_": task_id, "person_id_": person_id, "channel_": channel}
    return [_surface(row) for row in conn.execute(_ON_PHONE, values).mappings()]


def surface_of_card(conn: Connection, card_id: str) -> Surface | None:
    """The surface a callback about `card_id` came from; None while its send is not recorded yet."""
    row = conn.execute(_OF_CARD, {"card_id_": card_id}).mappings().first()
    return None if row is None else _surface(row)


def amend_handle(
    tx: Tx, surface_id: int, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Apply `change` to the stored handle in this transaction; answers the new one."""
    handle = change(dict(surface(tx.conn, surface_id).handle))
    tx.execute(_SET_HANDLE, {"id_": surface_id, "handle_": handle, "now_": tx.now})
    return handle


def _surface(row: RowMapping) -> Surface:
    return Surface(**row)
