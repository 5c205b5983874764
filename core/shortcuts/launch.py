"""Opening a form and launching it: once each, and what became of every field is written down.

A field counts as touched when what is launched is not what was shown, or when a person set it and
the form was filled anew around it. A change taken back is none. What is shown but cannot be changed
is written down apart, so that it makes no figure look better.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, NoReturn

from sqlalchemy import Row, bindparam, select

from core import events
from core.db import Tx
from core.errors import INVALID, AppError, define
from core.orders.replay import run_once
from core.people import Actor, require
from core.shortcuts.book import shortcut_of
from core.shortcuts.facts import Situation
from core.shortcuts.proposal import PERSON, Proposal, follows, propose
from core.shortcuts.tables import runs, values
from core.shortcuts.verbs import VERBS, Filling, Made

STALE = define(
    "shortcut_stale",
    409,
    "没有发起：{why}。已按现在的情况重新填好，你改过的还在；看一眼，再点一次发起。",
    "Not launched: {why}. The form is filled anew and what you changed is kept; look, then launch.",
)
LAUNCHED = define(
    "shortcut_launched",
    409,
    "没有再发：这张单已经发起过（{code}）。还要货，请重新打开一张。",
    "Not sent again: this form was launched already ({code}). Open a new one to ask for more.",
)
GONE = define(
    "shortcut_gone",
    404,
    "没有发起：找不到这张单，或不是你打开的。请重新打开，内容会再填好。",
    "Not launched: this form is unknown or somebody else's. Open it again; it fills itself.",
)
LACKING = define(
    "shortcut_lacking",
    422,
    "没有发起：{what}还没填。填好再点一次，其它内容都还在。",
    "Not launched: {what} is empty. Fill it and launch again; nothing else is lost.",
)

_RUN = select(runs).where(runs.c.id == bindparam("id_")).limit(1)
_TAKE = (
    runs.update()
    .where(runs.c.id == bindparam("run_"), runs.c.launched_at.is_(None))
    .returning(runs.c.id)
)


@dataclass(frozen=True, slots=True)
class Open:
    """Open shortcut `key` where the person is; `given` is what the person has set already.

    `again`: fill that open form anew instead of opening one. A quantity travels with its unit, or
    has the one that the form shows.
    """

    op_id: str
    key: str
    situation: Situation = field(default_factory=Situation)
    given: dict[str, str] = field(default_factory=dict)
    again: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    """Launch the form `run_id`; `values` are the fields that differ from how they were shown.

    `key`: which shortcut it must be, where the caller knows.
    """

    op_id: str
    run_id: str
    values: dict[str, str] = field(default_factory=dict)
    key: str = ""


@dataclass(frozen=True, slots=True)
class Launched:
    """What came of it: the document, the task, who was told, and the sentence that says so."""

    run_id: str
    kind: str
    id: str
    code: str
    task_id: str
    sentence: str
    told: tuple[str, ...]


def open_form(tx: Tx, actor: Actor, ask: Open) -> Proposal:
    """The filled form, remembered as opened.

    Raises:
        AppError: as `propose`; shortcut_gone, shortcut_launched (`again`), key_reused.
    """
    require(actor, "shortcut.use")
    return run_once(tx, "shortcut.open", ask, Proposal, lambda: _open(tx, actor, ask))


def _open(tx: Tx, actor: Actor, ask: Open) -> Proposal:
    run = _run(tx, actor, ask.again, ask.key) if ask.again else None
    given = dict(ask.given)
    if given.get("quantity") and not given.get("unit"):
        if run is None:
            raise AppError(INVALID, field="单位", why="改了数量，单位也要带上")
        given["unit"] = run.offered.get("unit", ("", ""))[0]
    shown = propose(tx.conn, actor, ask.key, ask.situation, tx.now, given=given)
    shown = replace(shown, run_id=tx.new_id() if run is None else run.id)
    row = {
        "key": shown.shortcut,
        "version": shown.version,
        "situation": asdict(ask.situation),
        "offered": {each.key: [each.value, each.source] for each in shown.fields},
    }
    if run is not None:
        tx.execute(runs.update().where(runs.c.id == run.id).values(**row))
        return shown
    who = {"person_id": actor.person_id, "face": actor.face}
    tx.add(runs, row | who | {"id": shown.run_id, "opened_at": tx.now})
    return shown


def launch(tx: Tx, actor: Actor, ask: Launch) -> Launched:
    """Do what the form says, once.

    Raises:
        AppError(shortcut_stale): the goods are gone, or the form is another by now. `fresh` in its
            facts is the form filled anew around `kept`, what the person had changed.
        AppError(shortcut_launched, shortcut_gone, shortcut_lacking, forbidden, invalid), and what
            the verb refuses; nothing is changed then.
    """
    require(actor, "shortcut.use")
    return run_once(tx, "shortcut.launch", ask, Launched, lambda: _launch(tx, actor, ask))


def _run(tx: Tx, actor: Actor, run_id: str, key: str) -> Row[Any]:
    """The person's own form, still open."""
    run = tx.execute(_RUN, {"id_": run_id}).first()
    if run is None or run.person_id != actor.person_id or key not in ("", run.key):
        raise AppError(GONE)
    if run.launched_at is not None:
        raise AppError(LAUNCHED, code=run.made_code)
    return run


