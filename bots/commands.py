"""Typed words → verbs: 「库存 JL-203」 typed into a chat is the same verb as on the desk.

What was meant is decided by words.py; here it is done in the caller's transaction, as the person
whose account the vendor vouches for, and answered in Chinese, short enough for every vendor. Not
for buttons.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection

from bots.words import (
    HELP,
    Attach,
    Code,
    Escalate,
    Help,
    Mine,
    Stock,
    ToDo,
    Transfer,
    Unknown,
    understand,
)
from core import catalog
from core.catalog import Item, Warehouse
from core.clock import Instant, to_datetime
from core.db import Tx
from core.errors import AppError, define
from core.orders.measure import base_quantity, full_amount
from core.orders.transfer import AskLine, AskTransfer, ask_transfer
from core.people import Actor, Thing, require
from core.quantity import Micro, parse, show
from core.shortcuts.book import shortcut_of
from core.shortcuts.rules import PART, Donor, rank_donors
from core.shortcuts.verbs import free_to_give
from core.stock import promise
from core.tasks.early import escalate_now
from core.tasks.queries import Filters, board, inbox
from core.tasks.sent import place_waiting
from core.tasks.task import Task, TaskView
from core.tasks.words import due_text

MOST_LINES = 9
MOST_MATCHES = 5

NOT_UNDERSTOOD = define(
    "words_not_understood",
    422,
    "没看懂「{text}」。你是不是想：\n{likely}",
    "“{text}” was not understood. Did you mean:\n{likely}",
)
NO_SUCH_GOODS = define(
    "no_such_goods",
    404,
    "没有找到货品「{text}」。请发货品编号、条码或名称里的字，例如：库存 JL-203",
    "No item “{text}”. Send its code, its barcode or a part of its name.",
)
WHICH_GOODS = define(
    "which_goods",
    409,
    "「{text}」有 {count} 种货品，请把编号发全：\n{found}",
    "“{text}” means {count} items; send the whole code:\n{found}",
)
WHICH_UNIT = define(
    "which_unit",
    422,
    "没有开调拨：{item} 没有「{unit}」这个单位，只有：{known}",
    "No transfer: {item} has no unit “{unit}”, only {known}",
)
WHICH_WAREHOUSE = define(
    "which_warehouse",
    404,
    "没有找到仓库「{text}」。现有：{found}",
    "No warehouse “{text}”. There are: {found}",
)
NOWHERE_ENOUGH = define(
    "nowhere_enough",
    409,
    "没有开调拨：别的仓都不够 {wanted}。{item} 现在可用：{found}",
    "No transfer: no other warehouse has {wanted}. Available of {item}: {found}",
)


NOTHING_TO_RAISE = define(
    "nothing_to_raise",
    404,
    "没有可升级的任务{which}：只能升级等你处理的，和你发起的。发「待办」或「我的」看编号。",
    "No such task{which}: only what waits for you or what you asked for. Send 待办 or 我的.",
)
NOT_YOUR_TASK = define(
    "no_such_task_of_yours",
    404,
    "〔{which}〕不是等你处理的事。等你处理的有：\n{found}",
    "〔{which}〕 is not one of your open tasks. These are:\n{found}",
)
WHICH_TASK = define(
    "which_task",
    409,
    "升级哪一件？请带上编号，例如：升级 {example}\n{found}",
    "Which one? Send its number too, e.g. 升级 {example}\n{found}",
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said, and the picture that goes with it (see `said.Answer.picture`)."""

    text: str
    picture: str = ""


def reply(tx: Tx, actor: Actor, text: str, op_id: str) -> Reply:
    """`answer`, with a picture where one says more than words."""
    match understand(text):
        case Stock(goods):
            words = _stock(tx.conn, actor, goods)
            return Reply(words, f"curve:{_goods(tx.conn, goods).id}")
        case Code(which):
            task = _one_of_mine(tx.conn, actor, which)
            return Reply(f"扫码枪扫这张图，就打开「{task.title[:40]}」。", f"task:{task.id}")
        case _:
            return Reply(answer(tx, actor, text, op_id))


