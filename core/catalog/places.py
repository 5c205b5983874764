"""Places: warehouses with their bins, and the virtual ends that goods come from and go to.

Virtual places (supplier, customer, production, count difference) may go negative: their balance is
what the world owes us. Every lookup is by a unique index (museum: odoo #8344, 15,000 locations).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, Row, bindparam, select

from core.catalog.items import CODE_TAKEN, PAGE, check_code, check_text
from core.catalog.tables import locations
from core.catalog.tables import warehouses as warehouse_rows
from core.db import Tx
from core.errors import INVALID, NOT_FOUND, AppError
from core.people import Actor, Thing, insert_row, record, require
from core.quantity import MAX_MICRO, Micro

VIRTUAL_KINDS = frozenset({"supplier", "customer", "production", "count"})
INTERNAL_KINDS = frozenset({"dock", "bin", "stage", "transit"})  # ours, inside a warehouse
KINDS = VIRTUAL_KINDS | INTERNAL_KINDS | {"scrap"}

_SEEDED = (
    ("SUPPLIER", "供应商", "supplier"),
    ("CUSTOMER", "客户", "customer"),
    ("PRODUCTION", "生产", "production"),
    ("COUNT", "盘点差异", "count"),
    ("SCRAP", "报废", "scrap"),
)


@dataclass(frozen=True, slots=True)
class NewLocation:
    """What a location begins with. `capacity_micro` counts base units; None is not limited."""

    code: str
    kind: str
    name: str = ""
    warehouse_id: int | None = None
    zone: str = ""
    capacity_micro: Micro | None = None


@dataclass(frozen=True, slots=True)
class Location(NewLocation):
    """A location as stored."""

    id: int = 0
    active: bool = True

    @property
    def is_virtual(self) -> bool:
        return self.kind in VIRTUAL_KINDS

    @property
    def is_internal(self) -> bool:
        return self.kind in INTERNAL_KINDS


@dataclass(frozen=True, slots=True)
class Warehouse:
    id: int
    code: str
    name: str


_LOCATION_BY_ID = select(locations).where(locations.c.id == bindparam("id_"))
_LOCATION_BY_CODE = select(locations).where(locations.c.code == bindparam("code_"))
_WAREHOUSE_BY_ID = select(warehouse_rows).where(warehouse_rows.c.id == bindparam("id_"))
_WAREHOUSE_BY_CODE = select(warehouse_rows).where(warehouse_rows.c.code == bindparam("code_"))


def seed_locations(tx: Tx) -> None:
    """The five places that every company has; safe to repeat."""
    for code, name, kind in _SEEDED:
        if location_by_code_or_none(tx.conn, code) is None:
            row = {"code": code, "name": name, "kind": kind, "zone": "", "active": True}
            tx.add(locations, row)


def add_warehouse(tx: Tx, actor: Actor, code: str, name: str) -> int:
    """A new warehouse with its dock and its transit place; answers its id.

    Raises:
        AppError(forbidden, invalid, code_taken).
    """
    require(actor, "location.write", Thing("warehouse", code))
    check_code("仓库编号", code, 24)
    check_text("仓库名称", name, 56)
    if tx.execute(_WAREHOUSE_BY_CODE, {"code_": code}).first() is not None:
        raise AppError(CODE_TAKEN, what="仓库", code=code)
    warehouse_id = insert_row(tx, warehouse_rows, {"code": code, "name": name or code})
    after = {"code": code, "name": name}
    record(tx, actor, "location.write", f"warehouse:{warehouse_id}", after=after)
    add_locations(
        tx,
        actor,
        (
            NewLocation(dock_code(code), "dock", f"{name} 收货区", warehouse_id),
            NewLocation(f"{code}-TRANSIT", "transit", f"{name} 在途", warehouse_id),
            NewLocation(f"{code}-OUT", "stage", f"{name} 出货区", warehouse_id),
        ),
    )
    return warehouse_id


def add_location(tx: Tx, actor: Actor, new: NewLocation) -> int:
    """A new location; answers its id.

    Raises:
        AppError(forbidden, not_found, invalid, code_taken).
    """
    return add_locations(tx, actor, (new,))[0]


def add_locations(tx: Tx, actor: Actor, many: Sequence[NewLocation]) -> list[int]:
    """Many locations with one line in the audit; answers their ids in order.

    Raises:
        AppError(forbidden, not_found, invalid, code_taken): nothing is added then.
    """
    for new in many:
        thing = Thing("location", new.code, warehouse_id=new.warehouse_id)
        require(actor, "location.write", thing)
        _check(tx, new)
    made = [insert_row(tx, locations, asdict(new) | {"active": True}) for new in many]
    thing_id = str(made[0]) if len(made) == 1 else f"{made[0]}..{made[-1]}" if made else ""
    after = {"locations": [asdict(new) for new in many[:PAGE]], "count": len(many)}
    record(tx, actor, "location.write", f"location:{thing_id}", after=after)
    return made


def set_location_active(tx: Tx, actor: Actor, location_id: int, active: bool) -> None:
    """Close or reopen a location for new suggestions; what lies there can still leave.

    Raises:
        AppError(forbidden, not_found).
    """
    before = location(tx.conn, location_id)
    thing = Thing("location", before.code, warehouse_id=before.warehouse_id)
    require(actor, "location.write", thing)
    tx.execute(locations.update().where(locations.c.id == location_id), {"active": active})
    was, now = {"active": before.active}, {"active": active}
    record(tx, actor, "location.write", f"location:{location_id}", before=was, after=now)


def location(conn: Connection, location_id: int) -> Location:
    """The location.

    Raises:
        AppError(not_found).
    """
    row = ask_for_location(conn, location_id).first()
    if row is None:
        raise AppError(NOT_FOUND, what="库位", name=location_id)
    return _location(row)


def location_by_code(conn: Connection, code: str) -> Location:
    """The location with this code.

    Raises:
        AppError(not_found).
    """
    found = location_by_code_or_none(conn, code)
    if found is None:
        raise AppError(NOT_FOUND, what="库位", name=code)
    return found


def dock_code(warehouse: str) -> str:
    """The code of the place where a warehouse's goods arrive."""
    return f"{warehouse}-DOCK"


