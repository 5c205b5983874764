"""The first half of the proof: every posting, move and serial is what its sealed event says.

Walks the log page by page; the rows of a page are found by the numbers that its events name, so it
holds whatever order the rows were numbered in. Where the log was archived it begins with the files,
or, without them, with what the moves themselves say. Knows nothing of balances; see prove.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Select,
    String,
    bindparam,
    cast,
    exists,
    func,
    select,
)

from core import events
from core.anchor import anchored, anchors, anchors_of
from core.archive import EVENTS, archived_rows
from core.events import Event
from core.quantity import Micro
from core.stock.rules import Key, key_text
from core.stock.tables import move_serials, moves, postings, serials

PAGE = 500

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Told:
    """What the log says the books must be."""

    stands: dict[Key, Micro] = field(default_factory=dict)
    places: dict[tuple[int, str], Key] = field(default_factory=dict)
    postings: int = 0
    moves: int = 0
    virtual: frozenset[int] = frozenset()
    taken: bool = False  # what was archived was taken from the moves, not compared with events


_EVENTS = (
    select(events.events)
    .where(events.events.c.kind == "stock.posted", events.events.c.seq > bindparam("after"))
    .order_by(events.events.c.seq)
    .limit(PAGE)
)
_MANY: BindParameter[Any] = bindparam("many", expanding=True)
_POSTINGS = select(postings).where(postings.c.id.in_(_MANY))
_MOVES = select(moves).where(moves.c.posting_id.in_(_MANY)).order_by(moves.c.line_no)
_SERIALS = (
    select(moves.c.posting_id, moves.c.line_no, serials.c.code)
    .join(move_serials, move_serials.c.move_id == moves.c.id)
    .outerjoin(serials, serials.c.id == move_serials.c.serial_id)
    .where(moves.c.posting_id.in_(_MANY))
)
_SUBJECTS = [  # the second in a log from before 2026-11-25
    "posting:" + cast(postings.c.id, String),
    "posting:" + postings.c.op_id,
]
_EXTRA_POSTING = (
    select(postings.c.id, postings.c.op_id)
    .where(~exists().where(events.events.c.subject.in_(_SUBJECTS)))
    .order_by(postings.c.id)
    .limit(1)
)
_EXTRA_MOVE = (
    select(moves.c.id, moves.c.posting_id)
    .where(~exists().where(postings.c.id == moves.c.posting_id))
    .order_by(moves.c.id)
    .limit(1)
)
_LIVE = exists().where(
    events.events.c.seq
    > select(func.coalesce(func.max(anchors.c.last_no), 0))
    .where(anchors.c.log == events.events.name)
    .scalar_subquery(),
    events.events.c.subject.in_(_SUBJECTS),
)


def _archived(location: Any, status: Any, owner: Any) -> Select[Any]:
    key = (moves.c.item_id, moves.c.lot_id, location, status, owner)
    joined = moves.join(postings, postings.c.id == moves.c.posting_id)
    query = select(*key, func.sum(moves.c.quantity)).select_from(joined)
    return query.where(~_LIVE).group_by(*key)


_ARCHIVED_FROM = _archived(moves.c.from_location, moves.c.from_status, moves.c.owner_id)
_ARCHIVED_TO = _archived(moves.c.to_location, moves.c.to_status, moves.c.to_owner_id)


@dataclass(slots=True)
class _Page:
    """The rows behind one page of events."""

    postings: dict[int, Any]
    moves: dict[int, list[Any]]
    codes: dict[tuple[int, int], list[str]]


def check_log(
    conn: Connection, told: Told, pages: Iterable[Sequence[Any]], last: int, say: Progress
) -> Iterator[str]:
    """Compare log and rows; gather into `told` what the log says the books must be.

    The expected books are gathered from the whole log before the first difference is told, so a
    changed move does not make an honest balance look wrong.
    """
    problem = ""
    for found in pages:
        page = _page_of(conn, [event.payload["posting"] for event in found])
        for event in found:
            told.postings += 1
            problem = problem or _compare_posting(
                event, page.postings.get(event.payload["posting"])
            )
            problem = _check_lines(event, page, told, problem)
            problem = problem or _below_zero(told, event)
        say(found[-1].seq, last)
    say(last, last)
    problem = (_too_many(conn, told) if told.taken else "") or problem or _extra(conn, told)
    if problem:
        yield problem


def live_postings(conn: Connection) -> Iterator[Sequence[Any]]:
    """The events of postings in the table, page by page."""
    after, _ = anchored(conn, events.events.name)
    while found := conn.execute(_EVENTS, {"after": after}).all():
        yield found
        after = found[-1].seq


def archived_postings(conn: Connection, folder: Path) -> Iterator[Sequence[Event]]:
    """The events of postings in the archive's files, each checked before it is read."""
    for rows in archived_rows(conn, folder, EVENTS):
        found = [Event(**row) for row in rows if row["kind"] == "stock.posted"]
        yield from (found[at : at + PAGE] for at in range(0, len(found), PAGE))


