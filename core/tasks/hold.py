"""Who holds the baton: claim it, put it back, hand it over. Closing is in board.py."""

from __future__ import annotations

from typing import Any

from core import people
from core.clock import Instant
from core.db import Tx
from core.errors import INVALID, AppError
from core.people import Actor
from core.tasks.change import admit, announce, assign, end_assignments, fence, joined, update
from core.tasks.face import Seat
from core.tasks.recipients import Recipient, could
from core.tasks.rules import CLAIMED, Planned, kind_of, next_state
from core.tasks.task import Task
from core.tasks.tell import Message, refresh, tell
from core.tasks.timers import carry, carry_while_claimed, reckoner, write
from core.tasks.words import STATES, clock_text

NO_HOLD: dict[str, Any] = {"holder_id": None, "holder_name": "", "claimed_at": None}


def claim(tx: Tx, actor: Actor, task_id: str, generation: int | None = None) -> Task:
    """「我来处理」: the others see who is on it and are not called again. Repeatable by the holder.

    What the policy stops on a claim waits in the drawer; an answer that never comes puts the task
    back after `claim_expires`.

    Raises:
        AppError(claimed): somebody else was faster. AppError(already_done, stale_card, not_yours,
        not_now, forbidden).
    """
    before = admit(tx, actor, "task.claim", task_id, None)
    if before.state == "claimed" and before.claimed_at is not None:
        if before.holder_id == actor.person_id:
            return before
        raise AppError(CLAIMED, name=before.holder_name, at=clock_text(before.claimed_at))
    fence(before, generation)
    state = next_state("claim", before.state, STATES[before.state])
    drawer = carry_while_claimed(tx, before, before.generation + 1)
    held = update(
        tx,
        before,
        state=state,
        generation=before.generation + 1,
        holder_id=actor.person_id,
        holder_name=actor.name,
        claimed_at=tx.now,
        snooze_until=None,
        remaining=[each.to_json() for each in drawer],
    )
    policy = held.policy
    if policy.claim_expires:
        expires = reckoner(tx.conn, held.calendar)(policy.clock, tx.now, policy.claim_expires)
        moment = Planned("claim", policy.clock, tx.now, policy.claim_expires, expires)
        write(tx, held, held.generation, [moment])
    announce(tx, held, "claimed", actor.label, name=actor.name, face=actor.face)
    refresh(tx, held)
    return held


def put_back(tx: Tx, actor: Actor, task_id: str) -> Task:
    """Give a claimed task back to all its people; the ladder goes on with its old moments.

    Raises:
        AppError(not_now): nobody holds it. AppError(already_done, not_yours, forbidden).
    """
    before = admit(tx, actor, "task.claim", task_id, None)
    next_state("put_back", before.state, STATES[before.state])
    return release(tx, before, actor.label, "put_back", note=f"{before.holder_name} 放回了任务")


def release(tx: Tx, before: Task, by: str, verb: str, *, note: str) -> Task:
    """From claimed or snoozed to open: timers come out of the drawer, everybody is told."""
    carry(tx, before, before.generation + 1, drop=ends_with_the_state)
    hold = NO_HOLD if before.state == "claimed" else {}
    task = update(
        tx,
        before,
        state="open",
        generation=before.generation + 1,
        snooze_until=None,
        remaining=[],
        **hold,
    )
    announce(tx, task, verb, by)
    refresh(tx, task)
    tell(tx, task, task.people, Message(verb, "reminder", note=note))
    return task


def ends_with_the_state(moment: Planned, _due: Instant) -> bool:
    """True for what belongs to a claim or a snooze and goes with it."""
    return kind_of(moment.key) in ("claim", "snooze")


def hand_over(tx: Tx, actor: Actor, task_id: str, to_person: int, note: str) -> Task:
    """Pass the baton to one person: he alone has the task now, the level and the clock stay.

    Raises:
        AppError(not_found): no such person. AppError(invalid): he has left, may not answer it (a
            viewer, another supplier), or has it already.
        AppError(already_done, not_yours, not_now, forbidden).
    """
    people.ask_for(tx.conn, to_person)
    before = admit(tx, actor, "task.hand_over", task_id, None)
    state = next_state("hand_over", before.state, STATES[before.state])
    person = people.person(tx.conn, to_person)
    if not person.active:
        raise AppError(INVALID, field="转交给", why=f"{person.name} 已离职，请换一个人")
    if not could(person, "task.act", before):
        raise AppError(INVALID, field="转交给", why=_cannot(person, before))
    if before.people == (to_person,):
        raise AppError(INVALID, field="转交给", why=f"任务本来就在 {person.name} 手上")

    carry(tx, before, before.generation + 1, drop=ends_with_the_state)
    end_assignments(tx, before.id, "handed_over")
    recipient = Recipient(to_person, f"handed-over-by:{actor.person_id}")
    assign(tx, before, [recipient], level=before.level, generation=before.generation + 1)
    task = update(
        tx,
        before,
        state=state,
        generation=before.generation + 1,
        holder_id=to_person,
        holder_name=person.name,
        claimed_at=None,
        snooze_until=None,
        remaining=[],
        people=[to_person],
        audience=joined(before.audience, [to_person]),
    )
    announce(tx, task, "handed_over", actor.label, name=actor.name, to=to_person, note=note)
    refresh(tx, task)
    said = f"{actor.name} 转交给你" + (f"：{note}" if note else "")
    seats = {to_person: Seat(task.level, recipient.via, task.id)}
    tell(tx, task, [to_person], Message("hand_over", "new", note=said), seats=seats)
    return task


def _cannot(person: people.Person, task: Task) -> str:
    """Why nobody could use it there, and who could."""
    roles = people.VERBS["task.act"] - {"supplier"}
    able = "、".join(label for role, label in people.ROLES.items() if role in roles)
    instead = f"同事（{able}）" + ("或这家供应商自己的人" if task.partner_id else "")
    if person.partner_id is not None:
        return f"{person.name} 是别的往来单位的人，不能处理这件事，请换成{instead}"
    label = "、".join(people.ROLES[role] for role in person.roles)
    return f"{person.name} 是「{label}」，不能处理这件事，请换成{instead}"