def ask_for_location(conn: Connection, code_or_id: str | int) -> CursorResult[Any]:
    """The row of a location, which need not have arrived yet."""
    if isinstance(code_or_id, int):
        return conn.execute(_LOCATION_BY_ID, {"id_": code_or_id})
    return conn.execute(_LOCATION_BY_CODE, {"code_": code_or_id})


def location_by_code_or_none(conn: Connection, code: str) -> Location | None:
    """As `location_by_code`, None when there is none."""
    row = ask_for_location(conn, code).first()
    return None if row is None else _location(row)


def locations_by_id(conn: Connection, ids: Iterable[int]) -> dict[int, Location]:
    """Many locations in one query (at most 500 per call); unknown ids are missing."""
    wanted = sorted(set(ids))
    assert len(wanted) <= PAGE, "ask in pages"
    rows = conn.execute(select(locations).where(locations.c.id.in_(wanted)).limit(PAGE))
    return {row.id: _location(row) for row in rows}


def locations_of(
    conn: Connection, warehouse_id: int, *, zone: str = "", after_id: int = 0, limit: int = 200
) -> list[Location]:
    """Active locations of a warehouse by id, page by page; `zone` narrows."""
    query = (
        select(locations)
        .where(locations.c.warehouse_id == warehouse_id, locations.c.active.is_(True))
        .where(locations.c.id > after_id)
        .order_by(locations.c.id)
        .limit(min(limit, PAGE))
    )
    if zone:
        query = query.where(locations.c.zone == zone)
    return [_location(row) for row in conn.execute(query)]


def ask_for_warehouse(conn: Connection, warehouse_id: int) -> CursorResult[Any]:
    """The row of a warehouse, which need not have arrived yet."""
    return conn.execute(_WAREHOUSE_BY_ID, {"id_": warehouse_id})


def warehouse(conn: Connection, warehouse_id: int) -> Warehouse:
    """The warehouse.

    Raises:
        AppError(not_found).
    """
    row = ask_for_warehouse(conn, warehouse_id).first()
    if row is None:
        raise AppError(NOT_FOUND, what="仓库", name=warehouse_id)
    return Warehouse(row.id, row.code, row.name)


def warehouse_by_code(conn: Connection, code: str) -> Warehouse:
    """The warehouse with this code.

    Raises:
        AppError(not_found).
    """
    row = conn.execute(_WAREHOUSE_BY_CODE, {"code_": code}).first()
    if row is None:
        raise AppError(NOT_FOUND, what="仓库", name=code)
    return Warehouse(row.id, row.code, row.name)


def warehouses(conn: Connection, limit: int = 200) -> list[Warehouse]:
    """Warehouses by code."""
    query = select(warehouse_rows).order_by(warehouse_rows.c.code).limit(min(limit, PAGE))
    return [Warehouse(row.id, row.code, row.name) for row in conn.execute(query)]


def _location(row: Row[Any]) -> Location:
    return Location(
        code=row.code,
        kind=row.kind,
        name=row.name,
        warehouse_id=row.warehouse_id,
        zone=row.zone,
        capacity_micro=row.capacity_micro,
        id=row.id,
        active=row.active,
    )


def _check(tx: Tx, new: NewLocation) -> None:
    check_code("库位编号", new.code)
    check_text("库位名称", new.name, 64)
    check_text("库区", new.zone, 32)
    if new.kind not in KINDS:
        raise AppError(INVALID, field="库位类型", why=f"没有类型「{new.kind[:20]}」")
    if new.kind in INTERNAL_KINDS and new.warehouse_id is None:
        raise AppError(INVALID, field="仓库", why=f"库位 {new.code} 要写明属于哪个仓库")
    if new.warehouse_id is not None:
        warehouse(tx.conn, new.warehouse_id)
    if new.capacity_micro is not None and not 0 < new.capacity_micro <= MAX_MICRO:
        raise AppError(INVALID, field="容量", why="必须大于 0，不限就不填")
    if location_by_code_or_none(tx.conn, new.code) is not None:
        raise AppError(CODE_TAKEN, what="库位", code=new.code)
