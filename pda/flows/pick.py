"""Pick a wave: one stop after the other, in the order of the walk.

1. Scan the wave's code (or open the task): the stops appear, the first bin in large letters.
2. Scan that bin, then every piece or box: +1 (or the pack) per scan; the last one books the stop.
3. Goods missing or broken: 报缺, how many were found, why. The walk goes on to another bin; when
   no bin here has it, one tap asks another warehouse (紧急调拨).

What may go wrong: another bin, other goods or another lot count nothing and say what is wanted;
more than the stop wants counts nothing; a stop that somebody else did is shown as done.
A device that works by itself sends `pick` and `short` as facts and never scans here.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from core.catalog import items_by_id
from core.clock import iso
from core.db import Tx
from core.orders.sales.book import PickLine, Wave, pick_line, wave
from core.orders.sales.pick import Pick, pick
from core.orders.sales.rules import SHORT_REASONS
from core.orders.sales.short import ShortPick, short_pick
from core.people import Actor, Thing, may, require
from core.quantity import Micro, check_positive, parse, plain, show
from core.tasks.board import task
from pda import messages as say
from pda import messages_out as out
from pda.find import Goods, find
from pda.messages import Message
from pda.packs import item_pack
from pda.steps import Answer, Ask, Context, load

FLOW = "pick"
MOST_STOPS = 200


class Memory(Context):
    """Which walk, before which bin, how much of which stop is in the hands."""

    wave_id: str = ""
    line_id: str = ""
    quantity: str = "0"
    serials: list[str] = []  # noqa: RUF012  # pydantic copies defaults


class Scanned(BaseModel):
    """What the device saw: proof that somebody stood there, checked once more."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=512)

    bin: str = ""
    goods: str = ""


class Form(BaseModel):
    """What a device that judged the scans itself tells; quantities in base units."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=512)

    task_id: str = ""
    wave_id: str = ""
    line_id: str = ""
    quantity: str = ""
    serials: list[str] = []
    scanned: Scanned = Scanned()
    reason: str = ""
    note: str = ""
    photos: list[str] = []


def scan(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """A wave opens, a bin chooses the stop, goods count."""
    require(actor, "pick")
    memory = load(Memory, ask.context, "context")
    found = find(tx.conn, ask, tx.now)
    if found.wave is not None:
        return _walk(tx, actor, found.wave.id)
    if not memory.wave_id:
        return Answer(FLOW, "start", found.unknown or out.scan_wave(), {}, {})
    if found.place is not None:
        return _before(tx, actor, memory, found.place.code)
    if found.goods is not None:
        return _goods(tx, actor, ask, memory, found.goods)
    message = found.unknown or say.unexpected_scan("单号", "库位或货品")
    return _walk(tx, actor, memory.wave_id, memory, message)


def submit(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """A tap or a fact: open · pick · short."""
    require(actor, "pick")
    memory, form = load(Memory, ask.context, "context"), load(Form, ask.inputs, "inputs")
    if ask.action == "open":
        wave_id = form.wave_id
        if form.task_id:
            wave_id = task(tx.conn, form.task_id).subject.partition(":")[2]
        return _walk(tx, actor, wave_id)
    line_id = form.line_id or memory.line_id
    if ask.action == "pick" and line_id:
        quantity = parse(form.quantity or memory.quantity)
        facts = Pick(ask.op_id, line_id, quantity, tuple(form.serials), form.scanned.bin)
        return _booked(tx, actor, facts)
    if ask.action == "short" and line_id:
        return _short(tx, actor, ask, form, line_id)
    message = say.unexpected_scan("没有的按钮", "库位或货品")
    return _walk(tx, actor, memory.wave_id, memory, message) if memory.wave_id else _start(message)


# -- scans ---------------------------------------------------------------------------------------
def _before(tx: Tx, actor: Actor, memory: Memory, place: str) -> Answer:
    """Somebody stands before a bin: its first open stop."""
    stops = [each for each in wave(tx.conn, memory.wave_id).lines if each.state == "open"]
    here = next((each for each in stops if each.bin == place), None)
    if here is None:
        wanted = stops[0].bin if stops else ""
        return _walk(tx, actor, memory.wave_id, memory, out.wrong_bin(place, wanted))
    fresh = Memory(wave_id=memory.wave_id, line_id=here.id)
    words = f"{show(here.left)} {here.unit}"
    return _walk(tx, actor, memory.wave_id, fresh, out.at_bin(place, here.item_name, words))


def _goods(tx: Tx, actor: Actor, ask: Ask, memory: Memory, goods: Goods) -> Answer:
    if not memory.line_id:
        first = next((e for e in wave(tx.conn, memory.wave_id).lines if e.state == "open"), None)
        message = out.bin_first(first.bin if first else "")
        return _walk(tx, actor, memory.wave_id, memory, message)
    stop = pick_line(tx.conn, memory.line_id)
    serials = list(memory.serials)
    problem = _refusal(stop, goods, serials)
    counted = parse(memory.quantity) + goods.per_scan
    if problem is None and counted > stop.left:
        problem = out.too_many_for_stop(stop.item_name, f"{show(stop.left)} {stop.unit}")
    if problem is not None:
        return _walk(tx, actor, memory.wave_id, memory, problem)
    if stop.tracking == "serial":
        serials.append(goods.label.serial)
    if counted == stop.left:
        return _booked(tx, actor, Pick(ask.op_id, stop.id, counted, tuple(serials), stop.bin))
    after = memory.model_copy(update={"quantity": plain(counted), "serials": serials})
    message = say.counted(stop.item_name, _words(stop, counted), _words(stop, stop.left - counted))
    return _walk(tx, actor, memory.wave_id, after, message)


def _refusal(stop: PickLine, goods: Goods, serials: list[str]) -> Message | None:
    """Why these goods are not what this stop wants; None when they are."""
    if goods.item.id != stop.item_id:
        return out.wrong_goods(goods.item.name, stop.item_name)
    if goods.lot and stop.lot and goods.lot != stop.lot:
        return out.wrong_lot(stop.item_name, goods.lot, stop.lot)
    if stop.tracking == "serial" and not goods.label.serial:
        return say.serial_missing(stop.item_name)
    if goods.label.serial in serials:
        return say.serial_again(goods.label.serial)
    return None


# -- facts ---------------------------------------------------------------------------------------
def _booked(tx: Tx, actor: Actor, facts: Pick) -> Answer:
    done = pick(tx, actor, facts)
    return _after(tx, actor, facts.pick_line_id, say.posted(done.sentence), done.stops_left)


def _short(tx: Tx, actor: Actor, ask: Ask, form: Form, line_id: str) -> Answer:
    found = parse(form.quantity or "0")
    if found:
        check_positive(found)
    facts = ShortPick(
        ask.op_id,
        line_id,
        found,
        form.reason,
        form.note,
        tuple(form.serials),
        tuple(form.photos),
    )
    done = short_pick(tx, actor, facts)
    answer = _after(tx, actor, line_id, out.went_short(done.sentence), done.stops_left)
    walk = wave(tx.conn, pick_line(tx.conn, line_id).wave_id)
    answer.data["task_id"] = walk.task_id  # where photos go that are uploaded after the words
    if done.missing and may(actor, "transfer"):
        stop = pick_line(tx.conn, line_id)
        wish = {"item": stop.item_code, "place": stop.bin, "missing": plain(done.missing)}
        answer.data["urgent"] = wish  # what `urgent` `open` takes: one tap asks another warehouse
    return answer


def _after(tx: Tx, actor: Actor, line_id: str, message: Message, left: int) -> Answer:
    """The walk as it goes on. What this stop became stands beside it, for a device's own copy."""
    stop = pick_line(tx.conn, line_id)
    answer = _walk(tx, actor, stop.wave_id, Memory(wave_id=stop.wave_id), message)
    answer.data.update({"line": _stop_wire(stop), "stops_left": left})
    return answer


