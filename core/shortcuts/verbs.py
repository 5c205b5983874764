"""The table of verbs a shortcut may end in. Data names one; only what stands here can be called.

Each verb says which fields it needs, shows the task it would open, says why it cannot go any more,
and does it. Every verb is the one of its own feature, called as the person who tapped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from core import catalog
from core.catalog import Item, Warehouse
from core.clock import Instant, to_datetime
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders.count import OpenCount, count, open_count
from core.orders.measure import base_quantity, full_amount, goods_named, short_amount
from core.orders.move_cards import count_task
from core.orders.request_cards import request_task
from core.orders.transfer import AskLine, AskTransfer, Transfer, TransferLine, ask_transfer
from core.orders.transfer_book import asked_of
from core.orders.transfer_task import task_of
from core.people import Actor, Thing, require
from core.quantity import Micro, parse
from core.shortcuts.definition import Settings, Shortcut
from core.stock import available_by_warehouse
from core.stock.ledger import local_date
from core.tasks import board
from core.tasks.policies import policy_of
from core.tasks.task import NewTask


@dataclass(frozen=True, slots=True)
class Filling:
    """A form about to be launched, or looked at: the values of its fields."""

    shortcut: Shortcut
    run_id: str
    op_id: str
    values: Mapping[str, str]

    def text(self, key: str) -> str:
        return self.values.get(key, "").strip()


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it: a document or task, its number, what to say, and its task."""

    kind: str
    id: str
    code: str
    sentence: str
    task_id: str


@dataclass(frozen=True, slots=True)
class Verb:
    """`params`: field → (kind, required). `permission` is the one the verb itself asks for."""

    label: str
    permission: str
    params: Mapping[str, tuple[str, bool]]
    check: Callable[[Connection, Settings], str]
    new_task: Callable[[Connection, Filling], NewTask]
    why_not: Callable[[Connection, Filling, Instant], str]
    run: Callable[[Tx, Actor, Filling], Made]


def code_of(now: Instant, run_id: str) -> str:
    """The number of a document: the day, and the end of what it came from."""
    return f"TR-{to_datetime(now):%m%d}-{run_id[-6:].upper()}"


# -- what the values stand for ---------------------------------------------------------------------
def _item(conn: Connection, filling: Filling) -> Item:
    return catalog.item_by_code(conn, filling.text("item"))


def _house(conn: Connection, filling: Filling, key: str) -> Warehouse:
    return catalog.warehouse_by_code(conn, filling.text(key))


def _pack_id(conn: Connection, item: Item, unit: str) -> int | None:
    if unit in ("", item.unit):
        return None
    packs = {each.name: each.id for each in catalog.packs_of(conn, item.id)}
    if unit not in packs:
        known = "、".join((item.unit, *packs))
        raise AppError(INVALID, field="单位", why=f"{item.name} 只有 {known}"[:200])
    return packs[unit]


def _base(conn: Connection, item: Item, filling: Filling) -> Micro:
    pack_id = _pack_id(conn, item, filling.text("unit"))
    return base_quantity(conn, item, parse(filling.text("quantity")), pack_id)


def _never(_conn: Connection, _filling: Filling, _now: Instant) -> str:
    return ""


# -- an urgent transfer ----------------------------------------------------------------------------
def _check_transfer(conn: Connection, settings: Settings) -> str:
    known = {each.code for each in catalog.warehouses(conn)}
    named = {*settings.near, *(code for codes in settings.near.values() for code in codes)}
    return f"没有仓库 {'、'.join(sorted(named - known))[:80]}" if named - known else ""


def _transfer_task(conn: Connection, filling: Filling) -> NewTask:
    item = _item(conn, filling)
    line = TransferLine("", item.id, 0, _base(conn, item, filling), 0)
    seen = Transfer(
        id="",
        code="",
        from_warehouse=_house(conn, filling, "from").id,
        to_warehouse=_house(conn, filling, "to").id,
        state="asked",
        urgent=filling.shortcut.settings.urgent,
        reason=filling.text("reason"),
        send_task="",
        receive_task="",
        lines=(line,),
        loads=(),
    )
    return task_of(conn, seen, "send")


def _donor_has_less(conn: Connection, filling: Filling, now: Instant) -> str:
    item, donor = _item(conn, filling), _house(conn, filling, "from")
    wanted = _base(conn, item, filling)
    free = free_to_give(conn, item.id, now).get(donor.id, 0)
    if free >= wanted:
        return ""
    has, asks = short_amount(conn, item, free), short_amount(conn, item, wanted)
    return f"{donor.name}的 {item.name} 现在只给得出 {has}，你要 {asks}"