def answer(tx: Tx, actor: Actor, text: str, op_id: str) -> str:
    """Do what was typed; the reply. `op_id` makes a repeated message one deed.

    Raises:
        AppError: forbidden, or a sentence that says what to type instead.
    """
    match understand(text):
        case Help():
            return HELP
        case ToDo():
            return _to_do(tx.conn, actor)
        case Mine():
            return _mine(tx.conn, actor)
        case Stock(goods):
            return _stock(tx.conn, actor, goods)
        case Transfer() as wanted:
            return _transfer(tx, actor, wanted, op_id)
        case Escalate(which, why):
            return _escalate(tx, actor, which, why)
        case Attach(which):
            return place_waiting(tx, actor, which)
        case Code(which):
            return _one_of_mine(tx.conn, actor, which).title
        case Unknown(words, likely):
            return _unknown(tx.conn, actor, words, likely)


def _unknown(conn: Connection, actor: Actor, words: str, likely: tuple[str, ...]) -> str:
    """A bare code or barcode asks for its stock."""
    if words and " " not in words:
        exact = [each for each in catalog.search_items(conn, words, 2) if _is_named(each, words)]
        if len(exact) == 1:
            return _stock(conn, actor, exact[0].code)
    lines = "\n".join(f"· {each}" for each in likely)
    raise AppError(NOT_UNDERSTOOD, text=words, likely=lines)


def _is_named(item: Item, words: str) -> bool:
    return words.lower() in (item.code.lower(), item.name.lower()) or words.isdigit()


# -- stock ---------------------------------------------------------------------------------------
def _stock(conn: Connection, actor: Actor, goods: str) -> str:
    require(actor, "stock.read")
    item = _goods(conn, goods)
    lines = [f"{item.name}（{item.code}）"]
    for house in _in_reach(conn, actor):
        here = promise(conn, item.id, house.id)
        parts = [f"可用 {full_amount(conn, item, here.available)}"]
        for amount, words in (
            (here.reserved, "已预留"),
            (here.inspecting, "待检"),
            (here.held, "停用"),
            (here.in_transit, "在途"),
        ):
            parts += [f"{words} {show(amount)}"] if amount else []
        if here.on_hand or here.in_transit:
            lines.append(f"{house.name}：{'，'.join(parts)}")
    return "\n".join(lines if len(lines) > 1 else [*lines, "各仓都没有库存"])


def _goods(conn: Connection, text: str) -> Item:
    found = catalog.search_items(conn, text, MOST_MATCHES + 1)
    exact = [each for each in found if text.lower() in (each.code.lower(), each.name.lower())]
    if len(exact) == 1 or len(found) == 1:
        return (exact or found)[0]
    if not found:
        raise AppError(NO_SUCH_GOODS, text=text[:40])
    count = f"{MOST_MATCHES} 种以上" if len(found) > MOST_MATCHES else str(len(found))
    lines = "\n".join(f"· {each.code} {each.name}" for each in found[:MOST_MATCHES])
    raise AppError(WHICH_GOODS, text=text[:40], count=count, found=lines)


def _in_reach(conn: Connection, actor: Actor) -> list[Warehouse]:
    houses = catalog.warehouses(conn)
    return [each for each in houses if not actor.warehouse_ids or each.id in actor.warehouse_ids]


# -- tasks ---------------------------------------------------------------------------------------
def _to_do(conn: Connection, actor: Actor) -> str:
    require(actor, "task.read", Thing("person", str(actor.person_id)))
    waiting = inbox(conn, actor.person_id)
    return _listed("等你处理", waiting, "现在没有事等你处理。")


def _mine(conn: Connection, actor: Actor) -> str:
    require(actor, "task.read", Thing("person", str(actor.person_id)))
    waiting = inbox(conn, actor.person_id)
    held = [each for each in waiting if each.task.holder_id == actor.person_id]
    asked = _asked(conn, actor, held)
    return "\n".join(
        (
            _listed("在你手上", held, "在你手上：没有"),
            _listed("你发起的", asked, "你发起的：没有"),
        )
    )


def _asked(conn: Connection, actor: Actor, known: list[TaskView]) -> list[TaskView]:
    """Live tasks that this person opened, without those that are known already."""
    found = board(conn, Filters(opened_by=actor.label), limit=MOST_LINES + 1).tasks
    return [each for each in found if each.task.id not in {one.task.id for one in known}]


def _one_of_mine(conn: Connection, actor: Actor, which: str) -> Task:
    require(actor, "task.read", Thing("person", str(actor.person_id)))
    waiting = inbox(conn, actor.person_id)
    meant = [each.task for each in waiting if each.task.id.endswith(which)]
    if len(meant) != 1:
        lines = "\n".join(_line(each) for each in waiting[:MOST_LINES]) or "（现在没有）"
        raise AppError(NOT_YOUR_TASK, which=which, found=lines)
    return meant[0]


