"""Applying a count: differences become moves, the rest becomes evidence or a named conflict.

Each line is a posting of its own: what the ledger refuses stays behind alone, as a conflict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core import catalog, events
from core.db import Tx
from core.errors import KEY_REUSED, AppError
from core.orders import count_rules, dock, rules
from core.orders.count_book import Count, CountLine, books_of, count, lines_of, place_name
from core.orders.count_tasks import keep_tasks
from core.orders.replay import run_once
from core.orders.sales.stage import STAGE
from core.orders.tables import count_lines
from core.orders.tables import counts as table
from core.people import Actor, Thing, may, record, require
from core.quantity import ONE
from core.stock import Line, MoveRow, Posting, post_many, serials_of

MOST_SERIALS = 5_000


@dataclass(frozen=True, slots=True)
class FinishCount:
    """`reason` is required when a place above the threshold is applied."""

    op_id: str
    count_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of the places; `conflicts` holds one sentence per place that was not applied."""

    count_id: str
    applied: int
    same: int
    conflicts: tuple[str, ...]
    waiting_approval: int
    done: bool


def finish(tx: Tx, actor: Actor, ask: FinishCount) -> Finished:
    """Apply what was counted; places above the threshold only if the actor may approve them.

    Raises:
        AppError: forbidden, wrong_state, count_unfinished, reason_needed, key_reused.
    """
    found = count(tx.conn, ask.count_id)
    require(actor, "count", _thing(found))
    return run_once(tx, "count.finish", ask, Finished, lambda: finish_now(tx, actor, ask))


def approve(tx: Tx, actor: Actor, ask: FinishCount) -> Finished:
    """`finish` by somebody who may approve, with the reason for the differences.

    Raises:
        AppError: forbidden, and whatever `finish` refuses.
    """
    found = count(tx.conn, ask.count_id)
    require(actor, "count.approve", _thing(found))
    rules.require_reason(ask.reason, "批准差异")
    return run_once(tx, "count.finish", ask, Finished, lambda: finish_now(tx, actor, ask))


def _thing(found: Count) -> Thing:
    return Thing("count", found.id, warehouse_id=found.warehouse_id)


def finish_now(tx: Tx, actor: Actor, ask: FinishCount) -> Finished:
    """`finish` for a verb that is itself done once and has asked for permission."""
    found = count(tx.conn, ask.count_id)
    count_rules.check_open(found.code, found.state, "再提交")
    lines = lines_of(tx.conn, found.id)
    left = sum(line.state in ("open", "recount", "conflict") for line in lines)
    ready = [line for line in lines if line.state == "counted"]
    above = [line for line in lines if line.state == "recounted"]
    if left and not ready and not above:
        raise AppError(count_rules.COUNT_UNFINISHED, code=found.code, left=left)
    if above and may(actor, "count.approve", _thing(found)):
        rules.require_reason(ask.reason, "批准差异")
        ready += above
    result = _apply(tx, actor, ask, found, ready)
    keep_tasks(tx, actor, found.id)
    return result


def _apply(
    tx: Tx, actor: Actor, ask: FinishCount, found: Count, ready: list[CountLine]
) -> Finished:
    whys = {line.line_no: _why_not(tx, line) for line in ready}
    refused = {line_no: why for line_no, why in whys.items() if why}
    moved = {
        line.line_no: moves
        for line in ready
        if line.line_no not in refused and (moves := tuple(_moves(tx, line)))
    }
    refused |= _post(tx, actor, ask, found, moved)
    conflicts: list[str] = []
    applied: list[CountLine] = []
    same: list[CountLine] = []
    for line in ready:
        if line.line_no in refused:
            why = refused[line.line_no]
            conflicts.append(f"{place_name(tx.conn, line)}：{why}。")
            _set_state(tx, line, "conflict", why)
        elif line.line_no in moved:
            applied.append(line)
            _set_state(tx, line, "applied", ask.reason.strip())
        else:
            same.append(line)
            _set_state(tx, line, "same", "")
    states = [line.state for line in lines_of(tx.conn, found.id)]
    done = all(state in ("applied", "same") for state in states)
    if done:
        tx.execute(table.update().where(table.c.id == found.id).values(state="done"))
    _say(tx, actor, ask, found, applied)
    waiting = states.count("recounted")
    return Finished(found.id, len(applied), len(same), tuple(conflicts), waiting, done)


