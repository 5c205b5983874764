"""How a reservation ends: fulfil (also in parts), release, expire, or broken by a hold.

`fulfil` and `release` do NOT ask for a permission (the verb above did); `release_by_hand` requires
`stock.reserve`. Making reservations is `reserve.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from core import events
from core.chain import fingerprint
from core.clock import Instant
from core.db import Tx
from core.errors import AppError
from core.people import ENGINE, Actor, require
from core.quantity import ONE, Micro, check_positive, show
from core.stock import refusals
from core.stock.book import Posted, serials_at
from core.stock.ledger import answer_again, post_work
from core.stock.reserve import Part, Reserved, reservation
from core.stock.rules import Key, Line, Posting
from core.stock.tables import balances, reservation_parts, reservations, serials
from core.stock.writing import LedgerBrokenError, Work

EXPIRE_BATCH = 200
STATE_WORDS = {
    "fulfilled": "全部出库",
    "released": "释放",
    "expired": "到期释放",
    "broken": "因批次停用而取消",
}

_N: BindParameter[int] = bindparam("n")
_FREE = (
    balances.update()
    .where(balances.c.id == bindparam("id_"), balances.c.reserved >= _N)
    .values(reserved=balances.c.reserved - _N)
)
_LEAVE_PART = (
    reservation_parts.update()
    .where(reservation_parts.c.id == bindparam("id_"))
    .values(remaining=reservation_parts.c.remaining - _N)
)
_FREE_SERIALS = (
    serials.update()
    .where(serials.c.reservation_id == bindparam("reservation"))
    .values(reservation_id=None)
)
_HELD_SERIALS = select(serials.c.code).where(serials.c.reservation_id == bindparam("reservation"))
_DUE = (
    select(reservations.c.id)
    .where(reservations.c.state == "open", reservations.c.expires_at <= bindparam("now"))
    .order_by(reservations.c.expires_at, reservations.c.id)
    .limit(EXPIRE_BATCH)
)
_NEXT_DUE = select(func.min(reservations.c.expires_at)).where(reservations.c.state == "open")


def fulfil(
    tx: Tx,
    actor: Actor,
    reservation_id: int,
    op_id: str,
    to_location: int,
    *,
    quantity: Micro | None = None,
    serials: tuple[str, ...] = (),
    kind: str = "issue",
) -> Posted:
    """Move what was reserved (all that remains, or `quantity` of it) to `to_location`.

    Raises:
        AppError: not_found, reservation_closed, reservation_short, and the refusals of `post`.
    """
    content = [reservation_id, to_location, quantity, list(serials), kind]
    print_ = fingerprint(["fulfil", *content])
    again = answer_again(tx, op_id, print_)
    if again is not None:
        return again
    current = reservation(tx.conn, reservation_id)
    if current.state != "open":
        raise closed(current)
    wanted = current.remaining if quantity is None else check_positive(quantity)
    if wanted > current.remaining:
        raise AppError(
            refusals.RESERVATION_SHORT,
            reservation=reservation_id,
            remaining=show(current.remaining),
            asked=show(wanted),
        )
    drawn = draw(current, wanted)
    named = serials or _named_serials(tx, reservation_id, wanted)
    lines = _fulfil_lines(tx, current, drawn, to_location, named)
    draws = tuple((_key(current, part), part_quantity) for part, part_quantity in drawn)
    posting = Posting(op_id, kind, lines, doc=current.for_)
    answer = post_work(tx, Work(actor, posting, print_, reservation_id, draws))
    _shrink(tx, current, drawn, "fulfilled")
    return answer


def closed(current: Reserved) -> AppError:
    """The refusal to do anything with a reservation that ended."""
    state = STATE_WORDS.get(current.state, current.state)
    return AppError(refusals.RESERVATION_CLOSED, reservation=current.reservation_id, state=state)


def draw(current: Reserved, wanted: Micro) -> list[tuple[Part, Micro]]:
    """`wanted` taken from the parts in the order they were promised."""
    drawn, left = [], wanted
    for part in current.parts:
        if left > 0 and part.remaining > 0:
            quantity = min(left, part.remaining)
            drawn.append((part, quantity))
            left -= quantity
    return drawn


def _key(current: Reserved, part: Part) -> Key:
    return Key(current.item_id, part.lot_id, part.location_id, part.status, part.owner_id)


def _named_serials(tx: Tx, reservation_id: int, wanted: Micro) -> tuple[str, ...]:
    """All the serials a reservation holds, when all of them go."""
    held = tuple(tx.execute(_HELD_SERIALS, {"reservation": reservation_id}).scalars())
    return held if len(held) * ONE == wanted else ()


def _fulfil_lines(
    tx: Tx,
    current: Reserved,
    drawn: Sequence[tuple[Part, Micro]],
    to_location: int,
    named: tuple[str, ...],
) -> tuple[Line, ...]:
    at = serials_at(tx.conn, current.item_id, named).book.serials if named else {}
    lines = []
    for part, quantity in drawn:
        here = tuple(code for (_, code), where in at.items() if where.key == _key(current, part))
        lines.append(
            Line(
                current.item_id,
                quantity,
                part.location_id,
                to_location,
                lot_id=part.lot_id,
                owner_id=part.owner_id,
                serials=here,
            )
        )
    return tuple(lines)


def _shrink(
    tx: Tx, current: Reserved, drawn: Sequence[tuple[Part, Micro]], state_when_empty: str
) -> Micro:
    """Lower parts and reservation by what was drawn; the balances are the caller's."""
    gone = sum(quantity for _, quantity in drawn)
    tx.execute(_LEAVE_PART, [{"id_": part.id, "n": quantity} for part, quantity in drawn])
    left = current.remaining - gone
    ended = {"state": state_when_empty, "closed_at": tx.now} if left == 0 else {}
    statement = reservations.update().where(reservations.c.id == current.reservation_id)
    tx.execute(statement.values(remaining=left, **ended))
    if left == 0:
        tx.execute(_FREE_SERIALS, {"reservation": current.reservation_id})
    return gone