def _launch(tx: Tx, actor: Actor, ask: Launch) -> Launched:
    run = _run(tx, actor, ask.run_id, ask.key)
    shortcut = shortcut_of(tx.conn, run.key)
    mine = [each for each in shortcut.fields if each.key in VERBS[shortcut.verb].params]
    final = {each.key: run.offered.get(each.key, ("", ""))[0] for each in mine} | ask.values
    touched = _touched(run, final)
    if shortcut.version != run.version:
        _refuse(tx, actor, run, touched, why=f"「{shortcut.title}」的填法刚改过")
    empty = [each.label for each in mine if each.required and not final[each.key].strip()]
    if empty:
        raise AppError(LACKING, what="、".join(empty))
    shown = propose(tx.conn, actor, run.key, Situation(**run.situation), tx.now, given=final)
    filling = Filling(shortcut, run.id, ask.op_id, shown.changeable())
    verb = VERBS[shortcut.verb]
    why = verb.why_not(tx.conn, filling, tx.now)
    if why:
        _refuse(tx, actor, run, touched, why=why)
    made = verb.run(tx, actor, filling)
    _keep(tx, actor, run, made)
    _keep_values(tx, run, shown, touched)
    sentence = f"已发起{shown.title} {made.sentence}。{follows(shown, '已推送给')}"
    return Launched(run.id, made.kind, made.id, made.code, made.task_id, sentence, shown.told)


def _touched(run: Row[Any], final: dict[str, str]) -> dict[str, str]:
    """What a person changed, and to what; see the module's docstring."""
    shown = {key: run.offered.get(key, ("", "")) for key in final}
    return {
        key: value
        for key, value in final.items()
        if value != shown[key][0] or shown[key][1] == PERSON
    }


def _refuse(tx: Tx, actor: Actor, run: Row[Any], touched: dict[str, str], *, why: str) -> NoReturn:
    """Refuse a form whose facts have moved on, with one filled anew around what was touched."""
    kept = {key: text for key, text in touched.items() if key != "from"}
    known = {each.key for each in shortcut_of(tx.conn, run.key).fields}
    kept = {key: text for key, text in kept.items() if key in known}
    if kept.get("quantity"):
        kept.setdefault("unit", run.offered["unit"][0])
    fresh = propose(tx.conn, actor, run.key, Situation(**run.situation), tx.now, given=kept)
    raise AppError(STALE, why=why, kept=kept, fresh=asdict(replace(fresh, run_id=run.id)))


def _keep(tx: Tx, actor: Actor, run: Row[Any], made: Made) -> None:
    taken = {"launched_at": tx.now, "made_kind": made.kind, "made_id": made.id}
    row = tx.execute(_TAKE, taken | {"made_code": made.code, "run_": run.id}).first()
    if row is None:
        raise AppError(LAUNCHED, code=made.code)
    payload = {"run": run.id, "made": f"{made.kind}:{made.id}", "code": made.code}
    payload |= {"opened_at": run.opened_at, "version": run.version}
    events.append(tx, "shortcut.launched", f"shortcut:{run.key}", actor.label, payload)


def _keep_values(tx: Tx, run: Row[Any], shown: Proposal, touched: dict[str, str]) -> None:
    rows = []
    for each in shown.fields:
        value, source = run.offered.get(each.key, ("", ""))
        row = {
            "run_id": run.id,
            "field": each.key,
            "key": run.key,
            "source": source,
            "offered": value,
            "final": each.value,
            "touched": each.key in touched,
            "changeable": each.changeable,
            "at": tx.now,
        }
        rows.append(row)
    tx.add(values, rows)
