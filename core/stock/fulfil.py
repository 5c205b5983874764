"""How a reservation ends: fulfil (also in parts), release, expire, or broken by a hold.

`fulfil` and `release` do NOT ask for a permission (the verb above did); `fulfil_by_hand` and
`release_by_hand` require `stock.reserve` and leave alone what one of our papers reserved.
Making reservations is `reserve.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from core import events
from core.chain import fingerprint
from core.clock import Instant
from core.db import Tx
from core.errors import AppError
from core.people import ENGINE, Actor, require
from core.quantity import ONE, Micro, check_positive, show
from core.stock import papers, refusals
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
    going = _Going(op_id, reservation_id, None, to_location, quantity, serials, kind)
    return _fulfil(tx, actor, going)


def fulfil_by_hand(
    tx: Tx,
    actor: Actor,
    reservation_id: int,
    op_id: str,
    to_location: int,
    *,
    quantity: Micro | None = None,
    serials: tuple[str, ...] = (),
) -> Posted:
    """`fulfil` for a person: requires `stock.reserve`.

    Raises:
        AppError: forbidden, belongs_to_paper (while it is open), stage_by_hand, transit_by_hand,
            or as `fulfil`.
    """
    require(actor, "stock.reserve")
    going = _Going(op_id, reservation_id, None, to_location, quantity, serials, "issue", True)
    return _fulfil(tx, actor, going)


def fulfil_part(
    tx: Tx,
    actor: Actor,
    part: PartOf,
    op_id: str,
    to_location: int,
    *,
    serials: tuple[str, ...] = (),
    kind: str = "pick",
) -> Posted:
    """Move what one balance promised: a picker stands before one bin.

    Raises:
        AppError: as `fulfil`.
    """
    going = _Going(
        op_id, part.reservation_id, part.part_id, to_location, part.quantity, serials, kind
    )
    return _fulfil(tx, actor, going)


@dataclass(frozen=True, slots=True)
class PartOf:
    """Some of what one balance gives to a reservation (micro)."""

    reservation_id: int
    part_id: int
    quantity: Micro


@dataclass(frozen=True, slots=True)
class _Going:
    """What goes where."""

    op_id: str
    reservation_id: int
    part_id: int | None
    to_location: int
    quantity: Micro | None
    serials: tuple[str, ...]
    kind: str
    by_hand: bool = False

    @property
    def fingerprint(self) -> str:
        content = [self.reservation_id, self.to_location, self.quantity, list(self.serials)]
        part = [] if self.part_id is None else [self.part_id]
        return fingerprint(["fulfil", *content, self.kind, *part])


def _fulfil(tx: Tx, actor: Actor, going: _Going) -> Posted:
    print_ = going.fingerprint
    again = answer_again(tx, going.op_id, print_)
    if again is not None:
        return again
    current = reservation(tx.conn, going.reservation_id)
    if current.state != "open":
        raise closed(current)
    if going.by_hand:
        papers.check_free(current.for_)
    parts = [each for each in current.parts if going.part_id in (None, each.id)]
    remaining = sum(each.remaining for each in parts)
    wanted = remaining if going.quantity is None else check_positive(going.quantity)
    if wanted > remaining or not wanted:
        raise AppError(
            refusals.RESERVATION_SHORT,
            reservation=going.reservation_id,
            remaining=show(remaining),
            asked=show(wanted),
        )
    drawn = draw(parts, wanted)
    named = going.serials or _named_serials(tx, going.reservation_id, wanted)
    lines = _fulfil_lines(tx, current, drawn, going.to_location, named)
    draws = tuple((_key(current, part), part_quantity) for part, part_quantity in drawn)
    posting = Posting(going.op_id, going.kind, lines, doc=current.for_)
    work = Work(actor, posting, print_, going.reservation_id, draws, by_hand=going.by_hand)
    answer = post_work(tx, work)
    _shrink(tx, current, drawn, "fulfilled")
    return answer


def closed(current: Reserved) -> AppError:
    """The refusal to do anything with a reservation that ended."""
    state = STATE_WORDS.get(current.state, current.state)
    return AppError(refusals.RESERVATION_CLOSED, reservation=current.reservation_id, state=state)


def draw(parts: Sequence[Part], wanted: Micro) -> list[tuple[Part, Micro]]:
    """`wanted` taken from the parts in the order they were promised."""
    drawn, left = [], wanted
    for part in parts:
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
    give_up(
        tx, actor, current, draw(current.parts, current.remaining), verb="released", reason=reason
    )
    return reservation(tx.conn, reservation_id)


def release_part(tx: Tx, actor: Actor, part: PartOf, reason: str) -> Micro:
    """Give back some of what one balance promised; how much (never more than remains)."""
    current = reservation(tx.conn, part.reservation_id)
    if current.state != "open":
        return 0
    drawn = draw([each for each in current.parts if each.id == part.part_id], part.quantity)
    if not drawn:
        return 0
    return give_up(tx, actor, current, drawn, verb="released", reason=reason)


def release_by_hand(tx: Tx, actor: Actor, reservation_id: int, reason: str = "") -> Reserved:
    """`release` for a person: requires `stock.reserve`.

    Raises:
        AppError: forbidden, belongs_to_paper (while it is open), or as `release`.
    """
    require(actor, "stock.reserve")
    current = reservation(tx.conn, reservation_id)
    if current.state == "open":
        papers.check_free(current.for_)
    return release(tx, actor, reservation_id, reason)


def expire(tx: Tx) -> int:
    """Free reservations whose time is over, at most `EXPIRE_BATCH`; how many went."""
    due = list(tx.execute(_DUE, {"now": tx.now}).scalars())
    for reservation_id in due:
        current = reservation(tx.conn, reservation_id)
        drawn = draw(current.parts, current.remaining)
        give_up(tx, ENGINE, current, drawn, verb="expired", reason="")
    return len(due)


def next_expiry(conn: Connection) -> Instant | None:
    """When the next reservation expires, or None."""
    when: Instant | None = conn.execute(_NEXT_DUE).scalar()
    return when
