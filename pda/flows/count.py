"""Count stock blind: nobody sees what the books expect.

1. Open the count from its task.
2. Scan a place; it stays until the next place is scanned.
3. Scan every piece or box: +1 per scan and lot. Type a quantity where there are hundreds.
4. Tap 盘完这格. What is on the sheet but was not scanned asks once more, then counts as 0: so an
   empty bin is said to be empty.
5. Scan the next place; after the last one tap 提交.

What may go wrong: leaving a place with unsaved scans asks for the same scan again; a difference
above the threshold goes to a second counter; a delivery during the count is named as a conflict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from core.catalog import (
    Location,
    item_by_code,
    items_by_id,
    location,
    location_by_code,
    lot_by_code,
    lot_by_code_or_none,
    lots_by_id,
)
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders.count import (
    CountedLine,
    FinishCount,
    RecordCount,
    SheetLine,
    count,
    finish,
    record,
    sheet,
)
from core.orders.count_rules import COUNT_TWICE
from core.people import Actor, Thing, require
from core.quantity import check_positive, parse, plain, show
from core.tasks.board import task
from pda import messages as say
from pda.find import Goods, find, options_wire
from pda.messages import Message
from pda.packs import count_pack
from pda.steps import Answer, Ask, Context, load, refuse

FLOW = "count"
MOST_LINES = 200
WAITING = ("open", "recount", "conflict")


class Memory(Context):
    """The count, the place and the tallies there: "item:lot" → decimal string of base units."""

    count_id: str = ""
    location_id: int = 0
    tallies: dict[str, str] = {}  # noqa: RUF012  # pydantic copies defaults
    serials: dict[str, list[str]] = {}  # noqa: RUF012
    scans: int = 0
    again: str = ""
    asked: str = ""
    symbology: str | None = None


class Seen(BaseModel):
    """How many of one item and lot a person counted in one place."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=512)

    item_code: str
    lot: str = ""
    quantity: str
    serials: list[str] = []  # pydantic copies defaults