def give_up(
    tx: Tx,
    actor: Actor,
    current: Reserved,
    drawn: Sequence[tuple[Part, Micro]],
    *,
    verb: str,
    reason: str,
) -> Micro:
    """Free these parts again: balances, parts, reservation, event `stock.reservation_<verb>`."""
    rows = [{"id_": part.balance_id, "n": quantity} for part, quantity in drawn]
    rows.sort(key=lambda row: row["id_"])
    if rows and tx.execute(_FREE, rows).rowcount != len(rows):
        raise LedgerBrokenError("a balance holds less than its reservations say")
    gone = _shrink(tx, current, drawn, verb)
    payload = {
        "reservation": current.reservation_id,
        "item": current.item_id,
        "quantity_micro": gone,
        "parts": [(part.balance_id, quantity) for part, quantity in drawn],
        "for": current.for_,
        "reason": reason,
    }
    subject = f"reservation:{current.reservation_id}"
    events.append(tx, f"stock.reservation_{verb}", subject, actor.label, payload)
    return gone


def release(tx: Tx, actor: Actor, reservation_id: int, reason: str = "") -> Reserved:
    """Give back what remains. Releasing a released one again changes nothing.

    Raises:
        AppError: not_found, or reservation_closed when it ended in another way.
    """
    current = reservation(tx.conn, reservation_id)
    if current.state == "released":
        return replace(current, replayed=True)
    if current.state != "open":
        raise closed(current)
    give_up(tx, actor, current, draw(current, current.remaining), verb="released", reason=reason)
    return reservation(tx.conn, reservation_id)


def release_by_hand(tx: Tx, actor: Actor, reservation_id: int, reason: str = "") -> Reserved:
    """`release` for a person: requires `stock.reserve`."""
    require(actor, "stock.reserve")
    return release(tx, actor, reservation_id, reason)


def expire(tx: Tx) -> int:
    """Free reservations whose time is over, at most `EXPIRE_BATCH`; how many went."""
    due = list(tx.execute(_DUE, {"now": tx.now}).scalars())
    for reservation_id in due:
        current = reservation(tx.conn, reservation_id)
        drawn = draw(current, current.remaining)
        give_up(tx, ENGINE, current, drawn, verb="expired", reason="")
    return len(due)


def next_expiry(conn: Connection) -> Instant | None:
    """When the next reservation expires, or None."""
    when: Instant | None = conn.execute(_NEXT_DUE).scalar()
    return when
