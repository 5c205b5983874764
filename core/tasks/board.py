"""Opening and closing tasks: the compare-and-set that makes a task resolve exactly once.

`open_task`, `settle_task` and `cancel_task` are consequences of a verb that was already allowed and
ask for no permission of their own; `ask` and `close_task` are a person's doing and do. Holding is
in hold.py, the clock in pause.py, words in talk.py, lists in queries.py, lateness in escalation.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, select

from core import calendar
from core.clock import Instant
from core.db import Tx, whole
from core.errors import AppError
from core.people import Actor, Thing, require
from core.tasks.change import admit, announce, assign, end_assignments, joined, load, update
from core.tasks.face import Seat
from core.tasks.policy import WORKING
from core.tasks.queries import Filters, Page, board, history, inbox, task, tasks_of
from core.tasks.recipients import Recipient, people_for
from core.tasks.rules import TWIN_LIVES, next_state, openers
from core.tasks.tables import LIVE_DEDUPE, tasks
from core.tasks.task import LIVE, NewTask, Task, TaskView, from_row
from core.tasks.tell import Message, refresh, tell
from core.tasks.timers import reckoner, write
from core.tasks.words import STATES

_LIVE_WITH = select(tasks.c.id).where(tasks.c.dedupe_key == bindparam("key_"), LIVE_DEDUPE).limit(1)

__all__ = [
    "LIVE",
    "Filters",
    "NewTask",
    "Page",
    "Task",
    "TaskView",
    "ask",
    "board",
    "cancel_task",
    "close_task",
    "history",
    "inbox",
    "open_task",
    "reopen",
    "settle_task",
    "task",
    "tasks_of",
]


def ask(tx: Tx, actor: Actor, new: NewTask) -> Task:
    """`open_task` as a person's own wish, from a door.

    Raises:
        AppError(forbidden): the person may not open tasks.
    """
    require(actor, "task.open", Thing("task", "", frozenset(), new.partner_id, new.warehouse_id))
    return open_task(tx, actor, new)


def open_task(tx: Tx, actor: Actor, new: NewTask, *, first: bool = False) -> Task:
    """Open a task, its timers and its cards, or count one more cause of the live one.

    With a `dedupe_key` that a live task carries, that task's `repeat_count` rises and it is
    answered. When nobody stands behind `new.to`, administrators get it. `first`: what the key names
    was made by this very command, so no task can carry it.
    """
    if new.dedupe_key and not first:
        known = live_with(tx, new.dedupe_key)
        if known is not None:
            return _again(tx, actor, known)
    if new.policy.clock == WORKING:
        calendar.ask_for(tx.conn, new.calendar)
    recipients = people_for(tx.conn, new.to, new, tx.now)
    reckon = reckoner(tx.conn, new.calendar)
    due_at = reckon(new.policy.clock, tx.now, new.policy.respond_within)
    opened = _insert(tx, actor, new, recipients, due_at=due_at)
    assign(tx, opened, recipients, level=0, generation=opened.generation)
    write(tx, opened, opened.generation, openers(new.policy, tx.now, reckon))
    announce(tx, opened, "opened", actor.label)
    urgent = opened.card.urgent or opened.priority == "urgent"
    seats = {each.person_id: Seat(0, each.via, opened.id) for each in recipients}
    tell(tx, opened, opened.people, Message("open", "new", urgent), seats=seats, first=True)
    return opened


def close_task(
    tx: Tx,
    actor: Actor,
    task_id: str,
    generation: int | None,
    *,
    outcome: dict[str, Any],
    sentence: str,
) -> Task:
    """A person's answer; exactly one wins. `generation` is the one the button was made for.

    A claim is a signal, not a lock: every present assignee may answer.

    Raises:
        AppError(already_done): somebody answered first; says who, where and when.
        AppError(stale_card): the button is older than the task's state.
        AppError(not_yours, forbidden): not the actor's to answer.
    """
    before = admit(tx, actor, "task.act", task_id, generation)
    return _finish(tx, actor, before, "close", outcome=outcome, sentence=sentence)


def settle_task(
    tx: Tx, actor: Actor, task_id: str, *, outcome: dict[str, Any], sentence: str
) -> Task:
    """Close because a fact happened (the goods are in): no permission, no fence, repeatable."""
    before = load(tx.conn, task_id)
    if not before.is_live:
        return before
    return _finish(tx, actor, before, "close", outcome=outcome, sentence=sentence)


def cancel_task(tx: Tx, actor: Actor, task_id: str, why: str) -> Task:
    """The cause is gone: end the task without an answer. Repeatable; a closed task stays closed."""
    before = load(tx.conn, task_id)
    if not before.is_live:
        return before
    return _finish(tx, actor, before, "cancel", outcome={}, sentence=why)


def reopen(tx: Tx, actor: Actor, task_id: str, why: str) -> Task:
    """Take a closed task up again: the same people as far as they are still here (else whoever
    stands in, else administrators), the whole time anew, no level.

    Raises:
        AppError(not_now): it is live. AppError(twin_lives, forbidden).
    """
    before = load(tx.conn, task_id)
    require(actor, "task.reopen", before.thing)
    state = next_state("reopen", before.state, STATES[before.state])
    if before.dedupe_key and live_with(tx, before.dedupe_key) is not None:
        raise AppError(TWIN_LIVES, title=before.title)
    reckon = reckoner(tx.conn, before.calendar)
    specs = tuple(f"person:{each}" for each in before.people)
    recipients = [
        each if each.via.startswith("nobody:") else replace(each, via=f"reopened:{actor.label}")
        for each in people_for(tx.conn, specs, before, tx.now)
    ]
    people = [each.person_id for each in recipients]
    again = update(
        tx,
        before,
        state=state,
        generation=before.generation + 1,
        level=0,
        holder_id=None,
        holder_name="",
        claimed_at=None,
        due_at=reckon(before.policy.clock, tx.now, before.policy.respond_within),
        closed_by=None,
        closed_name="",
        closed_face="",
        closed_at=None,
        outcome=None,
        sentence="",
        people=people,
        audience=joined(before.audience, people),
    )
    assign(tx, again, recipients, level=0, generation=again.generation)
    write(tx, again, again.generation, openers(again.policy, tx.now, reckon))
    announce(tx, again, "reopened", actor.label, name=actor.name, why=why)
    refresh(tx, again)
    tell(tx, again, again.people, Message("reopen", "new", note=f"{actor.name} 重开：{why}"))
    return again


def live_with(tx: Tx, dedupe_key: str) -> Task | None:
    """The live task of a cause, if there is one."""
    found = tx.execute(_LIVE_WITH, {"key_": dedupe_key}).scalar()
    return None if found is None else load(tx.conn, found)


def _again(tx: Tx, actor: Actor, known: Task) -> Task:
    task = update(tx, known, repeat_count=known.repeat_count + 1)
    announce(tx, task, "repeated", actor.label)
    refresh(tx, task)
    return task


def _insert(
    tx: Tx, actor: Actor, new: NewTask, recipients: list[Recipient], *, due_at: Instant
) -> Task:
    people = joined([], (each.person_id for each in recipients))
    task_id = tx.new_id()
    row = {
        "id": task_id,
        "kind": new.kind,
        "title": new.title,
        "subject": new.subject,
        "state": "open",
        "generation": 1,
        "level": 0,
        "priority": new.priority,
        "context": new.context,
        "card": replace(new.card, closed=False, result="").to_json(),
        "policy": new.policy.to_json(),
        "calendar": new.calendar,
        "surfaces": list(new.surfaces),
        "people": people,
        "audience": joined(people, new.hears),
        "opened_by": actor.label,
        "opened_at": tx.now,
        "due_at": due_at,
        "group_key": new.group,
        "dedupe_key": new.dedupe_key or None,
        "warehouse_id": new.warehouse_id,
        "partner_id": new.partner_id,
    }
    row = dict.fromkeys(tasks.c.keys()) | whole(tasks, row)
    tx.add(tasks, row)
    return from_row(row)


def _finish(
    tx: Tx, actor: Actor, before: Task, verb: str, *, outcome: dict[str, Any], sentence: str
) -> Task:
    """The exit: next generation (every timer and button is stale), every card tells who won."""
    state = next_state(verb, before.state, STATES[before.state])
    closed = update(
        tx,
        before,
        state=state,
        generation=before.generation + 1,
        remaining=[],
        snooze_until=None,
        paused_at=None,
        pause_why="",
        closed_by=actor.person_id,
        closed_name=actor.name,
        closed_face=actor.face,
        closed_at=tx.now,
        outcome=outcome,
        sentence=sentence,
    )
    end_assignments(tx, closed.id, state)
    announce(tx, closed, "done" if state == "done" else "cancelled", actor.label)
    refresh(tx, closed)
    return closed
