"""Quick issue and quick return: stock leaves or comes back without a document.

An issue asks for what it says: more than is there is refused, never cut down (museum: GreaterWMS).
"""

from __future__ import annotations

from dataclasses import dataclass

from core import catalog
from core.catalog import Item
from core.db import Tx
from core.errors import AppError
from core.orders import dock, replay, rules
from core.orders.measure import base_quantity, short_amount
from core.orders.replay import post_new, run_once
from core.orders.sales import rules as goods_out
from core.orders.sales import stage
from core.people import Actor, Thing, require
from core.quantity import Micro
from core.stock import Line, Posted, Posting, Reserve, fulfil, reserve

WAYS_OUT = {"customer": "CUSTOMER", "production": "PRODUCTION", "scrap": "SCRAP"}
WAYS_BACK = {"customer": "CUSTOMER", "production": "PRODUCTION"}
WORDS = {"customer": "客户", "production": "生产", "scrap": "报废"}


@dataclass(frozen=True, slots=True)
class Issue:
    """`to`: customer, production or scrap (needs a reason). Without a lot: first expiring first."""

    op_id: str
    item_id: int
    quantity: Micro
    from_location: int
    to: str = "customer"
    lot_id: int = 0
    serials: tuple[str, ...] = ()
    pack_id: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReturnToStock:
    """From the customer or production back into a place: good lands in ok, bad in hold."""

    op_id: str
    item_id: int
    quantity: Micro
    to_location: int
    reason: str
    back_from: str = "customer"
    lot_id: int = 0
    serials: tuple[str, ...] = ()
    pack_id: int | None = None
    good: bool = True


@dataclass(frozen=True, slots=True)
class QuickDone:
    """What moved (base units), in words too."""

    op_id: str
    posting_id: int
    quantity: Micro
    sentence: str


def issue(tx: Tx, actor: Actor, ask: Issue) -> QuickDone:
    """Let goods leave a place at once.

    Raises:
        AppError: forbidden, unknown_choice, reason_needed (scrap), bad_quantity, not_whole,
            not_a_stand, stage_taken, stage_unclaimed, transit_by_hand, key_reused, or a refusal
            of the ledger (not_enough, lot_expired, lot_held …).
    """
    places = (ask.from_location, WAYS_OUT.get(ask.to, ""))
    replay.ask_ahead(tx, "issue", ask)
    catalog.ask_ahead(tx.conn, (ask.item_id,), places)
    place = catalog.location(tx.conn, ask.from_location)
    require(actor, "issue", Thing("location", place.code, warehouse_id=place.warehouse_id))
    return run_once(tx, "issue", ask, QuickDone, lambda: _issue(tx, actor, ask))


def _issue(tx: Tx, actor: Actor, ask: Issue) -> QuickDone:
    target = _way(tx, WAYS_OUT, ask.to, "去向")
    if ask.to == "scrap":
        rules.require_reason(ask.reason, "报废")
    item = catalog.item(tx.conn, ask.item_id)
    quantity = base_quantity(tx.conn, item, ask.quantity, ask.pack_id)
    source = catalog.location(tx.conn, ask.from_location)
    goods = stage.Leaving(item.id, ask.lot_id, quantity, target, ask.serials)
    stage.leaving(tx, actor, source, goods)
    goods_out.check_stand(source.code, source.kind, also=(stage.STAGE,))
    if item.tracking == "lot" and not ask.lot_id and ask.to != "scrap":
        posted = _first_expiring(tx, actor, ask, quantity, target)
    else:
        line = Line(
            item.id,
            quantity,
            ask.from_location,
            target,
            lot_id=ask.lot_id,
            to_status="rejected" if ask.to == "scrap" else "ok",
            serials=ask.serials,
        )
        kind = "scrap" if ask.to == "scrap" else "issue"
        reason = ask.reason.strip()[:400]
        posting = Posting(f"{ask.op_id}:issue", kind, (line,), reason=reason)
        posted = post_new(tx, actor, posting)
    dock.left(tx, actor, posted.moves, source)
    sentence = _sentence(tx, item, quantity, f"出库到{WORDS[ask.to]}")
    return QuickDone(ask.op_id, posted.posting_id, quantity, sentence)


def _first_expiring(tx: Tx, actor: Actor, ask: Issue, quantity: Micro, target: int) -> Posted:
    """Let the ledger pick the lots in this place; it skips what is expired, held or promised."""
    wish = Reserve(
        f"{ask.op_id}:pick", ask.item_id, quantity, location_ids=(ask.from_location,), for_="issue"
    )
    promised = reserve(tx, actor, wish)
    return fulfil(tx, actor, promised.reservation_id, f"{ask.op_id}:issue", target)


def return_to_stock(tx: Tx, actor: Actor, ask: ReturnToStock) -> QuickDone:
    """Take goods back. Whoever calls them good must be allowed to inspect where the item asks so.

    Raises:
        AppError: forbidden, unknown_choice, reason_needed, bad_quantity, not_whole,
            stage_by_hand, transit_by_hand, not_a_stand, key_reused, or a refusal of the ledger.
    """
    places = (ask.to_location, WAYS_BACK.get(ask.back_from, ""))
    replay.ask_ahead(tx, "return", ask)
    catalog.ask_ahead(tx.conn, (ask.item_id,), places)
    place = catalog.location(tx.conn, ask.to_location)
    thing = Thing("location", place.code, warehouse_id=place.warehouse_id)
    require(actor, "return", thing)
    if ask.good and catalog.item(tx.conn, ask.item_id).needs_inspection:
        require(actor, "inspect", thing)
    return run_once(tx, "return", ask, QuickDone, lambda: _return(tx, actor, ask))


def _return(tx: Tx, actor: Actor, ask: ReturnToStock) -> QuickDone:
    source = _way(tx, WAYS_BACK, ask.back_from, "来处")
    reason = rules.require_reason(ask.reason, "退货")
    place = catalog.location(tx.conn, ask.to_location)
    stage.entering(place)
    goods_out.check_stand(place.code, place.kind)
    item = catalog.item(tx.conn, ask.item_id)
    quantity = base_quantity(tx.conn, item, ask.quantity, ask.pack_id)
    lot_state = catalog.lot(tx.conn, ask.lot_id).state if ask.lot_id else "ok"
    good = rules.status_on_arrival(lot_state, needs_inspection=False)
    line = Line(
        item.id,
        quantity,
        source,
        ask.to_location,
        lot_id=ask.lot_id,
        to_status=good if ask.good else "hold",
        serials=ask.serials,
    )
    posted = post_new(tx, actor, Posting(f"{ask.op_id}:return", "return", (line,), reason=reason))
    said = f"从{WORDS[ask.back_from]}退回{'' if line.to_status == 'ok' else '，已冻结'}"
    sentence = _sentence(tx, item, quantity, said)
    return QuickDone(ask.op_id, posted.posting_id, quantity, sentence)


def _way(tx: Tx, ways: dict[str, str], name: str, what: str) -> int:
    if name not in ways:
        choices = "、".join(WORDS[each] for each in ways)
        raise AppError(rules.UNKNOWN_CHOICE, given=name[:40], what=what, choices=choices)
    return catalog.location_by_code(tx.conn, ways[name]).id


def _sentence(tx: Tx, item: Item, quantity: Micro, said: str) -> str:
    return f"{item.name} {short_amount(tx.conn, item, quantity)} {said}"
