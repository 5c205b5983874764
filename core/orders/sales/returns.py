"""What comes back from customers and goes back to suppliers, and what is scrapped: with a reason.

A customer's return names the line it was sold on and never exceeds what was shipped on it. Goods
that nobody judged yet wait as `inspect`, with a task.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core import catalog, events
from core.db import Tx
from core.errors import AppError
from core.orders import dock
from core.orders import rules as papers
from core.orders.lying import Goods
from core.orders.measure import dock_of, goods_named, short_amount
from core.orders.replay import post_new, run_once
from core.orders.sales import cards, return_tasks, rules, sent, stage
from core.orders.sales.book import Sale, sale
from core.orders.sales.tables import sale_lines
from core.people import ENGINE, Actor, Thing, require
from core.quantity import Micro, check_positive, plain, show
from core.stock import Line, Posting
from core.tasks import board, talk
from core.tasks.policies import policy_of

CONDITIONS = {"good": "完好", "bad": "有问题", "unknown": "待检查"}
AWAY = ("ok", "inspect", "hold", "rejected", "recalled")


@dataclass(frozen=True, slots=True)
class CustomerReturn:
    """`condition`: good, bad or unknown (somebody else looks). `to_location` 0: the dock."""

    op_id: str
    sale_id: str
    line_id: str
    quantity: Micro
    reason: str
    condition: str = "unknown"
    lot_id: int = 0
    serials: tuple[str, ...] = ()
    to_location: int = 0
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judge:
    """What a look at returned goods found."""

    op_id: str
    item_id: int
    lot_id: int
    location_id: int
    quantity: Micro
    good: bool
    reason: str = ""
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SupplierReturn:
    """Goods go back to who sent them, from wherever and in whatever status they lie."""

    op_id: str
    supplier_id: int
    item_id: int
    quantity: Micro
    from_location: int
    reason: str
    lot_id: int = 0
    status: str = "ok"
    serials: tuple[str, ...] = ()
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scrap:
    """Goods are thrown away, from wherever and in whatever status they lie."""

    op_id: str
    item_id: int
    quantity: Micro
    from_location: int
    reason: str
    lot_id: int = 0
    status: str = "ok"
    serials: tuple[str, ...] = ()
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Returned:
    """What moved (base units), in words too."""

    op_id: str
    posting_id: int
    quantity: Micro
    sentence: str


# -- from the customer ---------------------------------------------------------------------------
def customer_return(tx: Tx, actor: Actor, ask: CustomerReturn) -> Returned:
    """Take back what was shipped on a line.

    Raises:
        AppError: forbidden, not_found, return_too_much, unknown_choice, reason_needed,
            bad_quantity, serial_not_sent, stage_by_hand, not_a_stand, return_elsewhere, key_reused,
            or a refusal of the ledger.
    """
    made = sale(tx.conn, ask.sale_id)
    thing = Thing("sale", made.id, warehouse_id=made.warehouse_id)
    require(actor, "return", thing)
    if (
        ask.condition == "good"
        and catalog.item(tx.conn, made.line(ask.line_id).item_id).needs_inspection
    ):
        require(actor, "inspect", thing)
    return run_once(tx, "return.customer", ask, Returned, lambda: _back(tx, actor, ask, made))


def _back(tx: Tx, actor: Actor, ask: CustomerReturn, made: Sale) -> Returned:
    line = made.line(ask.line_id)
    reason = papers.require_reason(ask.reason, "退货")
    if ask.condition not in CONDITIONS:
        choices = "、".join(CONDITIONS.values())
        raise AppError(
            papers.UNKNOWN_CHOICE, given=ask.condition[:40], what="货况", choices=choices
        )
    quantity = check_positive(ask.quantity)
    lot_id = ask.lot_id or sent.only_lot(tx.conn, line)
    left = min(sent.out_of_lot(tx.conn, line, lot_id), line.shipped - line.returned)
    if quantity > left:
        raise AppError(
            rules.RETURN_TOO_MUCH,
            item=line.item_name,
            shipped=show(line.shipped),
            left=show(max(0, left)),
            asked=show(quantity),
        )
    sent.check_serials(tx.conn, made, line, ask.serials)
    place = ask.to_location or dock_of(tx.conn, made.warehouse_id)
    _check_place(made, catalog.location(tx.conn, place))
    lot_state = catalog.lot(tx.conn, lot_id).state if lot_id else "ok"
    status = {"good": papers.status_on_arrival(lot_state, needs_inspection=False), "bad": "hold"}
    move = Line(
        line.item_id,
        quantity,
        catalog.location_by_code(tx.conn, "CUSTOMER").id,
        place,
        lot_id=lot_id,
        to_status=status.get(ask.condition, "inspect"),
        serials=ask.serials,
    )
    doc = f"sale:{made.id}"
    posting = Posting(f"{ask.op_id}:back", "return", (move,), doc=doc, reason=reason)
    posted = post_new(tx, actor, posting)
    tx.execute(
        sale_lines.update()
        .where(sale_lines.c.id == line.id)
        .values(returned=sale_lines.c.returned + quantity)
    )
    payload = {
        "line": line.id,
        "item": line.item_id,
        "lot": lot_id,
        "quantity_micro": quantity,
        "condition": ask.condition,
        "reason": reason,
        "photos": list(ask.photos),
    }
    events.append(tx, "sale.returned", f"sale:{made.id}", actor.label, payload)
    if ask.condition == "unknown":
        task_id = _ask_to_look(tx, actor, made, move)
        for photo in ask.photos:
            talk.attach(tx, ENGINE, task_id, photo, note=reason[:200])
    item = catalog.item(tx.conn, line.item_id)
    words = f"{item.name} {short_amount(tx.conn, item, quantity)} 退回，{CONDITIONS[ask.condition]}"
    return Returned(ask.op_id, posted.posting_id, quantity, words)


def _check_place(made: Sale, place: catalog.Location) -> None:
    stage.entering(place)
    rules.check_stand(place.code, place.kind)
    if place.warehouse_id != made.warehouse_id:
        house = made.warehouse_name
        raise AppError(rules.RETURN_ELSEWHERE, place=place.code, warehouse=house, code=made.code)


def _ask_to_look(tx: Tx, actor: Actor, made: Sale, move: Line) -> str:
    """Have somebody judge what came back; the task's id."""
    context = {
        "item_id": move.item_id,
        "lot_id": move.lot_id,
        "location_id": move.to_location,
        "quantity": plain(move.quantity),
        "serials": list(move.serials),
    }
    goods = goods_named(tx.conn, move.item_id, move.quantity, made.warehouse_id, move.lot_id)
    key = f"{made.id}:{tx.new_id()}"
    new = cards.return_task(policy_of(tx.conn, "inspect"), goods, key=key, context=context)
    return board.open_task(tx, actor, replace(new, title=f"{new.title} · {made.code}")).id


