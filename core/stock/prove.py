"""The proof: the books follow from the sealed log, row by row, on any database.

1. The event log's chain is unbroken. 2. Every posting, move and serial is exactly what its event
says, and none is missing or extra. 3. Balances and serial places are the sums of the log.
4. Σ per item over all places = 0. 5. `reserved` = Σ open parts ≤ on hand. 6. Nothing went below
zero without a reason. Each part names the first row that is wrong. Only reads; changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from core import events
from core.catalog import tables as catalog
from core.chain import GENESIS
from core.quantity import Micro, show
from core.stock.rules import VIRTUAL, Key, key_text
from core.stock.tables import (
    balances,
    move_serials,
    moves,
    postings,
    reservation_parts,
    reservations,
    serials,
)

PAGE = 1_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Proof:
    """What was checked and the first wrong row of each part; no problems = the books are right."""

    problems: tuple[str, ...]
    postings: int
    moves: int
    balances: int
    events: int
    head_hash: str

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass(slots=True)
class _Told:
    """What the log says the books must be."""

    stands: dict[Key, Micro] = field(default_factory=dict)
    places: dict[tuple[int, str], Key] = field(default_factory=dict)
    postings: int = 0
    moves: int = 0
    virtual: frozenset[int] = frozenset()


def prove(conn: Connection, progress: Progress | None = None) -> Proof:
    """Check everything; `progress(events done, events in all)` is called now and then."""
    say = progress or (lambda _done, _all: None)
    places = select(catalog.locations.c.id).where(catalog.locations.c.kind.in_(VIRTUAL))
    told = _Told(virtual=frozenset(conn.execute(places.limit(100_000)).scalars()))
    head = conn.execute(
        select(events.events.c.seq, events.events.c.hash)
        .order_by(events.events.c.seq.desc())
        .limit(1)
    ).first()
    last, head_hash = (head.seq, head.hash) if head else (0, GENESIS)
    problems = list(events.verify(conn))
    parts: tuple[Iterator[str], ...] = (
        _check_log(conn, told, last, say),
        _check_balances(conn, told),
        _check_serials(conn, told),
        _check_conservation(conn),
        _check_reserved(conn),
        _check_reservations(conn),
    )
    for part in parts:
        problems += [sentence for _, sentence in zip(range(1), part, strict=False)]
    counted = conn.execute(select(func.count()).select_from(balances)).scalar() or 0
    return Proof(tuple(problems), told.postings, told.moves, counted, last, head_hash)


# -- 2. the log against postings and moves -------------------------------------------------------
_EVENTS = (
    select(events.events)
    .where(events.events.c.kind == "stock.posted", events.events.c.seq > bindparam("after"))
    .order_by(events.events.c.seq)
    .limit(PAGE)
)
_POSTINGS = (
    select(postings).where(postings.c.id > bindparam("after")).order_by(postings.c.id).limit(PAGE)
)
_MOVES = select(moves).where(moves.c.id > bindparam("after")).order_by(moves.c.id).limit(PAGE)
_SERIALS = (
    select(move_serials.c.move_id, serials.c.code)
    .outerjoin(serials, serials.c.id == move_serials.c.serial_id)
    .where(move_serials.c.move_id > bindparam("after"))
    .order_by(move_serials.c.move_id, move_serials.c.serial_id)
)


def _check_log(conn: Connection, told: _Told, last: int, say: Progress) -> Iterator[str]:
    """Walk log, postings, moves and serials side by side, each in its own order.

    The expected books are gathered from the whole log before the first difference is told, so a
    changed move does not make an honest balance look wrong.
    """
    rows, lines = _walk(conn, _POSTINGS, "id"), _walk(conn, _MOVES, "id")
    named = groupby(_walk_serials(conn), key=lambda row: row.move_id)
    codes = ((move_id, sorted(row.code or "?" for row in group)) for move_id, group in named)
    problem = ""
    for event in _walk(conn, _EVENTS, "seq"):
        told.postings += 1
        problem = problem or _compare_posting(event, next(rows, None))
        for want, serial_codes in _expected_moves(event):
            told.moves += 1
            _gather(told, want, serial_codes)
            problem = problem or _compare_move(want, next(lines, None))
            if serial_codes:
                problem = problem or _compare_codes(want["id"], serial_codes, next(codes, None))
        problem = problem or _below_zero(told, event)
        if told.postings % PAGE == 0:
            say(event.seq, last)
    say(last, last)
    if problem:
        yield problem
    extra = next(rows, None)
    if extra is not None:
        yield f"posting {extra.id} ({extra.op_id}) is in no event"
    line = next(lines, None)
    if line is not None:
        yield f"move {line.id} (posting {line.posting_id}) is in no event"


def _walk(conn: Connection, query: Any, key: str) -> Iterator[Any]:
    after = 0
    while page := list(conn.execute(query, {"after": after})):
        yield from page
        after = getattr(page[-1], key)


def _walk_serials(conn: Connection) -> Iterator[Any]:
    """Page by whole moves: a move's serials are never cut in two."""
    after = 0
    while True:
        page = list(conn.execute(_SERIALS.limit(20 * PAGE), {"after": after}))
        if not page:
            return
        final = page[-1].move_id
        if len(page) == 20 * PAGE and page[0].move_id != final:
            page = [row for row in page if row.move_id != final]
        yield from page
        after = page[-1].move_id


