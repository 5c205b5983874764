"""Holding a lot: all of it that we have becomes `hold` in one posting, and nothing new joins.

`hold_lot` and `release_lot` do NOT ask for a permission (the verb above did); `hold_lot_by_hand`
and `release_lot_by_hand` require `stock.hold` and leave alone what waits for inspection or for a
decision. Deciding what becomes of a held lot is orders'.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import select

from core import audit, events
from core.catalog import tables as catalog
from core.chain import fingerprint
from core.db import Tx
from core.errors import INVALID, NOT_FOUND, AppError
from core.ids import check_operation_id
from core.once import once
from core.people import Actor, require
from core.quantity import Micro
from core.stock import refusals
from core.stock.book import Posted
from core.stock.fulfil import give_up
from core.stock.ledger import post_work, posted
from core.stock.reserve import Part, reservation
from core.stock.rules import MAX_LINES, VIRTUAL, Line, Posting
from core.stock.tables import HAS_LOT, balances, reservation_parts, reservations, serials
from core.stock.writing import Work


@dataclass(frozen=True, slots=True)
class Held:
    """What a hold or a release moved (micro), and the reservations a hold had to break."""

    lot_id: int
    posted: Posted | None  # None: nothing of the lot was there to move
    quantity: Micro
    broken_reservations: tuple[int, ...] = ()
    replayed: bool = field(default=False, compare=False)


def hold_lot(tx: Tx, actor: Actor, lot_id: int, op_id: str, reason: str) -> Held:
    """Stop a lot: its ok and inspect stock goes to hold, its state to `held`, at once.

    Reservations on it are broken (event `stock.reservation_broken` each).

    Raises:
        AppError: not_found, invalid (no reason), key_reused.
    """
    return _change(tx, actor, _Order("hold", lot_id, op_id, reason, ("ok", "inspect")))


def release_lot(tx: Tx, actor: Actor, lot_id: int, op_id: str, reason: str) -> Held:
    """Let a held lot go: its hold stock becomes ok again and so does its state.

    Raises:
        AppError: not_found, invalid (no reason), key_reused.
    """
    return _change(tx, actor, _Order("release", lot_id, op_id, reason, ("hold",)))


def hold_lot_by_hand(tx: Tx, actor: Actor, lot_id: int, op_id: str, reason: str) -> Held:
    """`hold_lot` for a person, of the good stock alone: what waits for inspection waits on, and
    cannot become good while the lot is held.

    Raises:
        AppError: forbidden, not_found, invalid (no reason), key_reused.
    """
    require(actor, "stock.hold")
    return _change(tx, actor, _Order("hold", lot_id, op_id, reason, ("ok",)))


def release_lot_by_hand(
    tx: Tx, actor: Actor, lot_id: int, op_id: str, reason: str, *, exceptions: Exceptions
) -> Held:
    """`release_lot` for a person. `exceptions`: what of the goods in hold does not become ok.

    Raises:
        AppError: forbidden, not_found, invalid (no reason), lot_not_held, key_reused, or what
            `exceptions` refuses.
    """
    require(actor, "stock.hold")
    return _change(tx, actor, _Order("release", lot_id, op_id, reason, ("hold",), exceptions))


@dataclass(frozen=True, slots=True)
class InHold:
    """What stands in `hold` in one place (micro), with its serials."""

    location_id: int
    location_kind: str
    warehouse_id: int | None
    on_hand: Micro
    owner_id: int
    serials: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Apart:
    """Some of what stands in `hold` at a place does not become ok: `status` is what it is then."""

    location_id: int
    status: Literal["hold", "inspect"]
    quantity: Micro
    serials: tuple[str, ...] = ()


Exceptions = Callable[[Sequence[InHold]], Sequence[Apart]]


@dataclass(frozen=True, slots=True)
class _Order:
    verb: Literal["hold", "release"]
    lot_id: int
    op_id: str
    reason: str
    from_statuses: tuple[str, ...]
    exceptions: Exceptions | None = None


@dataclass(frozen=True, slots=True)
class _Way:
    to_status: str
    lot_state: str


_WAYS = {"hold": _Way("hold", "held"), "release": _Way("ok", "ok")}


def _change(tx: Tx, actor: Actor, order: _Order) -> Held:
    check_operation_id(order.op_id)
    if not order.reason.strip():
        raise AppError(INVALID, field="原因", why="冻结或放行批次要写明原因")
    ran: list[bool] = []

    def run() -> dict[str, Any]:
        ran.append(True)
        return _run(tx, actor, order)

    content = [order.verb, order.lot_id, order.reason]
    answer = once(tx, "stock", order.op_id, content, run)
    done = posted(tx.conn, order.op_id) if answer["posted"] else None
    broken = tuple(answer["broken"])
    return Held(order.lot_id, done, answer["quantity"], broken, replayed=not ran)


def _run(tx: Tx, actor: Actor, order: _Order) -> dict[str, Any]:
    tx.whole_turn()  # goods of the lot that arrive meanwhile would have no row to lock yet
    lots = catalog.lots
    row: Any = tx.execute(
        select(lots.c.item_id, lots.c.code, lots.c.state).where(lots.c.id == order.lot_id)
    ).first()
    if row is None:
        raise AppError(NOT_FOUND, what="批次", name=order.lot_id)
    if order.exceptions is not None and row.state == "ok":
        raise AppError(refusals.LOT_NOT_HELD, lot=row.code)
    stands = [(each, _serials(tx, each)) for each in _stands(tx, order)]
    apart = _apart(order, stands)
    _set_state(tx, actor, order, row.state)
    broken = _break_reservations(tx, actor, [each.id for each, _ in stands], order.reason)
    status = _WAYS[order.verb].to_status
    lines = tuple(line for each, codes in stands for line in _lines(each, codes, status, apart))
    quantity = sum(line.quantity for line in lines)
    subject = f"lot:{order.lot_id}"
    if lines:
        posting = Posting(order.op_id, order.verb, lines, doc=subject, reason=order.reason)
        post_work(tx, Work(actor, posting, fingerprint([order.verb, subject, order.reason])))
    payload = {
        "lot": order.lot_id,
        "item": row.item_id,
        "code": row.code,
        "quantity_micro": quantity,
        "reason": order.reason,
        "broken": broken,
    }
    kind = "stock.lot_held" if order.verb == "hold" else "stock.lot_released"
    events.append(tx, kind, subject, actor.label, payload)
    return {"posted": bool(lines), "quantity": quantity, "broken": broken}


def _set_state(tx: Tx, actor: Actor, order: _Order, before: str) -> None:
    after = _WAYS[order.verb].lot_state
    if before == after:
        return
    lots = catalog.lots
    tx.execute(lots.update().where(lots.c.id == order.lot_id).values(state=after))
    audit.record(
        tx,
        actor.label,
        actor.face,
        "stock.hold",
        f"lot:{order.lot_id}",
        before={"state": before},
        after={"state": after},
        why=order.reason,
        device_id=actor.device_id,
    )


def _stands(tx: Tx, order: _Order) -> list[Any]:
    """Balances of the lot in these statuses, wherever the goods are in our hands."""
    query = (
        select(balances, catalog.locations.c.kind, catalog.locations.c.warehouse_id)
        .join(catalog.locations, catalog.locations.c.id == balances.c.location_id)
        .where(
            balances.c.lot_id == order.lot_id,
            HAS_LOT,
            balances.c.live,
            balances.c.status.in_(order.from_statuses),
            balances.c.on_hand > 0,
            catalog.locations.c.kind.not_in([*VIRTUAL, "scrap"]),
        )
        .order_by(balances.c.key)
        .limit(MAX_LINES + 1)  # one too many is refused by the posting, not cut off in silence
        .with_for_update(of=balances)
    )
    return list(tx.execute(query))


def _serials(tx: Tx, stand: Any) -> tuple[str, ...]:
    codes = tx.execute(
        select(serials.c.code)
        .where(
            serials.c.item_id == stand.item_id,
            serials.c.lot_id == stand.lot_id,
            serials.c.location_id == stand.location_id,
            serials.c.status == stand.status,
            serials.c.owner_id == stand.owner_id,
        )
        .order_by(serials.c.code)
        .limit(100_000)
    ).scalars()
    return tuple(codes)


def _apart(order: _Order, stands: Sequence[tuple[Any, tuple[str, ...]]]) -> Sequence[Apart]:
    if order.exceptions is None:
        return ()
    found = []
    for each, codes in stands:
        place = (each.location_id, each.kind, each.warehouse_id)
        found.append(InHold(*place, each.on_hand, each.owner_id, codes))
    return order.exceptions(found)


def _lines(
    stand: Any, codes: tuple[str, ...], to_status: str, apart: Sequence[Apart]
) -> Iterator[Line]:
    """One balance: what is set apart of it, and all the rest to `to_status`."""
    mine = [each for each in apart if each.location_id == stand.location_id and not stand.owner_id]
    named = {code for each in mine for code in each.serials}
    rest = stand.on_hand - sum(each.quantity for each in mine)
    assert rest >= 0, "more was set apart than stands there"
    free = tuple(code for code in codes if code not in named)
    parts = [(each.quantity, each.status, each.serials) for each in mine]
    for quantity, status, which in [*parts, (rest, to_status, free)]:
        if not quantity or status == stand.status:
            continue
        yield Line(
            stand.item_id,
            quantity,
            stand.location_id,
            stand.location_id,
            lot_id=stand.lot_id,
            from_status=stand.status,
            to_status=status,
            owner_id=stand.owner_id,
            serials=which,
        )


def _break_reservations(tx: Tx, actor: Actor, balance_ids: Sequence[int], reason: str) -> list[int]:
    """Give up what open reservations still expect of these balances; their ids, in order."""
    query = (
        select(reservation_parts.c.reservation_id, reservation_parts.c.id)
        .join(reservations, reservations.c.id == reservation_parts.c.reservation_id)
        .where(
            reservation_parts.c.balance_id.in_(balance_ids),
            reservation_parts.c.remaining > 0,
            reservations.c.state == "open",
        )
        .order_by(reservation_parts.c.reservation_id, reservation_parts.c.id)
        .limit(100_000)
    )
    lost: dict[int, set[int]] = defaultdict(set)
    for row in tx.execute(query):
        lost[row.reservation_id].add(row.id)
    for reservation_id, part_ids in lost.items():
        current = reservation(tx.conn, reservation_id)
        drawn: list[tuple[Part, Micro]] = [
            (part, part.remaining) for part in current.parts if part.id in part_ids
        ]
        give_up(tx, actor, current, drawn, verb="broken", reason=reason)
    return list(lost)
