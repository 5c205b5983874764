"""Carriers and when they leave: master data. Not for parcels (ship.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from core.clock import Instant
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders.sales import rules
from core.orders.sales.plan import check_cut_offs, next_cut_off
from core.orders.sales.tables import carriers as table
from core.people import Actor, record, require

_BY_CODE = select(table).where(table.c.code == bindparam("code_")).limit(1)


@dataclass(frozen=True, slots=True)
class Carrier:
    """`cut_offs`: times of day ("16:30") at which it fetches; none: whenever it is called."""

    code: str
    name: str
    cut_offs: tuple[str, ...] = ()
    active: bool = True


def save_carrier(tx: Tx, actor: Actor, new: Carrier) -> Carrier:
    """Register a carrier or change it; orders keep the cut-off that they were made with.

    Raises:
        AppError: forbidden, invalid.
    """
    require(actor, "carrier.write")
    code, name = new.code.strip(), new.name.strip()
    if not code or len(code) > 32 or not name or len(name) > 64:
        raise AppError(INVALID, field="承运商", why="编号 1–32 个字，名称 1–64 个字")
    saved = Carrier(code, name, check_cut_offs(new.cut_offs), new.active)
    row = {"name": name, "cut_offs": list(saved.cut_offs), "active": saved.active}
    before = _find(tx.conn, code)
    if before is None:
        tx.add(table, {"code": code, **row})
    else:
        tx.execute(table.update().where(table.c.code == code).values(**row))
    was = {} if before is None else {"name": before.name, "cut_offs": list(before.cut_offs)}
    record(tx, actor, "carrier.write", f"carrier:{code}", before=was, after=row)
    return saved


def carriers(conn: Connection) -> Sequence[Carrier]:
    """Every carrier by code, at most 200."""
    query = select(table).order_by(table.c.code).limit(200)
    return [
        Carrier(row.code, row.name, tuple(row.cut_offs), row.active) for row in conn.execute(query)
    ]


def cut_off_for(conn: Connection, code: str, ship_on: str, now: Instant) -> Instant | None:
    """When goods must be ready for this carrier; None: no carrier, or no fixed times.

    Raises:
        AppError(carrier_unknown).
    """
    if not code:
        return None
    found = _find(conn, code)
    if found is None or not found.active:
        raise AppError(rules.CARRIER_UNKNOWN, code=code[:32])
    return next_cut_off(found.cut_offs, ship_on, now)


def _find(conn: Connection, code: str) -> Carrier | None:
    row = conn.execute(_BY_CODE, {"code_": code}).first()
    return None if row is None else _carrier(row)


def _carrier(row: Row[Any]) -> Carrier:
    return Carrier(row.code, row.name, tuple(row.cut_offs), row.active)