def judge_return(tx: Tx, actor: Actor, ask: Judge) -> Returned:
    """Returned goods are good (ok) or not (hold); the tasks that asked for the look end.

    Raises:
        AppError: forbidden, reason_needed, return_not_waiting, key_reused, or a refusal of the
            ledger.
    """
    place = catalog.location(tx.conn, ask.location_id)
    require(actor, "inspect", Thing("location", place.code, warehouse_id=place.warehouse_id))

    def run() -> Returned:
        quantity = check_positive(ask.quantity)
        goods = Goods(place.warehouse_id or 0, ask.item_id, ask.lot_id)
        found = return_tasks.looks(tx.conn, goods, place.id)
        asked = sum(each.quantity for each in found)
        left = min(asked, return_tasks.waiting(tx.conn, goods))
        if quantity > left:
            item = catalog.item(tx.conn, ask.item_id).name
            facts = {"left": show(left), "asked": show(quantity)}
            raise AppError(rules.RETURN_NOT_WAITING, place=place.code, item=item, **facts)
        done = _judged(tx, actor, ask, goods)
        return_tasks.end(tx, actor, found, (quantity, ask.serials), done.sentence)
        return done

    return run_once(tx, "return.judge", ask, Returned, run)


def judge_task(tx: Tx, actor: Actor, ask: Judge) -> str:
    """`judge_return` by the task's own button, which ends the task: whatever still waits of it.

    Raises:
        AppError: as `judge_return`.
    """
    place = catalog.location(tx.conn, ask.location_id)
    require(actor, "inspect", Thing("location", place.code, warehouse_id=place.warehouse_id))
    goods = Goods(place.warehouse_id or 0, ask.item_id, ask.lot_id)
    left = min(ask.quantity, return_tasks.waiting(tx.conn, goods))
    found = return_tasks.parts(tx.conn, goods, place.id, left, ask.serials)
    there = sum(quantity for _, quantity, _ in found)
    item = catalog.item(tx.conn, ask.item_id)
    if not there:
        return f"{item.name} 已不在待检的货里，不用再看"
    serials = tuple(code for *_, named in found for code in named)
    said = _judged(tx, actor, replace(ask, quantity=there, serials=serials), goods).sentence
    gone = ask.quantity - there
    return f"{said}，另有 {short_amount(tx.conn, item, gone)} 已不在" if gone else said