class Form(BaseModel):
    """What is typed on the screen; `key` names the tally whose quantity was typed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=512)

    task_id: str = ""
    choice: str = ""
    key: str = ""
    quantity: str = ""
    reason: str = ""
    # a whole place as facts, for `place`: what was seen, and whether the rest is really not there
    count_id: str = ""
    place: str = ""
    seen: list[Seen] = []
    zero: bool = False


def scan(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """A place becomes the place, goods count there."""
    require(actor, "count")
    memory = load(Memory, ask.context, "context")
    _check_count(tx, actor, memory.count_id)
    found = find(tx.conn, ask, tx.now)
    if found.options:
        message, data = options_wire(found.options)
        asked = memory.model_copy(update={"asked": ask.code, "symbology": ask.symbology})
        return Answer(FLOW, "choose_label", message, data, asked.model_dump())
    if not memory.count_id:
        return Answer(FLOW, "start", say.unexpected_scan("条码", "盘点任务（从任务箱打开）"))
    if found.place is not None:
        return _place(tx, actor, memory, found.place)
    if found.goods is None:
        return _screen(tx, memory, found.unknown or say.unexpected_scan("单号", "库位或货品"))
    return _tally(tx, memory, found.goods)


def submit(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """A tap: open · choose · set · save · finish · place (a whole place as facts)."""
    require(actor, "count")
    memory, form = load(Memory, ask.context, "context"), load(Form, ask.inputs, "inputs")
    _check_count(tx, actor, form.count_id or memory.count_id)
    if ask.action == "open":
        about = task(tx.conn, form.task_id)
        require(actor, "count", Thing("count", about.subject, warehouse_id=about.warehouse_id))
        opened = Memory(count_id=about.subject.partition(":")[2])
        rows = sheet(tx.conn, opened.count_id)
        shown = _screen(tx, opened, say.count_opened(len({each.location_id for each in rows})))
        pack = count_pack(tx.conn, rows, about.warehouse_id or 0)
        return replace(shown, data=shown.data | {"count_id": opened.count_id} | pack)
    if ask.action == "place" and form.count_id:
        return _whole_place(tx, actor, ask, form)
    memory = memory.model_copy(update={"count_id": form.count_id or memory.count_id})
    if ask.action == "choose" and memory.asked:
        again = Ask(ask.op_id, ask.state, memory.asked, memory.symbology)
        found = find(tx.conn, again, tx.now, form.choice)
        if found.goods is not None:
            return _tally(tx, memory, found.goods)
    if ask.action == "set" and form.key in memory.tallies:
        quantity = parse(form.quantity)
        if quantity != 0:
            check_positive(quantity)
        return _screen(tx, _with(memory, form.key, plain(quantity)), say.typed(form.quantity))
    if ask.action == "save" and memory.location_id:
        return _save(tx, actor, ask, memory)
    if ask.action == "finish" and memory.count_id:
        return _finish(tx, actor, ask, memory, form)
    return _screen(tx, memory, say.unexpected_scan("没有的按钮", "库位或货品"))


def _check_count(tx: Tx, actor: Actor, count_id: str) -> None:
    """A device names the count itself: its sheet is shown in its warehouse only."""
    if count_id:
        found = count(tx.conn, count_id)
        require(actor, "count", Thing("count", found.id, warehouse_id=found.warehouse_id))


def _with(memory: Memory, key: str, quantity: str) -> Memory:
    return memory.model_copy(
        update={"tallies": memory.tallies | {key: quantity}, "again": "", "asked": ""}
    )


def _place(tx: Tx, actor: Actor, memory: Memory, place: Location) -> Answer:
    require(actor, "count", Thing("location", str(place.id), warehouse_id=place.warehouse_id))
    if memory.tallies and place.id != memory.location_id and memory.again != place.code:
        here = location(tx.conn, memory.location_id).code
        asked = memory.model_copy(update={"again": place.code})
        return _screen(tx, asked, say.unsaved_tally(here, len(memory.tallies)))
    if place.id == memory.location_id:
        return _screen(tx, memory, say.count_place(place.code))
    fresh = Memory(count_id=memory.count_id, location_id=place.id)
    return _screen(tx, fresh, say.count_place(place.code))


def _tally(tx: Tx, memory: Memory, goods: Goods) -> Answer:
    if not memory.location_id:
        return _screen(tx, memory, say.unexpected_scan("货品", "库位"))
    lot_id = _lot_id(tx, memory, goods)
    if lot_id is None:
        return _screen(tx, memory, say.lot_label_wanted(goods.item.name))
    key = f"{goods.item.id}:{lot_id}"
    serials = dict(memory.serials)
    if goods.item.tracking == "serial":
        if not goods.label.serial:
            return _screen(tx, memory, say.serial_missing(goods.item.name))
        if goods.label.serial in serials.get(key, []):
            return _screen(tx, memory, say.serial_again(goods.label.serial))
        serials[key] = [*serials.get(key, []), goods.label.serial]
    if key not in memory.tallies and len(memory.tallies) >= MOST_LINES:
        raise AppError(INVALID, field="这个库位", why=f"超过 {MOST_LINES} 种货，先保存再接着盘")
    quantity = check_positive(parse(memory.tallies.get(key, "0")) + goods.per_scan)
    after = _with(memory, key, plain(quantity))
    after = after.model_copy(update={"scans": memory.scans + 1, "serials": serials})
    words = f"{show(quantity)} {goods.item.unit}"
    return _screen(tx, after, say.tally(goods.item.name, words, after.scans))


def _lot_id(tx: Tx, memory: Memory, goods: Goods) -> int | None:
    """The lot of the scan: on the label, or the only one on the sheet for this place."""
    if goods.item.tracking != "lot":
        return 0
    if goods.lot:
        known = lot_by_code_or_none(tx.conn, goods.item.id, goods.lot)
        return known.id if known else None
    lots = {
        each.lot_id
        for each in sheet(tx.conn, memory.count_id)
        if each.location_id == memory.location_id and each.item_id == goods.item.id and each.lot_id
    }
    return lots.pop() if len(lots) == 1 else None


def _whole_place(tx: Tx, actor: Actor, ask: Ask, form: Form) -> Answer:
    """What a device counted by itself in one place, in absolute numbers."""
    place = location_by_code(tx.conn, form.place)
    memory = Memory(
        count_id=form.count_id,
        location_id=place.id,
        again="save" if form.zero else "",
    )
    tallies: dict[str, str] = {}
    serials: dict[str, list[str]] = {}
    for seen in form.seen:
        goods = item_by_code(tx.conn, seen.item_code)
        if goods.tracking == "lot" and not seen.lot:
            refuse(say.lot_label_wanted(goods.name))
        lot_id = lot_by_code(tx.conn, goods.id, seen.lot).id if seen.lot else 0
        key = f"{goods.id}:{lot_id}"
        if key in tallies:
            raise AppError(COUNT_TWICE, place=f"{place.code} 的 {goods.name}")
        if parse(seen.quantity) != 0:
            check_positive(parse(seen.quantity))
        tallies[key], serials[key] = seen.quantity, seen.serials
    counted = memory.model_copy(update={"tallies": tallies, "serials": serials})
    done = _save(tx, actor, ask, counted)
    if done.message.level == "ask":
        refuse(done.message)
    return done


def _save(tx: Tx, actor: Actor, ask: Ask, memory: Memory) -> Answer:
    """Write this place: what was scanned, and zero for what the sheet names but nobody found."""
    place = location(tx.conn, memory.location_id)
    here = [
        each
        for each in sheet(tx.conn, memory.count_id)
        if each.location_id == place.id and each.state in WAITING
    ]
    missing = [each for each in here if not _is_seen(each, memory.tallies)]
    if missing and memory.again != "save":
        asked = memory.model_copy(update={"again": "save"})
        names = "、".join(each.item_name for each in missing[:3])
        return _screen(tx, asked, say.zero_left(names))
    status = {_key(each): each.status for each in here}
    lines = [
        CountedLine(
            location_id=place.id,
            item_id=int(key.partition(":")[0]),
            lot_id=int(key.partition(":")[2]),
            quantity=parse(quantity),
            status=status.get(key, "ok"),
            serials=tuple(memory.serials.get(key, ())),
        )
        for key, quantity in memory.tallies.items()
    ]
    lines += [
        CountedLine(each.location_id, each.item_id, 0, each.lot_id, each.status) for each in missing
    ]
    done = record(tx, actor, RecordCount(ask.op_id, memory.count_id, tuple(lines)))
    message = say.place_saved(place.code, done.left, done.recount)
    return _screen(tx, Memory(count_id=memory.count_id), message)


def _is_seen(row: SheetLine, tallies: Mapping[str, str]) -> bool:
    """Whether it was scanned; a line that only asks for any goods, or any lot, by one of them."""
    if _key(row) in tallies:
        return True
    found = [key for key, quantity in tallies.items() if parse(quantity)]
    if not row.item_id:
        return bool(found)
    return not row.lot_id and any(key.startswith(f"{row.item_id}:") for key in found)


def _key(row: SheetLine) -> str:
    return f"{row.item_id}:{row.lot_id}"


def _finish(tx: Tx, actor: Actor, ask: Ask, memory: Memory, form: Form) -> Answer:
    if memory.tallies:
        here = location(tx.conn, memory.location_id).code
        return _screen(tx, memory, say.save_first(here))
    done = finish(tx, actor, FinishCount(ask.op_id, memory.count_id, form.reason))
    message = say.count_finished(done.applied, done.same, done.waiting_approval, done.conflicts)
    if done.done:
        return Answer(FLOW, "start", message, {"conflicts": list(done.conflicts)}, {})
    return _screen(tx, memory, message)


def _screen(tx: Tx, memory: Memory, message: Message) -> Answer:
    rows = sheet(tx.conn, memory.count_id)
    waiting = [each for each in rows if each.state in WAITING]
    keys = [key.split(":") for key in memory.tallies]
    goods = items_by_id(tx.conn, [int(each[0]) for each in keys])
    lots = lots_by_id(tx.conn, [int(each[1]) for each in keys if int(each[1])])
    tallies = [
        {
            "key": key,
            "item_name": goods[int(key.partition(":")[0])].name,
            "unit": goods[int(key.partition(":")[0])].unit,
            "lot": lots[lot_id].code if (lot_id := int(key.partition(":")[2])) in lots else "",
            "quantity": quantity,
        }
        for key, quantity in memory.tallies.items()
    ]
    data: dict[str, Any] = {
        "place": location(tx.conn, memory.location_id).code if memory.location_id else "",
        "places": sorted({each.location_code for each in waiting})[:50],
        "left": len(waiting),
        "tallies": tallies,
    }
    state = "tally" if memory.location_id else "place"
    return Answer(FLOW, state, message, data, memory.model_dump())