# -- the screen ----------------------------------------------------------------------------------
def _start(message: Message) -> Answer:
    return Answer(FLOW, "start", message, {}, {})


def _walk(
    tx: Tx,
    actor: Actor,
    wave_id: str,
    memory: Memory | None = None,
    message: Message | None = None,
) -> Answer:
    made = wave(tx.conn, wave_id)
    require(actor, "pick", Thing("wave", made.id, warehouse_id=made.warehouse_id))
    stops = [each for each in made.lines if each.state == "open"]
    memory = memory or Memory(wave_id=made.id)
    if message is None:
        message = out.walk_begins(made.code, len(stops), stops[0].bin if stops else "")
    data: dict[str, Any] = {
        "wave": _wave_wire(made),
        "lines": _lines_wire(tx, made),
        "current": memory.line_id,
        "quantity": memory.quantity,
        "stops_left": len(stops),
        "short_reasons": [{"key": key, "label": word} for key, word in SHORT_REASONS.items()],
    }
    return Answer(FLOW, "walk" if stops else "done", message, data, memory.model_dump())


def _wave_wire(made: Wave) -> dict[str, Any]:
    done = sum(each.state != "open" for each in made.lines)
    return {
        "id": made.id,
        "code": made.code,
        "version": f"{len(made.lines)}.{done}",
        "carrier": made.carrier_name or made.carrier,
        "cut_off": None if made.cut_off_at is None else iso(made.cut_off_at),
        "why": made.why,
    }


def _lines_wire(tx: Tx, made: Wave) -> list[dict[str, Any]]:
    """The stops, each with how its goods are recognised; what is done comes without."""
    shown = made.lines[:MOST_STOPS]
    goods = items_by_id(tx.conn, {each.item_id for each in shown if each.state == "open"})
    packs = {each.id: item_pack(tx.conn, each)["barcodes"] for each in goods.values()}
    return [
        _stop_wire(each) | {"barcodes": packs.get(each.item_id, []) if each.left else []}
        for each in shown
    ]


def _stop_wire(stop: PickLine) -> dict[str, Any]:
    return {
        "id": stop.id,
        "step": stop.step,
        "version": f"{stop.state}:{plain(stop.picked)}",
        "bin": stop.bin,
        "zone": stop.zone,
        "item_id": stop.item_id,
        "item_code": stop.item_code,
        "item_name": stop.item_name,
        "unit": stop.unit,
        "tracking": stop.tracking,
        "lot": stop.lot,
        "expires_on": stop.expires_on,
        "quantity": plain(stop.quantity),
        "picked": plain(stop.picked),
        "state": stop.state,
        "reason": stop.reason,
        "order_code": stop.sale_code,
    }


def _words(stop: PickLine, quantity: Micro) -> str:
    return f"{show(quantity)} {stop.unit}"
