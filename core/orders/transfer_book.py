"""Transfers as they stand: what was asked, what was sent, what is still on the road. Only reads."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from core.errors import NOT_FOUND, AppError
from core.orders.tables import transfer_lines, transfer_loads
from core.orders.tables import transfers as table
from core.quantity import Micro

STATES = {
    "asked": "等发出",
    "sent": "在途",
    "done": "已收到",
    "closed": "已结案",  # given up with a reason: part of it never came
    "cancelled": "已取消",  # given up before anything was sent
}
LIVE = ("asked", "sent")
_MOST = 2_000


@dataclass(frozen=True, slots=True)
class TransferLine:
    """One wanted line (base units); `lot_id` 0: any lot."""

    id: str
    item_id: int
    lot_id: int
    quantity: Micro
    sent: Micro


@dataclass(frozen=True, slots=True)
class Load:
    """What was really sent for a line (base units); `serials`: those that are still to come."""

    id: str
    line_id: str
    item_id: int
    lot_id: int
    quantity: Micro
    received: Micro
    serials: tuple[str, ...] = ()

    @property
    def left(self) -> Micro:
        """Still on the road."""
        return self.quantity - self.received


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer with its lines and loads. state: asked sent done closed cancelled."""

    id: str
    code: str
    from_warehouse: int
    to_warehouse: int
    state: str
    urgent: bool
    reason: str
    send_task: str
    receive_task: str
    lines: tuple[TransferLine, ...]
    loads: tuple[Load, ...]

    @property
    def state_zh(self) -> str:
        return STATES[self.state]

    @property
    def is_on_the_road(self) -> bool:
        """Something was sent and may still come."""
        return self.state in LIVE and any(load.left for load in self.loads)


_ONE = select(table).where(table.c.id == bindparam("transfer")).limit(1)
_BY_CODE = select(table.c.id).where(table.c.code == bindparam("code_")).limit(1)
_LINES = (
    select(transfer_lines)
    .where(transfer_lines.c.transfer_id == bindparam("transfer"))
    .order_by(transfer_lines.c.line_no)
    .limit(_MOST)
)
_LOADS = (
    select(transfer_loads)
    .where(transfer_loads.c.transfer_id == bindparam("transfer"))
    .order_by(transfer_loads.c.id)
    .limit(_MOST)
)


def transfer(conn: Connection, transfer_id: str) -> Transfer:
    """One transfer as it stands. Raises AppError(not_found)."""
    asked = {"transfer": transfer_id}
    row = conn.execute(_ONE, asked).first()
    if row is None:
        raise AppError(NOT_FOUND, what="调拨单", name=transfer_id)
    return Transfer(
        id=row.id,
        code=row.code,
        from_warehouse=row.from_warehouse,
        to_warehouse=row.to_warehouse,
        state=row.state,
        urgent=row.urgent,
        reason=row.reason,
        send_task=row.send_task,
        receive_task=row.receive_task,
        lines=tuple(
            TransferLine(line.id, line.item_id, line.lot_id, line.quantity, line.sent)
            for line in conn.execute(_LINES, asked)
        ),
        loads=tuple(
            Load(
                load.id,
                load.line_id,
                load.item_id,
                load.lot_id,
                load.quantity,
                load.received,
                tuple(load.serials),
            )
            for load in conn.execute(_LOADS, asked)
        ),
    )


def transfer_by_code(conn: Connection, code: str) -> Transfer | None:
    """One transfer by its number, None when there is none."""
    found = conn.execute(_BY_CODE, {"code_": code}).scalar()
    return None if found is None else transfer(conn, found)


_ASKED = (
    select(table.c.from_warehouse, func.sum(transfer_lines.c.quantity - transfer_lines.c.sent))
    .join(transfer_lines, transfer_lines.c.transfer_id == table.c.id)
    .where(table.c.state == "asked", transfer_lines.c.item_id == bindparam("item"))
    .group_by(table.c.from_warehouse)
    .limit(_MOST)
)
_NEWEST = (
    select(func.max(transfer_lines.c.id).label("id"))
    .join(table, table.c.id == transfer_lines.c.transfer_id)
    .where(transfer_lines.c.item_id == bindparam("item"))
    .group_by(table.c.to_warehouse)
    .limit(_MOST)
    .subquery()
)
_LAST_ASKED = (
    select(table.c.to_warehouse, transfer_lines.c.quantity)
    .join(_NEWEST, _NEWEST.c.id == transfer_lines.c.id)
    .join(table, table.c.id == transfer_lines.c.transfer_id)
    .limit(_MOST)
)


def asked_of(conn: Connection, item_id: int) -> dict[int, Micro]:
    """By warehouse: how much of an item others wait for that it has not sent yet (base units).

    A transfer reserves nothing until it is sent, so what is available is not all free to give.
    """
    rows = conn.execute(_ASKED, {"item": item_id})
    return {row[0]: int(row[1]) for row in rows}


def last_asked(conn: Connection, item_id: int) -> dict[int, Micro]:
    """By warehouse that ever asked for this item: how much it asked the last time."""
    rows = conn.execute(_LAST_ASKED, {"item": item_id})
    return {row[0]: int(row[1]) for row in rows}


def transfers(
    conn: Connection, *, state: str = "", cursor: str = "", limit: int = 50
) -> list[Transfer]:
    """Newest first; `cursor` is the id of the last one of the page before."""
    query = select(table.c.id).order_by(table.c.id.desc()).limit(min(limit, 100))
    if state:
        query = query.where(table.c.state == state)
    if cursor:
        query = query.where(table.c.id < cursor)
    return [transfer(conn, each) for each in conn.execute(query).scalars().all()]
