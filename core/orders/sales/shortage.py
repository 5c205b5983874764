"""The buyer's answers about a line that is not wholly promised: cut it, replace it, or wait."""

from __future__ import annotations

from dataclasses import dataclass

from core import catalog
from core.db import Tx
from core.errors import AppError
from core.orders import rules as papers
from core.orders.measure import short_amount
from core.orders.replay import run_once
from core.orders.sales import rules, shortage_task
from core.orders.sales.book import Sale, SaleLine, sale
from core.orders.sales.order import say
from core.orders.sales.promise import promise_line
from core.orders.sales.state import keep_state
from core.orders.sales.substitutes import substitutes_of
from core.orders.sales.tables import sale_lines
from core.people import Actor, Thing, require
from core.quantity import ONE, Factor, Micro


@dataclass(frozen=True, slots=True)
class CutLine:
    """What is missing of a line will not be sent."""

    op_id: str
    sale_id: str
    line_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Send `other_id` instead of what is missing of a line."""

    op_id: str
    sale_id: str
    line_id: str
    other_id: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of the line, in words; quantities in base units of the item meant."""

    sale_id: str
    quantity: Micro
    sentence: str


def cut_line(tx: Tx, actor: Actor, ask: CutLine) -> Answered:
    """Send less.

    Raises:
        AppError: forbidden, not_found, reason_needed, nothing_open, key_reused.
    """
    made = _allowed(tx, actor, ask.sale_id)
    return run_once(tx, "sale.cut", ask, Answered, lambda: _cut(tx, actor, ask, made))


def _cut(tx: Tx, actor: Actor, ask: CutLine, made: Sale) -> Answered:
    line = _missing(made, ask.line_id)
    reason = papers.require_reason(ask.reason, "少发")
    _lower(tx, line, line.missing, reason)
    words = f"{line.item_name} 少发 {_amount(tx, line.item_id, line.missing)}：{reason}"
    _after(tx, actor, made, line, {"cut_micro": line.missing, "reason": reason})
    return Answered(made.id, line.missing, words)


def replace(tx: Tx, actor: Actor, ask: Replace) -> Answered:
    """Send something else: a new line beside the old one, promised at once.

    Raises:
        AppError: forbidden, not_found, not_a_substitute, nothing_open, key_reused.
    """
    made = _allowed(tx, actor, ask.sale_id)
    return run_once(tx, "sale.replace", ask, Answered, lambda: _replace(tx, actor, ask, made))


def _replace(tx: Tx, actor: Actor, ask: Replace, made: Sale) -> Answered:
    line = _missing(made, ask.line_id)
    other = catalog.item(tx.conn, ask.other_id)
    known = {each.other_id: each for each in substitutes_of(tx.conn, line.item_id)}
    if other.id not in known:
        raise AppError(rules.NOT_A_SUBSTITUTE, item=line.item_name, other=other.name)
    ratio = Factor(known[other.id].numerator, known[other.id].denominator)
    wanted = rules.in_substitute(line.missing, ratio, 1 if line.missing % ONE else ONE)
    new_id = tx.new_id()
    row = {
        "id": new_id,
        "sale_id": made.id,
        "line_no": max(each.line_no for each in made.lines) + 1,
        "item_id": other.id,
        "quantity": wanted,
        "price_micro": line.price_micro * ratio.denominator // ratio.numerator,
        "missing": wanted,
        "instead_of": line.id,
    }
    tx.add(sale_lines, row)
    _lower(tx, line, line.missing, f"换成 {other.name}")
    fresh = sale(tx.conn, made.id)
    promise_line(tx, actor, fresh, fresh.line(new_id), f"{ask.op_id[:80]}:instead")
    fresh = sale(tx.conn, made.id)
    shortage_task.keep_task(tx, actor, fresh, fresh.line(new_id))
    words = (
        f"{line.item_name} {_amount(tx, line.item_id, line.missing)} "
        f"换成 {other.name} {_amount(tx, other.id, wanted)}"
    )
    _after(tx, actor, made, line, {"instead": [other.id, wanted]})
    return Answered(made.id, wanted, words)


def _allowed(tx: Tx, actor: Actor, sale_id: str) -> Sale:
    made = sale(tx.conn, sale_id)
    require(actor, "sale.write", Thing("sale", made.id, warehouse_id=made.warehouse_id))
    return made


def _missing(made: Sale, line_id: str) -> SaleLine:
    line = made.line(line_id)
    if not line.missing:
        raise AppError(papers.NOTHING_OPEN, what=f"{line.item_name} 的缺货")
    return line


def _lower(tx: Tx, line: SaleLine, quantity: Micro, reason: str) -> None:
    tx.execute(
        sale_lines.update()
        .where(sale_lines.c.id == line.id)
        .values(cut=sale_lines.c.cut + quantity, missing=0, cut_reason=reason[:400])
    )


def _after(tx: Tx, actor: Actor, made: Sale, line: SaleLine, also: dict[str, object]) -> None:
    after = sale(tx.conn, made.id)
    shortage_task.keep_task(tx, actor, after, after.line(line.id))
    say(tx, actor, "sale.changed", after, {"line": line.id, **also})
    keep_state(tx, actor, made.id)


def _amount(tx: Tx, item_id: int, quantity: Micro) -> str:
    return short_amount(tx.conn, catalog.item(tx.conn, item_id), quantity)