def take_archived(conn: Connection, told: Told) -> None:
    """Without the files: begin with what the moves say that no live event tells of."""
    pieces = anchors_of(conn, events.events.name)
    told.taken = bool(pieces)
    told.postings = sum(each.postings for each in pieces)
    told.moves = sum(each.moves for each in pieces)
    for query, sign in ((_ARCHIVED_FROM, -1), (_ARCHIVED_TO, 1)):
        for *key, total in conn.execute(query) if pieces else ():
            stands = told.stands.get(Key(*key), 0)
            told.stands[Key(*key)] = stands + sign * int(total)


def _page_of(conn: Connection, numbers: list[int]) -> _Page:
    page = _Page({}, defaultdict(list), defaultdict(list))
    wanted = {"many": numbers}
    page.postings = {row.id: row for row in conn.execute(_POSTINGS, wanted)}
    for row in conn.execute(_MOVES, wanted):
        page.moves[row.posting_id].append(row)
    for posting_id, line_no, code in conn.execute(_SERIALS, wanted):
        page.codes[posting_id, line_no].append(code or "?")
    return page


def _check_lines(event: Any, page: _Page, told: Told, problem: str) -> str:
    """The first difference between an event's lines and the moves of its posting."""
    number = event.payload["posting"]
    rows = {row.line_no: row for row in page.moves.get(number, ())}
    for want, codes in _expected_moves(event):
        told.moves += 1
        _gather(told, want, codes)
        row = rows.pop(want["line_no"], None)
        problem = problem or _compare_move(want, row)
        if codes and not problem and sorted(page.codes[number, want["line_no"]]) != codes:
            problem = f"the serials of move {want['id']} differ from its event"
    for row in rows.values():
        problem = problem or f"move {row.id} (posting {row.posting_id}) is in no event"
    return problem


def _extra(conn: Connection, told: Told) -> str:
    """Rows that no event tells of."""
    if told.taken:
        return ""
    if _count(conn, postings) != told.postings:
        row = conn.execute(_EXTRA_POSTING).first()
        if row is not None:
            return f"posting {row.id} ({row.op_id}) is in no event"
    if _count(conn, moves) != told.moves:
        row = conn.execute(_EXTRA_MOVE).first()
        if row is not None:
            return f"move {row.id} (posting {row.posting_id}) is in no event"
    return ""


def _too_many(conn: Connection, told: Told) -> str:
    """Which row it is only the archive can tell."""
    for table, tells in ((postings, told.postings), (moves, told.moves)):
        stand = _count(conn, table)
        if stand != tells:
            return f"{stand} rows of {table.name}, the log and its archive tell of {tells}"
    return ""


def _count(conn: Connection, table: Any) -> int:
    return conn.execute(select(func.count()).select_from(table)).scalar() or 0


def _expected_moves(event: Any) -> Iterator[tuple[dict[str, Any], list[str]]]:
    payload = event.payload
    numbers = payload.get("moves")
    if numbers is None:  # a log from before 2026-11-25
        numbers = range(payload["first_move"], payload["first_move"] + len(payload["lines"]))
    for line_no, line in enumerate(payload["lines"], 1):
        want = {
            "id": numbers[line_no - 1],
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
    if row is None:
        return f"posting {number} ({op_id}) is missing; event {event.seq} tells of it"
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
    if row is None:
        return f"{name} is missing"
    return _difference(name, want, row, None)


def _difference(name: str, want: dict[str, Any], row: Any, seq: int | None) -> str:
    for column, value in want.items():
        found = getattr(row, column)
        if found != value:
            where = "its event" if seq is None else f"event {seq}"
            return f"{name} was changed: {column} is {found}, {where} says {value}"
    return ""


def _gather(told: Told, want: dict[str, Any], codes: list[str]) -> None:
    item, lot, quantity = want["item_id"], want["lot_id"], want["quantity"]
    source = Key(item, lot, want["from_location"], want["from_status"], want["owner_id"])
    target = Key(item, lot, want["to_location"], want["to_status"], want["to_owner_id"])
    told.stands[source] = told.stands.get(source, 0) - quantity
    told.stands[target] = told.stands.get(target, 0) + quantity
    for code in codes:
        told.places[item, code] = target


def _below_zero(told: Told, event: Any) -> str:
    """Guarded places may pass zero only with a written reason."""
    if event.payload["reason"]:
        return ""
    for item, lot, place, _, status, _, owner, *_ in event.payload["lines"]:
        key = Key(item, lot, place, status, owner)
        if place not in told.virtual and told.stands.get(key, 0) < 0:
            op_id = event.payload["op_id"]
            return f"posting {op_id} drove balance {key_text(key)} below zero without a reason"
    return ""