def free_to_give(conn: Connection, item_id: int, now: Instant) -> dict[int, Micro]:
    """By warehouse: what may be promised of an item and nobody has asked for yet."""
    there, asked = available_by_warehouse(conn, item_id, local_date(now)), asked_of(conn, item_id)
    return {house: max(has - asked.get(house, 0), 0) for house, has in there.items()}


def _ask_transfer(tx: Tx, actor: Actor, filling: Filling) -> Made:
    item = _item(tx.conn, filling)
    donor, to = _house(tx.conn, filling, "from"), _house(tx.conn, filling, "to")
    pack_id = _pack_id(tx.conn, item, filling.text("unit"))
    line = AskLine(item.id, parse(filling.text("quantity")), pack_id=pack_id)
    ask = AskTransfer(
        f"{filling.op_id}:ask",
        code_of(tx.now, filling.run_id),
        donor.id,
        to.id,
        (line,),
        urgent=filling.shortcut.settings.urgent,
        reason=filling.text("reason"),
    )
    made = ask_transfer(tx, actor, ask)
    amount = full_amount(tx.conn, item, made.lines[0].quantity)
    words = f"{made.code}：{item.name} {amount}，{donor.name} → {to.name}"
    return Made("transfer", made.id, made.code, words, made.send_task)


# -- a request to somebody -------------------------------------------------------------------------
def _check_request(conn: Connection, settings: Settings) -> str:
    if not settings.to:
        return "没有写请求发给谁（to）"
    policy_of(conn, settings.policy)
    return ""


def _request(conn: Connection, filling: Filling) -> NewTask:
    item, house = _item(conn, filling), _house(conn, filling, "warehouse")
    shortcut = filling.shortcut
    return request_task(
        policy_of(conn, shortcut.settings.policy),
        goods_named(conn, item.id, _base(conn, item, filling), house.id),
        what=shortcut.title,
        cause=(shortcut.key, f"{item.id}:{house.id}", filling.run_id),
        to=shortcut.settings.to,
        reason=filling.text("reason"),
    )


def _open_request(tx: Tx, actor: Actor, filling: Filling) -> Made:
    opened = board.ask(tx, actor, _request(tx.conn, filling))
    return Made("task", opened.id, opened.id[-4:], opened.title, opened.id)


# -- a count ---------------------------------------------------------------------------------------
def _count_task(conn: Connection, filling: Filling) -> NewTask:
    house = _house(conn, filling, "warehouse")
    return count_task(
        policy_of(conn, "count"),
        kind="count",
        count_id="",
        code="",
        places=1,
        where=(house.id, house.name),
    )


def _open_count(tx: Tx, actor: Actor, filling: Filling) -> Made:
    item, house = _item(tx.conn, filling), _house(tx.conn, filling, "warehouse")
    place = filling.text("place")
    places = (catalog.location_by_code(tx.conn, place).id,) if place else ()
    code = code_of(tx.now, filling.run_id).replace("TR-", "PD-")
    ask = OpenCount(f"{filling.op_id}:count", code, house.id, places, (item.id,))
    made = count(tx.conn, open_count(tx, actor, ask))
    words = f"{made.code}：{house.name} {item.name}"
    return Made("count", made.id, made.code, words, made.task_id)


_GOODS = {"unit": ("unit", True), "quantity": ("quantity", True), "reason": ("text", False)}
VERBS: dict[str, Verb] = {
    "transfer.ask": Verb(
        "向别的仓要货",
        "transfer",
        {
            "item": ("item", True),
            "to": ("warehouse", True),
            "from": ("warehouse", True),
            **_GOODS,
        },
        _check_transfer,
        _transfer_task,
        _donor_has_less,
        _ask_transfer,
    ),
    "task.open": Verb(
        "给人发一张请求",
        "task.open",
        {"item": ("item", True), "warehouse": ("warehouse", True), **_GOODS},
        _check_request,
        _request,
        _never,
        _open_request,
    ),
    "count.open": Verb(
        "请人盘点",
        "count",
        {
            "item": ("item", True),
            "warehouse": ("warehouse", True),
            "place": ("place", False),
        },
        lambda _conn, _settings: "",
        _count_task,
        _never,
        _open_count,
    ),
}


def permit(actor: Actor, shortcut: Shortcut) -> None:
    """Refuse whoever may not do what the shortcut ends in. Raises AppError(forbidden)."""
    require(actor, VERBS[shortcut.verb].permission, Thing("shortcut", shortcut.key))