def _judged(tx: Tx, actor: Actor, ask: Judge, goods: Goods) -> Returned:
    reason = ask.reason.strip() if ask.good else papers.require_reason(ask.reason, "退货冻结")
    found = return_tasks.parts(tx.conn, goods, ask.location_id, ask.quantity, ask.serials)
    lacks = ask.quantity - sum(quantity for _, quantity, _ in found)
    if lacks:  # for the ledger to refuse, with figures
        found.append((ask.location_id, lacks, ()))
    lines = tuple(
        Line(
            ask.item_id,
            quantity,
            place_id,
            place_id,
            lot_id=ask.lot_id,
            from_status="inspect",
            to_status="ok" if ask.good else "hold",
            serials=named,
        )
        for place_id, quantity, named in found
    )
    posting = Posting(f"{ask.op_id}:judge", "inspect", lines, reason=reason[:400])
    return _done(tx, actor, ask.op_id, posting, "完好，可上架" if ask.good else "已冻结")


# -- away ----------------------------------------------------------------------------------------
def supplier_return(tx: Tx, actor: Actor, ask: SupplierReturn) -> Returned:
    """Send goods back.

    Raises:
        AppError: forbidden, not_found, reason_needed, unknown_choice, bad_quantity, not_a_stand,
            stage_taken, stage_unclaimed, key_reused, or a refusal of the ledger.
    """
    place = catalog.location(tx.conn, ask.from_location)
    require(actor, "return", Thing("location", place.code, warehouse_id=place.warehouse_id))

    def run() -> Returned:
        supplier = catalog.partner(tx.conn, ask.supplier_id)
        reason = papers.require_reason(ask.reason, "退供应商")
        line = _away(tx, actor, ask, ("SUPPLIER", "ok"))
        doc = f"partner:{supplier.id}"
        posting = Posting(f"{ask.op_id}:away", "return", (line,), doc=doc, reason=reason)
        done = _done(tx, actor, ask.op_id, posting, f"退回 {supplier.name}")
        payload = {"item": ask.item_id, "quantity_micro": ask.quantity, "reason": reason}
        payload |= {"photos": list(ask.photos), "location": ask.from_location}
        events.append(tx, "stock.sent_back", f"partner:{supplier.id}", actor.label, payload)
        return done

    return run_once(tx, "return.supplier", ask, Returned, run)


def scrap(tx: Tx, actor: Actor, ask: Scrap) -> Returned:
    """Throw goods away.

    Raises:
        AppError: forbidden, reason_needed, unknown_choice, bad_quantity, not_a_stand, stage_taken,
            stage_unclaimed, key_reused, or a refusal of the ledger.
    """
    place = catalog.location(tx.conn, ask.from_location)
    require(actor, "issue", Thing("location", place.code, warehouse_id=place.warehouse_id))

    def run() -> Returned:
        reason = papers.require_reason(ask.reason, "报废")
        line = _away(tx, actor, ask, ("SCRAP", "rejected"))
        posting = Posting(f"{ask.op_id}:scrap", "scrap", (line,), reason=reason)
        done = _done(tx, actor, ask.op_id, posting, "报废")
        payload = {"item": ask.item_id, "quantity_micro": ask.quantity, "reason": reason}
        payload |= {"photos": list(ask.photos), "location": ask.from_location}
        events.append(tx, "stock.scrapped", f"item:{ask.item_id}", actor.label, payload)
        return done

    return run_once(tx, "scrap", ask, Returned, run)


def _away(tx: Tx, actor: Actor, ask: SupplierReturn | Scrap, to: tuple[str, str]) -> Line:
    """`to`: the code of where the goods go, and the status they have there."""
    if ask.status not in AWAY:
        raise AppError(
            papers.UNKNOWN_CHOICE, given=ask.status[:40], what="库存状态", choices="、".join(AWAY)
        )
    quantity, target = check_positive(ask.quantity), catalog.location_by_code(tx.conn, to[0]).id
    source = catalog.location(tx.conn, ask.from_location)
    rules.check_stand(source.code, source.kind, also=(stage.STAGE, "transit"))
    goods = stage.Leaving(ask.item_id, ask.lot_id, quantity, target, ask.serials)
    stage.leaving(tx, actor, source, goods)
    return Line(
        ask.item_id,
        quantity,
        ask.from_location,
        target,
        lot_id=ask.lot_id,
        from_status=ask.status,
        to_status=to[1],
        serials=ask.serials,
    )


def _done(tx: Tx, actor: Actor, op_id: str, posting: Posting, said: str) -> Returned:
    posted = post_new(tx, actor, posting)
    dock.left(tx, actor, posted.moves)
    quantity = sum(line.quantity for line in posting.lines)
    item = catalog.item(tx.conn, posting.lines[0].item_id)
    words = f"{item.name} {short_amount(tx.conn, item, quantity)} {said}"
    return Returned(op_id, posted.posting_id, quantity, words)
