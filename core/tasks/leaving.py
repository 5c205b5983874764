"""Somebody leaves the firm: nothing goes to his chats any more, what he alone had goes to others.

At once, not at the next rung. Also the way back, when it was a mistake.

Not for signing him out (core/people/roster.py) and not for a holiday (core/calendar).
"""

from __future__ import annotations

from sqlalchemy import bindparam

from core import people
from core.db import Tx
from core.outbox import accounts
from core.people import Actor, Person
from core.tasks.change import announce, assign, joined, update
from core.tasks.face import Seat
from core.tasks.hold import NO_HOLD, ends_with_the_state, release
from core.tasks.policy import is_spec
from core.tasks.queries import inbox
from core.tasks.recipients import Recipient, people_for, resolve
from core.tasks.tables import assignments
from core.tasks.task import Task
from core.tasks.tell import Message, refresh, seats_of, tell
from core.tasks.timers import carry

LEFT = "你的账号已停用，卡片作废。有疑问请找管理员。"

_END_HIS = (
    assignments.update()
    .where(assignments.c.task_id == bindparam("task_"))
    .where(assignments.c.person_id == bindparam("person_"), assignments.c.to_us.is_(None))
    .values(to_us=bindparam("now_"), ended_reason="left")
)


def leave(tx: Tx, actor: Actor, person_id: int, why: str = "") -> None:
    """The person leaves. His cards go, what he claimed is open again, and a task that nobody else
    of his level has is given to whoever stands there now: the same role, else his manager, else
    the administrators.

    Raises:
        AppError(forbidden, not_found).
    """
    had = inbox(tx.conn, person_id)
    people.deactivate(tx, actor, person_id, why)
    for chat in people.chats_of(tx.conn, person_id):
        accounts.leave(tx, chat.channel, chat.user_id, LEFT)
    leaver = people.person(tx.conn, person_id)
    for view in had:
        _leave_task(tx, actor, view.task, leaver)


def come_back(tx: Tx, actor: Actor, person_id: int) -> None:
    """The person is back: he signs in anew, and gets new cards for what still waits for him.

    Raises:
        AppError(forbidden, not_found).
    """
    was_here = people.person(tx.conn, person_id).active
    people.reactivate(tx, actor, person_id)
    if was_here:
        return
    for view in inbox(tx.conn, person_id):
        tell(tx, view.task, [person_id], Message(f"back:{tx.now}", "new", _is_urgent(view.task)))


def _leave_task(tx: Tx, actor: Actor, task: Task, leaver: Person) -> None:
    seats = seats_of(tx.conn, task.id)
    mine = seats[leaver.id]
    known = people.standing_of(tx.conn, seats)
    here = [each for each in seats if known[each].active]
    if not any(seats[each].level >= mine.level for each in here):
        stay = [each for each in seats if each != leaver.id]
        _pass_on(tx, actor, task, leaver, mine=mine, stay=stay)
    elif task.state == "claimed" and task.holder_id == leaver.id:
        release(tx, task, actor.label, "put_back", note=f"{leaver.name} 已离职，任务放回给大家")


def _pass_on(
    tx: Tx, actor: Actor, task: Task, leaver: Person, *, mine: Seat, stay: list[int]
) -> None:
    """Others get his seat: at its level, with the clock as it is. What he held is open again."""
    found = _instead(tx, task, mine.via, leaver)
    if not found:
        return  # nobody is left who could have it
    held = task.state in ("claimed", "snoozed")
    generation = task.generation + held
    if held:
        carry(tx, task, generation, drop=ends_with_the_state)
    tx.execute(_END_HIS, {"task_": task.id, "person_": leaver.id, "now_": tx.now})
    assign(tx, task, found, level=mine.level, generation=generation)
    persons = [each.person_id for each in found]
    only = people.person(tx.conn, persons[0]) if len(persons) == 1 else None
    values = NO_HOLD | {"generation": generation}
    if held:
        values |= {"state": "open", "snooze_until": None, "remaining": []}
    if only is not None:
        values |= {"holder_id": only.id, "holder_name": only.name}
    # Who left before him and was not replaced, because others were there, keeps his seat: he may
    # come back.
    people_now, audience = joined(stay, persons), joined(task.audience, persons)
    moved = update(tx, task, people=people_now, audience=audience, **values)
    said = f"{leaver.name} 已离职，转给你"
    note = f"{leaver.name} 已离职，由别人接手"
    announce(tx, moved, "handed_over", actor.label, name=actor.name, to=persons[0], note=note)
    refresh(tx, moved)
    message = Message(f"left:{leaver.id}:{tx.now}", "new", _is_urgent(task), said)
    tell(tx, moved, persons, message)


def _instead(tx: Tx, task: Task, via: str, leaver: Person) -> list[Recipient]:
    """Whoever stands behind the reason that he had it; "role:buyer/for:12" is one for a role."""
    spec = via.partition("/")[0]
    found = resolve(tx.conn, (spec,), task, tx.now) if is_spec(spec) else []
    return found or people_for(tx.conn, (f"manager-of:{leaver.id}",), task, tx.now)


def _is_urgent(task: Task) -> bool:
    return task.card.urgent or task.priority == "urgent"
