"""Purchase orders as they stand: loading them with the names that people read. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from core.catalog import tables as catalogs
from core.clock import Instant
from core.errors import NOT_FOUND, AppError
from core.orders.tables import order_lines
from core.orders.tables import orders as table
from core.quantity import Micro

MAX_LINES = 500


@dataclass(frozen=True, slots=True)
class OrderLine:
    """All quantities in base units (Micro)."""

    id: str
    order_id: str
    order_code: str
    line_no: int
    item_id: int
    item_code: str
    item_name: str
    unit: str
    quantity: Micro
    pack_id: int | None
    price_micro: Micro
    received: Micro
    short: Micro
    state: str

    @property
    def open_quantity(self) -> Micro:
        """What may still come: ordered − received − closed short, never below zero."""
        return max(0, self.quantity - self.received - self.short)


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands."""

    id: str
    code: str
    supplier_id: int
    supplier_name: str
    warehouse_id: int
    warehouse_code: str
    warehouse_name: str
    buyer_id: int
    due_on: str
    promised_on: str
    state: str
    receive_task: str
    created_at: Instant
    lines: tuple[OrderLine, ...]


_LINES = (
    select(
        order_lines,
        table.c.code.label("order_code"),
        catalogs.items.c.code.label("item_code"),
        catalogs.items.c.name.label("item_name"),
        catalogs.items.c.unit,
    )
    .join(table, table.c.id == order_lines.c.order_id)
    .join(catalogs.items, catalogs.items.c.id == order_lines.c.item_id)
)
_ORDERS = (
    select(
        table,
        catalogs.partners.c.name.label("supplier_name"),
        catalogs.warehouses.c.code.label("warehouse_code"),
        catalogs.warehouses.c.name.label("warehouse_name"),
    )
    .join(catalogs.partners, catalogs.partners.c.id == table.c.supplier_id)
    .join(catalogs.warehouses, catalogs.warehouses.c.id == table.c.warehouse_id)
)
_LINES_OF = (
    _LINES.where(order_lines.c.order_id.in_(bindparam("orders", expanding=True)))
    .order_by(order_lines.c.order_id, order_lines.c.line_no)
    .limit(100 * MAX_LINES)
)
_BY_ID = _ORDERS.where(table.c.id == bindparam("order_")).limit(1)
_BY_CODE = _ORDERS.where(table.c.code == bindparam("order_")).limit(1)
_LINE = _LINES.where(order_lines.c.id == bindparam("line")).limit(1)


def order(conn: Connection, order_id: str) -> Order:
    """One order with its lines. Raises AppError(not_found)."""
    return _one(conn, _BY_ID, order_id)


def order_by_code(conn: Connection, code: str) -> Order:
    """One order by its number. Raises AppError(not_found)."""
    return _one(conn, _BY_CODE, code)


def order_by_code_or_none(conn: Connection, code: str) -> Order | None:
    """One order by its number, or None: for a scan that may mean something else."""
    found = _load(conn, _BY_CODE, code)
    return found[0] if found else None


def _one(conn: Connection, query: Select[Any], name: str) -> Order:
    found = _load(conn, query, name)
    if not found:
        raise AppError(NOT_FOUND, what="采购单", name=name)
    return found[0]


def orders(
    conn: Connection,
    *,
    state: str = "",
    supplier_id: int | None = None,
    cursor: str = "",
    limit: int = 50,
) -> list[Order]:
    """Newest first; `cursor` is the id of the last order of the page before."""
    query = _ORDERS.order_by(table.c.id.desc()).limit(min(limit, 100))
    if state:
        query = query.where(table.c.state == state)
    if supplier_id is not None:
        query = query.where(table.c.supplier_id == supplier_id)
    if cursor:
        query = query.where(table.c.id < cursor)
    return _load(conn, query)


def open_lines(
    conn: Connection, warehouse_id: int, item_id: int | None = None, limit: int = 200
) -> list[OrderLine]:
    """Lines that may still be received in this warehouse, the earliest due first."""
    query = (
        _LINES.where(
            table.c.warehouse_id == warehouse_id,
            table.c.state == "open",
            order_lines.c.state == "open",
        )
        .order_by(table.c.due_on, order_lines.c.order_id, order_lines.c.line_no)
        .limit(limit)
    )
    if item_id is not None:
        query = query.where(order_lines.c.item_id == item_id)
    return [_line(row) for row in conn.execute(query)]


def order_line(conn: Connection, line_id: str) -> OrderLine:
    """One line. Raises AppError(not_found)."""
    row = conn.execute(_LINE, {"line": line_id}).first()
    if row is None:
        raise AppError(NOT_FOUND, what="采购行", name=line_id)
    return _line(row)


def _load(conn: Connection, query: Select[Any], wanted: str | None = None) -> list[Order]:
    asked = conn.execute(query, {} if wanted is None else {"order_": wanted})
    by_id = query is _BY_ID  # then nobody has to wait for the header to ask for the lines
    ahead = conn.execute(_LINES_OF, {"orders": [wanted]}) if by_id else None
    headers = list(asked)
    lines: dict[str, list[OrderLine]] = {header.id: [] for header in headers}
    for row in ahead or conn.execute(_LINES_OF, {"orders": list(lines)}):
        lines[row.order_id].append(_line(row))
    return [
        Order(
            id=header.id,
            code=header.code,
            supplier_id=header.supplier_id,
            supplier_name=header.supplier_name,
            warehouse_id=header.warehouse_id,
            warehouse_code=header.warehouse_code,
            warehouse_name=header.warehouse_name,
            buyer_id=header.buyer_id,
            due_on=header.due_on,
            promised_on=header.promised_on,
            state=header.state,
            receive_task=header.receive_task,
            created_at=header.created_at,
            lines=tuple(lines[header.id]),
        )
        for header in headers
    ]


def _line(row: Any) -> OrderLine:
    return OrderLine(
        id=row.id,
        order_id=row.order_id,
        order_code=row.order_code,
        line_no=row.line_no,
        item_id=row.item_id,
        item_code=row.item_code,
        item_name=row.item_name,
        unit=row.unit,
        quantity=row.quantity,
        pack_id=row.pack_id,
        price_micro=row.price_micro,
        received=row.received,
        short=row.short,
        state=row.state,
    )
