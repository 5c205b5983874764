"""One tap for what is urgent: the form of a shortcut arrives filled, the tap sends it.

1. Open it from the item or the task on the screen, or scan what is missing (and where you stand).
2. Read it: what, how much, from where, and why. Wrong? Tap the field and choose, or scan another
   item or place: the rest is filled anew around it.
3. Tap 发起. The other warehouse is told at once; the screen says who, and when it climbs to whom.

What may go wrong: somebody took the goods a moment before: nothing is sent, the form is filled anew
with what you changed kept, and the same tap sends that one.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict

from core.catalog import item_by_code, location_by_code
from core.db import Tx
from core.errors import AppError
from core.people import Actor, require
from core.quantity import parse
from core.shortcuts.facts import Situation
from core.shortcuts.launch import STALE, Launch, Open, launch, open_form
from core.shortcuts.proposal import Proposal
from pda import messages as say
from pda import urgent_words as words
from pda.find import find, options_wire
from pda.messages import Message
from pda.steps import Answer, Ask, Context, load

FLOW = "urgent"
SHORTCUT = "urgent_transfer"


class Memory(Context):
    """Which form is open, where it was opened, and what the person set."""

    shortcut: str = SHORTCUT
    run_id: str = ""
    item: str = ""
    place: str = ""
    warehouse: str = ""
    task_id: str = ""
    missing: str = ""
    note: str = ""
    given: dict[str, str] = {}  # noqa: RUF012  # pydantic copies defaults
    asked: str = ""
    symbology: str | None = None


class Form(BaseModel):
    """What opens a form, or what was tapped on it. `values`: only what differs from the screen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=512)

    choice: str = ""
    shortcut: str = SHORTCUT
    item: str = ""
    place: str = ""
    warehouse: str = ""
    task_id: str = ""
    missing: str = ""
    note: str = ""
    values: dict[str, str] = {}


def scan(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """Goods open or change the form; a place says where they are wanted."""
    require(actor, "shortcut.use")
    memory = load(Memory, ask.context, "context")
    return _scanned(tx, actor, ask, memory, "")


def _scanned(tx: Tx, actor: Actor, ask: Ask, memory: Memory, choice: str) -> Answer:
    found = find(tx.conn, ask, tx.now, choice)
    if found.options:
        message, data = options_wire(found.options)
        asked = memory.model_copy(update={"asked": ask.code, "symbology": ask.symbology})
        return Answer(FLOW, "choose_label", message, data, asked.model_dump())
    if found.goods is not None:
        code = found.goods.item.code
        fresh: dict[str, Any] = {"item": code}
        if memory.item and memory.item != code:  # what was missing was missing of the other
            fresh |= {"missing": "", "given": {}}
        return _open(tx, actor, ask, memory.model_copy(update=fresh))
    if found.place is not None:
        ends = ("to", "from", "warehouse", "place")  # what was chosen before is of another place
        given = {key: text for key, text in memory.given.items() if key not in ends}
        where = {"place": found.place.code, "warehouse": "", "given": given}
        here = memory.model_copy(update=where)
        if memory.item or memory.task_id:
            return _open(tx, actor, ask, here)
        message = words.scan_what_is_missing()
        return Answer(FLOW, "start", message, {"place": here.place}, here.model_dump())
    message = found.unknown or say.unexpected_scan("单号", "缺的货品或库位")
    return Answer(FLOW, ask.state or "start", message, {}, memory.model_dump())


def submit(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """A tap: open · choose · set · launch · drop."""
    require(actor, "shortcut.use")
    memory, form = load(Memory, ask.context, "context"), load(Form, ask.inputs, "inputs")
    if ask.action == "open":
        where = form.model_dump(exclude={"choice", "values"})
        return _open(tx, actor, ask, Memory(**where, given=form.values))
    if ask.action == "choose" and memory.asked:
        again = Ask(ask.op_id, ask.state, memory.asked, memory.symbology)
        return _scanned(tx, actor, again, memory, form.choice)
    if ask.action == "set" and memory.run_id:
        return _open(tx, actor, ask, memory.model_copy(update={"given": _set(memory, form)}))
    if ask.action == "launch" and memory.run_id:
        return _launch(tx, actor, ask, memory, form.values)
    return Answer(FLOW, "start", words.scan_what_is_missing(), {}, {})


def _set(memory: Memory, form: Form) -> dict[str, str]:
    return memory.given | form.values


def _situation(tx: Tx, memory: Memory) -> Situation:
    """Where the person is, as the core wants it; codes that no longer exist are refused there."""
    if memory.item:
        item_by_code(tx.conn, memory.item)
    if memory.place:
        location_by_code(tx.conn, memory.place)
    missing = parse(memory.missing) if memory.missing else 0
    return Situation(
        memory.item, memory.place, memory.warehouse, memory.task_id, missing, memory.note
    )


def _open(tx: Tx, actor: Actor, ask: Ask, memory: Memory) -> Answer:
    wish = Open(
        f"{ask.op_id}:open",
        memory.shortcut,
        _situation(tx, memory),
        dict(memory.given),
        memory.run_id,
    )
    shown = open_form(tx, actor, wish)
    lacking = [
        each.label for each in shown.fields if each.required and each.changeable and not each.value
    ]
    return _form(memory, shown, words.form_filled(shown.title, "、".join(lacking)))


def _form(memory: Memory, shown: Proposal, message: Message) -> Answer:
    kept = memory.model_copy(update={"run_id": shown.run_id, "asked": "", "symbology": None})
    return Answer(FLOW, "form", message, asdict(shown), kept.model_dump())


def _launch(tx: Tx, actor: Actor, ask: Ask, memory: Memory, values: dict[str, str]) -> Answer:
    try:
        done = launch(tx, actor, Launch(ask.op_id, memory.run_id, dict(values)))
    except AppError as problem:
        if problem.code != STALE.code:
            raise
        kept: dict[str, str] = dict(problem.facts["kept"])
        again = memory.model_copy(update={"given": kept})
        fresh = _open(tx, actor, ask, again)
        message = words.form_stale(problem.say("zh"), problem.say("en"))
        return Answer(FLOW, "form", message, fresh.data, fresh.context)
    return Answer(FLOW, "done", words.launched(done.sentence, done.code), asdict(done), {})