def _expected_moves(event: Any) -> Iterator[tuple[dict[str, Any], list[str]]]:
    payload = event.payload
    for line_no, line in enumerate(payload["lines"], 1):
        want = {
            "id": payload["first_move"] + line_no - 1,
            "posting_id": payload["posting"],
            "line_no": line_no,
            "item_id": line[0],
            "lot_id": line[1],
            "from_location": line[2],
            "to_location": line[3],
            "from_status": line[4],
            "to_status": line[5],
            "owner_id": line[6],
            "to_owner_id": line[7],
            "quantity": line[8],
            "happened_at": event.happened_at,
            "recorded_at": event.recorded_at,
        }
        yield want, sorted(line[9])


def _compare_posting(event: Any, row: Any) -> str:
    payload = event.payload
    number, op_id = payload["posting"], payload["op_id"]
    if row is None or row.id > number:
        return f"posting {number} ({op_id}) is missing; event {event.seq} tells of it"
    if row.id < number:
        return f"posting {row.id} ({row.op_id}) is in no event"
    want = {
        "op_id": op_id,
        "fingerprint": payload["print"],
        "kind": payload["kind"],
        "doc": payload["doc"],
        "reason": payload["reason"],
        "reverses": payload["reverses"] or None,
        "actor": event.actor,
        "happened_at": event.happened_at,
        "recorded_at": event.recorded_at,
    }
    return _difference(f"posting {number} ({op_id})", want, row, event.seq)


def _compare_move(want: dict[str, Any], row: Any) -> str:
    name = f"move {want['id']} (posting {want['posting_id']} line {want['line_no']})"
    if row is None or row.id > want["id"]:
        return f"{name} is missing"
    if row.id < want["id"]:
        return f"move {row.id} (posting {row.posting_id}) is in no event"
    return _difference(name, want, row, None)


def _difference(name: str, want: dict[str, Any], row: Any, seq: int | None) -> str:
    for column, value in want.items():
        found = getattr(row, column)
        if found != value:
            where = "its event" if seq is None else f"event {seq}"
            return f"{name} was changed: {column} is {found}, {where} says {value}"
    return ""


def _compare_codes(move_id: int, want: list[str], found: tuple[int, list[str]] | None) -> str:
    if found is None or found[0] != move_id or found[1] != want:
        return f"the serials of move {move_id} differ from its event"
    return ""


def _gather(told: _Told, want: dict[str, Any], codes: list[str]) -> None:
    item, lot, quantity = want["item_id"], want["lot_id"], want["quantity"]
    source = Key(item, lot, want["from_location"], want["from_status"], want["owner_id"])
    target = Key(item, lot, want["to_location"], want["to_status"], want["to_owner_id"])
    told.stands[source] = told.stands.get(source, 0) - quantity
    told.stands[target] = told.stands.get(target, 0) + quantity
    for code in codes:
        told.places[item, code] = target