def _escalate(tx: Tx, actor: Actor, which: str, why: str) -> str:
    waiting = inbox(tx.conn, actor.person_id)
    mine = [*waiting, *_asked(tx.conn, actor, waiting)]
    meant = [each for each in mine if each.task.id.endswith(which)]
    if not meant:
        raise AppError(NOTHING_TO_RAISE, which=f"〔{which}〕" if which else "")
    if len(meant) > 1:
        lines = "\n".join(_line(each) for each in meant[:MOST_LINES])
        raise AppError(WHICH_TASK, example=meant[0].task.id[-4:], found=lines)
    task = escalate_now(tx, actor, meant[0].task.id, why)
    return f"已升级「{task.title[:40]}」，现在由 {task.holder_name or '多人'} 处理。你仍可处理。"


def _listed(head: str, views: list[TaskView], nothing: str) -> str:
    if not views:
        return nothing
    lines = [f"{head}（{len(views)} 件）：" if len(views) <= MOST_LINES else f"{head}："]
    lines += [_line(each) for each in views[:MOST_LINES]]
    more = ["……还有更多，请在任务页查看"] if len(views) > MOST_LINES else []
    return "\n".join(lines + more)


def _line(view: TaskView) -> str:
    task: Task = view.task
    until = due_text(task.due_at, task.policy.clock)
    held = f"，{task.holder_name}" if task.holder_name else ""
    return f"·〔{task.id[-4:]}〕{task.title[:40]}{held}{f'，{until}' if until else ''}"


# -- transfer ------------------------------------------------------------------------------------
def _transfer(tx: Tx, actor: Actor, wanted: Transfer, op_id: str) -> str:
    require(actor, "transfer")
    item = _goods(tx.conn, wanted.goods)
    to = _warehouse(tx.conn, wanted.to)
    quantity, pack_id = parse(wanted.amount), _pack(tx.conn, item, wanted.unit)
    base = base_quantity(tx.conn, item, quantity, pack_id)
    source = _source(tx.conn, item, base, to, tx.now)
    short = hashlib.sha256(op_id.encode()).hexdigest()[:6].upper()
    code = f"TR-{to_datetime(tx.now):%m%d}-{short}"
    line = AskLine(item.id, quantity, pack_id=pack_id)
    ask = AskTransfer(op_id, code, source.id, to.id, (line,), reason="聊天里要的")
    made = ask_transfer(tx, actor, ask)
    amount = full_amount(tx.conn, item, base)
    return f"已开调拨 {made.code}：{item.name} {amount}，{source.name} → {to.name}，等对方发出。"


def _pack(conn: Connection, item: Item, unit: str) -> int | None:
    """The pack of that name; None for the item's own unit, or when no unit was said."""
    if not unit or unit == item.unit:
        return None
    packs = {each.name: each.id for each in catalog.packs_of(conn, item.id)}
    if unit not in packs:
        known = "、".join((item.unit, *packs))
        raise AppError(WHICH_UNIT, item=item.name, unit=unit[:20], known=known)
    return packs[unit]


def _warehouse(conn: Connection, text: str) -> Warehouse:
    houses = catalog.warehouses(conn)
    exact = [each for each in houses if text.lower() in (each.code.lower(), each.name.lower())]
    found = exact or [each for each in houses if each.name.startswith(text)]
    if len(found) != 1:
        names = "、".join(f"{each.name}（{each.code}）" for each in houses[:MOST_LINES])
        raise AppError(WHICH_WAREHOUSE, text=text[:40], found=names)
    return found[0]


def _source(conn: Connection, item: Item, base: Micro, to: Warehouse, now: Instant) -> Warehouse:
    """The warehouse that the one-tap form would choose too, if it has enough."""
    free = free_to_give(conn, item.id, now)
    others = {each.code: each for each in catalog.warehouses(conn) if each.id != to.id}
    donors = [Donor(code, free.get(each.id, 0)) for code, each in others.items()]
    near = shortcut_of(conn, "urgent_transfer").settings.near.get(to.code, ())
    best = next(iter(rank_donors(donors, base, near)), None)
    if best is None or best.why == PART:
        found = "，".join(f"{others[each.code].name} {show(each.free)}" for each in donors)
        wanted = full_amount(conn, item, base)
        raise AppError(NOWHERE_ENOUGH, wanted=wanted, item=item.name, found=found or "没有别的仓")
    return others[best.donor.code]
