"""Sales and waves as they stand, with the names that people read. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select

from core.catalog import tables as catalogs
from core.clock import Instant
from core.errors import NOT_FOUND, AppError
from core.orders.sales import tables as paper
from core.orders.sales.rules import STATES, Wanted
from core.quantity import Micro
from core.stock.tables import reservations

MOST_LINES = 500
MOST_PICKS = 2_000


@dataclass(frozen=True, slots=True)
class SaleLine:
    """All quantities in base units (Micro). `promised` is what reservations still hold for it."""

    id: str
    sale_id: str
    line_no: int
    item_id: int
    item_code: str
    item_name: str
    unit: str
    quantity: Micro
    pack_id: int | None
    price_micro: Micro
    promised: Micro
    missing: Micro
    picked: Micro
    packed: Micro
    shipped: Micro
    returned: Micro
    cut: Micro
    cut_reason: str
    instead_of: str

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.quantity, self.cut, self.picked, self.promised)


@dataclass(frozen=True, slots=True)
class Sale:
    """A sales order as it stands."""

    id: str
    code: str
    customer_id: int
    customer_name: str
    warehouse_id: int
    warehouse_name: str
    seller_id: int
    ship_on: str
    carrier: str
    cut_off_at: Instant | None
    urgent: bool
    state: str
    wave_id: str
    note: str
    created_at: Instant
    lines: tuple[SaleLine, ...]

    @property
    def state_zh(self) -> str:
        return STATES[self.state]

    def line(self, line_id: str) -> SaleLine:
        """One of its lines. Raises AppError(not_found)."""
        for each in self.lines:
            if each.id == line_id:
                return each
        raise AppError(NOT_FOUND, what="销售行", name=line_id)


@dataclass(frozen=True, slots=True)
class PickLine:
    """One stop of a walk: what to take from which bin for which order (base units)."""

    id: str
    wave_id: str
    step: int
    sale_id: str
    sale_code: str
    warehouse_id: int
    sale_line_id: str
    reservation_id: int
    part_id: int
    location_id: int
    bin: str
    zone: str
    item_id: int
    item_code: str
    item_name: str
    unit: str
    tracking: str
    lot_id: int
    lot: str
    expires_on: str
    quantity: Micro
    picked: Micro
    packed: Micro
    state: str
    reason: str
    serials: tuple[str, ...] = ()

    @property
    def left(self) -> Micro:
        return self.quantity - self.picked if self.state == "open" else 0


@dataclass(frozen=True, slots=True)
class Wave:
    """What one person walks for."""

    id: str
    code: str
    warehouse_id: int
    carrier: str
    carrier_name: str
    cut_off_at: Instant | None
    why: str
    state: str
    task_id: str
    made_at: Instant
    orders: int  # that are walked for
    stops: int
    done: int  # stops that are picked, short or given up
    lines: tuple[PickLine, ...] = field(default=())


_SALES = (
    select(
        paper.sales,
        catalogs.partners.c.name.label("customer_name"),
        catalogs.warehouses.c.name.label("warehouse_name"),
    )
    .join(catalogs.partners, catalogs.partners.c.id == paper.sales.c.customer_id)
    .join(catalogs.warehouses, catalogs.warehouses.c.id == paper.sales.c.warehouse_id)
)
_BY_ID = _SALES.where(paper.sales.c.id == bindparam("sale")).limit(1)
_BY_CODE = _SALES.where(paper.sales.c.code == bindparam("sale")).limit(1)
_PROMISED = (
    select(func.coalesce(func.sum(reservations.c.remaining), 0))
    .where(
        reservations.c.for_doc == "sale_line:" + paper.sale_lines.c.id,
        reservations.c.state == "open",
    )
    .scalar_subquery()
)
_LINES = (
    select(
        paper.sale_lines,
        catalogs.items.c.code.label("item_code"),
        catalogs.items.c.name.label("item_name"),
        catalogs.items.c.unit,
        _PROMISED.label("promised"),
    )
    .join(catalogs.items, catalogs.items.c.id == paper.sale_lines.c.item_id)
    .where(paper.sale_lines.c.sale_id.in_(bindparam("sales", expanding=True)))
    .order_by(paper.sale_lines.c.sale_id, paper.sale_lines.c.line_no)
    .limit(100 * MOST_LINES)
)


def _stops(count: Any, *only: ColumnElement[bool]) -> Any:
    mine = paper.pick_lines.c.wave_id == paper.waves.c.id
    return select(count).where(mine, *only).correlate(paper.waves).scalar_subquery()


_WAVES = select(
    paper.waves,
    func.coalesce(paper.carriers.c.name, "").label("carrier_name"),
    _stops(func.count(paper.pick_lines.c.sale_id.distinct())).label("orders"),
    _stops(func.count()).label("stops"),
    _stops(func.count(), paper.pick_lines.c.state != "open").label("done"),
)
_WAVES = _WAVES.outerjoin(paper.carriers, paper.carriers.c.code == paper.waves.c.carrier)
_WAVE = _WAVES.where(paper.waves.c.id == bindparam("wave")).limit(1)
_PICKS = (
    select(
        paper.pick_lines,
        paper.sales.c.code.label("sale_code"),
        paper.sales.c.warehouse_id,
        catalogs.locations.c.code.label("bin"),
        catalogs.locations.c.zone,
        catalogs.items.c.code.label("item_code"),
        catalogs.items.c.name.label("item_name"),
        catalogs.items.c.unit,
        catalogs.items.c.tracking,
        func.coalesce(catalogs.lots.c.code, "").label("lot"),
        func.coalesce(catalogs.lots.c.expires_on, "").label("expires_on"),
    )
    .join(paper.sales, paper.sales.c.id == paper.pick_lines.c.sale_id)
    .join(catalogs.locations, catalogs.locations.c.id == paper.pick_lines.c.location_id)
    .join(catalogs.items, catalogs.items.c.id == paper.pick_lines.c.item_id)
    .outerjoin(catalogs.lots, catalogs.lots.c.id == paper.pick_lines.c.lot_id)
    .order_by(paper.pick_lines.c.step, paper.pick_lines.c.id)
    .limit(MOST_PICKS)
)
_PICKS_OF_WAVE = _PICKS.where(paper.pick_lines.c.wave_id == bindparam("wave"))
_PICKS_OF_SALE = _PICKS.where(paper.pick_lines.c.sale_id == bindparam("sale"))
_PICK = _PICKS.where(paper.pick_lines.c.id == bindparam("pick"))


# -- sales ---------------------------------------------------------------------------------------
def sale(conn: Connection, sale_id: str) -> Sale:
    """One sale with its lines. Raises AppError(not_found)."""
    found = _load(conn, _BY_ID, {"sale": sale_id})
    if not found:
        raise AppError(NOT_FOUND, what="销售单", name=sale_id)
    return found[0]


def sale_by_code_or_none(conn: Connection, code: str) -> Sale | None:
    """One sale by its number, or None: for a scan that may mean something else."""
    found = _load(conn, _BY_CODE, {"sale": code})
    return found[0] if found else None


def sales(
    conn: Connection,
    *,
    state: str = "",
    warehouse_id: int | None = None,
    cursor: str = "",
    limit: int = 50,
) -> list[Sale]:
    """Newest first; `cursor` is the id of the last sale of the page before."""
    query = _SALES.order_by(paper.sales.c.id.desc()).limit(min(limit, 100))
    if state:
        query = query.where(paper.sales.c.state == state)
    if warehouse_id is not None:
        query = query.where(paper.sales.c.warehouse_id == warehouse_id)
    if cursor:
        query = query.where(paper.sales.c.id < cursor)
    return _load(conn, query)


def sales_by_id(conn: Connection, ids: Iterable[str]) -> list[Sale]:
    """Many sales, at most 500, in the order of their ids."""
    wanted = sorted(set(ids))[:500]
    query = _SALES.where(paper.sales.c.id.in_(wanted)).order_by(paper.sales.c.id).limit(500)
    return _load(conn, query)


def _load(conn: Connection, query: Select[Any], values: dict[str, Any] | None = None) -> list[Sale]:
    headers = list(conn.execute(query, values or {}))
    lines: dict[str, list[SaleLine]] = {header.id: [] for header in headers}
    if lines:
        for row in conn.execute(_LINES, {"sales": list(lines)}):
            lines[row.sale_id].append(_line(row))
    return [_sale(header, lines[header.id]) for header in headers]


def _sale(header: Any, lines: list[SaleLine]) -> Sale:
    return Sale(
        id=header.id,
        code=header.code,
        customer_id=header.customer_id,
        customer_name=header.customer_name,
        warehouse_id=header.warehouse_id,
        warehouse_name=header.warehouse_name,
        seller_id=header.seller_id,
        ship_on=header.ship_on,
        carrier=header.carrier,
        cut_off_at=header.cut_off,
        urgent=header.urgent,
        state=header.state,
        wave_id=header.wave_id,
        note=header.note,
        created_at=header.created_at,
        lines=tuple(lines),
    )


def _line(row: Any) -> SaleLine:
    return SaleLine(
        id=row.id,
        sale_id=row.sale_id,
        line_no=row.line_no,
        item_id=row.item_id,
        item_code=row.item_code,
        item_name=row.item_name,
        unit=row.unit,
        quantity=row.quantity,
        pack_id=row.pack_id,
        price_micro=row.price_micro,
        promised=int(row.promised),
        missing=row.missing,
        picked=row.picked,
        packed=row.packed,
        shipped=row.shipped,
        returned=row.returned,
        cut=row.cut,
        cut_reason=row.cut_reason,
        instead_of=row.instead_of,
    )


def line_of(conn: Connection, line_id: str) -> SaleLine:
    """One line of whichever sale. Raises AppError(not_found)."""
    query = select(paper.sale_lines.c.sale_id).where(paper.sale_lines.c.id == line_id)
    sale_id = conn.execute(query).scalar()
    if sale_id is None:
        raise AppError(NOT_FOUND, what="销售行", name=line_id)
    return sale(conn, sale_id).line(line_id)


# -- waves ---------------------------------------------------------------------------------------
def wave(conn: Connection, wave_id: str) -> Wave:
    """One wave with every stop of its walk. Raises AppError(not_found)."""
    head = wave_head(conn, wave_id)
    stops = tuple(_pick(row) for row in conn.execute(_PICKS_OF_WAVE, {"wave": wave_id}))
    return replace(head, lines=stops)


def wave_head(conn: Connection, wave_id: str) -> Wave:
    """One wave without its lines, how many are done counted. Raises AppError(not_found)."""
    row = conn.execute(_WAVE, {"wave": wave_id}).first()
    if row is None:
        raise AppError(NOT_FOUND, what="波次", name=wave_id)
    return _wave(row)


def wave_by_code_or_none(conn: Connection, code: str) -> Wave | None:
    """One wave (without its lines) by its number, or None."""
    row = conn.execute(_WAVES.where(paper.waves.c.code == code).limit(1)).first()
    return None if row is None else _wave(row)


def waves(conn: Connection, *, state: str = "", limit: int = 50) -> list[Wave]:
    """Waves without their lines, newest first."""
    query = _WAVES.order_by(paper.waves.c.id.desc()).limit(min(limit, 100))
    if state:
        query = query.where(paper.waves.c.state == state)
    return [_wave(row) for row in conn.execute(query)]


def pick_line(conn: Connection, pick_id: str) -> PickLine:
    """One stop. Raises AppError(not_found)."""
    row = conn.execute(_PICK, {"pick": pick_id}).first()
    if row is None:
        raise AppError(NOT_FOUND, what="拣货行", name=pick_id)
    return _pick(row)


def picks_of(conn: Connection, sale_id: str) -> list[PickLine]:
    """Every stop ever planned for a sale."""
    return [_pick(row) for row in conn.execute(_PICKS_OF_SALE, {"sale": sale_id})]


def _wave(row: Any) -> Wave:
    return Wave(
        id=row.id,
        code=row.code,
        warehouse_id=row.warehouse_id,
        carrier=row.carrier,
        carrier_name=row.carrier_name,
        cut_off_at=row.cut_off,
        why=row.why,
        state=row.state,
        task_id=row.task_id,
        made_at=row.made_at,
        orders=row.orders,
        stops=row.stops,
        done=row.done,
    )


def _pick(row: Any) -> PickLine:
    names = [each for each in PickLine.__dataclass_fields__ if each != "serials"]
    return PickLine(**{name: getattr(row, name) for name in names}, serials=tuple(row.serials))