def _below_zero(told: _Told, event: Any) -> str:
    """Guarded places may pass zero only with a written reason."""
    if event.payload["reason"]:
        return ""
    for item, lot, place, _, status, _, owner, *_ in event.payload["lines"]:
        key = Key(item, lot, place, status, owner)
        if place not in told.virtual and told.stands.get(key, 0) < 0:
            op_id = event.payload["op_id"]
            return f"posting {op_id} drove balance {key_text(key)} below zero without a reason"
    return ""


# -- 3. to 6. caches against the log -------------------------------------------------------------
def _check_balances(conn: Connection, told: _Told) -> Iterator[str]:
    query = (
        select(balances)
        .where(balances.c.id > bindparam("after"))
        .order_by(balances.c.id)
        .limit(PAGE)
    )
    left = dict(told.stands)
    for row in _walk(conn, query, "id"):
        key = Key(row.item_id, row.lot_id, row.location_id, row.status, row.owner_id)
        want = left.pop(key, 0)
        if row.key != key_text(key):
            yield f"balance {row.id} carries the key {row.key}, its columns say {key_text(key)}"
        if row.on_hand != want:
            yield (
                f"balance {row.id} ({row.key}) is {show(row.on_hand)}, "
                f"its moves add up to {show(want)}"
            )
    for key, want in left.items():
        if want:
            yield f"balance {key_text(key)} is missing; its moves add up to {show(want)}"


def _check_serials(conn: Connection, told: _Told) -> Iterator[str]:
    query = (
        select(serials).where(serials.c.id > bindparam("after")).order_by(serials.c.id).limit(PAGE)
    )
    left = dict(told.places)
    for row in _walk(conn, query, "id"):
        key = Key(row.item_id, row.lot_id, row.location_id, row.status, row.owner_id)
        want = left.pop((row.item_id, row.code), None)
        if want != key:
            says = "nothing of it" if want is None else key_text(want)
            yield f"serial {row.code} stands at {key_text(key)}, its moves say {says}"
    for item_id, code in left:
        yield f"serial {code} of item {item_id} is missing"


def _check_conservation(conn: Connection) -> Iterator[str]:
    total = func.sum(balances.c.on_hand)
    query = (
        select(balances.c.item_id, total)
        .group_by(balances.c.item_id)
        .having(total != 0)
        .order_by(balances.c.item_id)
        .limit(1)
    )
    for item_id, off in conn.execute(query):
        yield f"item {item_id} does not add up to zero over all places: {show(int(off))}"


def _check_reserved(conn: Connection) -> Iterator[str]:
    promised = (
        select(
            reservation_parts.c.balance_id, func.sum(reservation_parts.c.remaining).label("parts")
        )
        .join(reservations, reservations.c.id == reservation_parts.c.reservation_id)
        .where(reservations.c.state == "open")
        .group_by(reservation_parts.c.balance_id)
        .subquery()
    )
    parts = func.coalesce(promised.c.parts, 0)
    on_hand = balances.c.on_hand
    query = (
        select(balances.c.id, balances.c.key, balances.c.reserved, parts, on_hand)
        .outerjoin(promised, promised.c.balance_id == balances.c.id)
        .where(
            (balances.c.reserved != parts)
            | ((balances.c.reserved > 0) & (balances.c.reserved > on_hand))
        )
        .order_by(balances.c.id)
        .limit(1)
    )
    for row in conn.execute(query):
        name = f"balance {row[0]} ({row[1]})"
        if row[2] != row[3]:
            yield f"{name} has {show(row[2])} reserved, its open reservations say {show(row[3])}"
        else:
            yield f"{name} has {show(row[2])} reserved but only {show(row[4])} on hand"


def _check_reservations(conn: Connection) -> Iterator[str]:
    left = func.coalesce(func.sum(reservation_parts.c.remaining), 0)
    query = (
        select(reservations.c.id, reservations.c.remaining, left)
        .outerjoin(reservation_parts, reservation_parts.c.reservation_id == reservations.c.id)
        .group_by(reservations.c.id, reservations.c.remaining)
        .having(reservations.c.remaining != left)
        .order_by(reservations.c.id)
        .limit(1)
    )
    for number, remaining, parts in conn.execute(query):
        yield f"reservation {number} has {show(remaining)} left, its parts say {show(int(parts))}"