def _post(
    tx: Tx, actor: Actor, ask: FinishCount, found: Count, moved: dict[int, tuple[Line, ...]]
) -> dict[int, str]:
    """Post each line by itself; line number → why the ledger refused it, in words."""
    reason, doc = ask.reason.strip()[:400] or f"盘点 {found.code}", f"count:{found.id}"
    postings = [
        (actor, Posting(f"{ask.op_id}:count:{line_no}", "count", moves, doc=doc, reason=reason))
        for line_no, moves in moved.items()
    ]
    refused: dict[int, str] = {}
    booked: list[MoveRow] = []
    for line_no, answer in zip(moved, post_many(tx, postings), strict=True):
        if isinstance(answer, AppError):
            if answer.code == KEY_REUSED.code:
                raise answer
            refused[line_no] = count_rules.why_refused(answer.say("zh"))
        elif answer.replayed:
            raise AppError(KEY_REUSED, key=answer.op_id)
        else:
            booked += answer.moves
    dock.left(tx, actor, booked)
    dock.back(tx, actor, booked)
    return refused


def _set_state(tx: Tx, line: CountLine, state: str, reason: str) -> None:
    values = {"state": state, "reason": reason[:400]}
    tx.execute(count_lines.update().where(count_lines.c.id == line.id).values(**values))


def _why_not(tx: Tx, line: CountLine) -> str:
    assert line.expected is not None
    assert line.counted is not None
    now = books_of(tx.conn, line)
    place = catalog.location(tx.conn, line.location_id)
    lot_state = catalog.lot(tx.conn, line.lot_id).state if line.lot_id else "ok"
    why = count_rules.why_not_applied(
        expected=line.expected,
        now=now.on_hand,
        counted=line.counted,
        reserved=now.reserved,
        lot_state=lot_state,
        status=line.status,
        closed=not place.active,
    )
    if not why and place.kind == STAGE and any(_moves(tx, line)):
        return count_rules.STAGED
    if why or not line.serials:
        return why
    for code in sorted(set(line.serials) - _serials_here(tx, line)):
        for at in serials_of(tx.conn, line.item_id, code=code, limit=1):
            where = catalog.location(tx.conn, at.location_id)
            if where.kind != "count":  # from there alone goods come back by counting
                return count_rules.why_serial_stays(code, where.code, where.kind, at.status)
    return ""


def _serials_here(tx: Tx, line: CountLine) -> set[str]:
    rows = serials_of(tx.conn, line.item_id, line.location_id, limit=MOST_SERIALS)
    return {
        row.code
        for row in rows
        if (row.lot_id, row.status, row.owner_id) == (line.lot_id, line.status, 0)
    }


def _moves(tx: Tx, line: CountLine) -> Iterable[Line]:
    """Lost goods go to the count difference, found ones come from it."""
    if not line.item_id:  # nothing was there
        return
    difference = catalog.location_by_code(tx.conn, "COUNT").id
    if catalog.item(tx.conn, line.item_id).tracking == "serial":
        here, seen = _serials_here(tx, line), set(line.serials)
        lost, found = tuple(sorted(here - seen)), tuple(sorted(seen - here))
        if lost:
            yield _move(line, len(lost) * ONE, (line.location_id, difference), lost)
        if found:
            yield _move(line, len(found) * ONE, (difference, line.location_id), found)
    elif line.variance < 0:
        yield _move(line, -line.variance, (line.location_id, difference))
    elif line.variance > 0:
        yield _move(line, line.variance, (difference, line.location_id))


def _move(
    line: CountLine, quantity: int, way: tuple[int, int], serials: tuple[str, ...] = ()
) -> Line:
    return Line(
        line.item_id,
        quantity,
        *way,
        lot_id=line.lot_id,
        from_status=line.status,
        to_status=line.status,
        serials=serials,
    )


def _say(tx: Tx, actor: Actor, ask: FinishCount, found: Count, applied: list[CountLine]) -> None:
    payload = {
        "code": found.code,
        "warehouse_id": found.warehouse_id,
        "reason": ask.reason,
        "lines": [
            {
                "location_id": line.location_id,
                "item_id": line.item_id,
                "lot_id": line.lot_id,
                "variance_micro": line.variance,
            }
            for line in applied
        ],
    }
    events.append(tx, "count.applied", f"count:{found.id}", actor.label, payload)
    if ask.reason and applied:
        after = {"places": len(applied)}
        record(tx, actor, "count.approve", f"count:{found.id}", after=after, why=ask.reason)
