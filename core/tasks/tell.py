"""What the people of a task are sent: one card each, edited in place when anything changes.

Runs in the task's transaction and only writes the outbox. One card may speak for several tasks of a
group that climbed to the same person (`assignment.card_on` names the task whose card it is). What
a card says beyond its own facts is in `face.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache

from sqlalchemy import Connection, bindparam, select

from core.db import Tx
from core.outbox import queue
from core.outbox.card import Card
from core.outbox.channel import GROUP
from core.outbox.rules import Priority
from core.tasks.change import load
from core.tasks.face import Seat, card_of
from core.tasks.tables import assignments, tasks
from core.tasks.task import LIVE, Task
from core.tasks.timers import left_until

MOST = 500
SPEAKS = "open"  # a task that somebody holds, or whose clock stands, is silent: for siblings too

_SEATS = (
    select(assignments.c.person_id, assignments.c.level, assignments.c.via, assignments.c.card_on)
    .where(assignments.c.task_id == bindparam("task_"), assignments.c.to_us.is_(None))
    .order_by(assignments.c.id)
    .limit(MOST)
)
_GUESTS = (
    select(assignments.c.person_id, assignments.c.task_id, tasks.c.title, tasks.c.state)
    .join(tasks, tasks.c.id == assignments.c.task_id)
    .where(assignments.c.card_on == bindparam("task_"), assignments.c.task_id != bindparam("task_"))
    .where(assignments.c.to_us.is_(None), tasks.c.state.in_(LIVE))
    .order_by(assignments.c.id)
    .limit(MOST)
)
_HOSTS = (
    select(assignments.c.card_on)
    .distinct()
    .where(assignments.c.task_id == bindparam("task_"), assignments.c.card_on.is_not(None))
    .where(assignments.c.card_on != bindparam("task_"))
    .limit(MOST)
)
_SPEAKER = (
    select(assignments.c.card_on)
    .join(tasks, tasks.c.id == assignments.c.card_on)
    .where(assignments.c.group_key == bindparam("group_"))
    .where(assignments.c.level == bindparam("level_"))
    .where(assignments.c.person_id == bindparam("person_"))
    .where(assignments.c.to_us.is_(None), tasks.c.state == SPEAKS)
    .order_by(assignments.c.id)
    .limit(1)
)
_MOVE_CARD = assignments.update().where(
    assignments.c.card_on == bindparam("from_"),
    assignments.c.task_id == bindparam("task_"),
    assignments.c.person_id == bindparam("person_"),
    assignments.c.to_us.is_(None),
)


@dataclass(frozen=True, slots=True)
class Message:
    """Why a card goes out. `key` is unique for the task's generation; `note` is said first."""

    key: str
    priority: Priority
    urgent: bool = False
    note: str = ""
    ding: bool = False


def seats_of(conn: Connection, task_id: str) -> dict[int, Seat]:
    """Who has the task now, at which level and why; the newest assignment of each person."""
    rows = conn.execute(_SEATS, {"task_": task_id})
    return {row.person_id: Seat(row.level, row.via, row.card_on) for row in rows}


def speaker_for(conn: Connection, task: Task, level: int, person_id: int) -> str:
    """The task whose card tells `person_id` about this climb: a sibling's, or its own."""
    if not task.group:
        return task.id
    values = {"group_": task.group, "level_": level, "person_": person_id}
    return conn.execute(_SPEAKER, values).scalar() or task.id


def tell(
    tx: Tx,
    task: Task,
    persons: Iterable[int],
    message: Message,
    *,
    seats: dict[int, Seat] | None = None,
    first: bool = False,
) -> None:
    """Queue one card per person, unless a sibling's card already speaks to him.

    `seats`: what `seats_of` would answer, where it is known. `first`: the task was opened just now,
    and nobody was told anything.
    """
    if "chat" not in task.surfaces:
        return
    seats = seats_of(tx.conn, task.id) if seats is None else seats
    told = [each for each in persons if each in seats and seats[each].card_on == task.id]
    if not told:
        return
    made = _maker(tx, task, message.note, seats)
    card_for = (lambda each: replace(made(each), ding=True)) if message.ding else made
    outs = [
        queue.Outgoing(
            task_id=task.id,
            generation=task.generation,
            person_id=person_id,
            card=card_for(person_id),
            key=f"{task.id}:{task.generation}:{message.key}:{person_id}",
            priority=message.priority,
            urgent=message.urgent,
            group=task.group,
            can_wait=(task.due_at or 0) if message.priority == "reminder" else 0,
        )
        for person_id in told
    ]
    queue.put_all(tx, outs, first=first)


def say_in_group(tx: Tx, task: Task, person_id: int, message: Message) -> None:
    """Say in the team's group what was just told to a person of the task: words, no buttons.

    Nothing where a sibling's card speaks to that person: the sibling's words were said already.
    """
    seats = seats_of(tx.conn, task.id)
    if seats[person_id].card_on != task.id:
        return
    card = _maker(tx, task, message.note, seats)(person_id)
    out = queue.Outgoing(
        task_id=task.id,
        generation=task.generation,
        person_id=person_id,
        card=replace(card, buttons=(), picture=""),
        key=f"{task.id}:{task.generation}:{message.key}:{person_id}",
        priority=message.priority,
        urgent=message.urgent,
    )
    queue.put_to(tx, out, GROUP, "team")


def refresh(tx: Tx, task: Task) -> None:
    """Bring every card of the task up to date; drop what an older generation had not sent yet.

    Cards of siblings that speak for this task are redrawn too, and a card that can no longer speak
    for others hands that over to the next of them.
    """
    if task.group:
        _hand_card_on(tx, task)
    if "chat" in task.surfaces:
        redraw(tx, task, drop_older=True)
    if task.group:
        for host in tx.execute(_HOSTS, {"task_": task.id}).scalars().all():
            redraw(tx, load(tx.conn, host))


def redraw(tx: Tx, task: Task, *, drop_older: bool = False) -> None:
    """Every card of the task, sent or not, says what is true now."""
    cards = _cards(tx, task)
    queue.edit_everywhere(tx, task.id, cards, generation=task.generation, drop_older=drop_older)


def _hand_card_on(tx: Tx, task: Task) -> None:
    """Whoever loses this task's card gets one for the siblings it spoke for: the first open one
    speaks for the others from now on.
    """
    guests = tx.execute(_GUESTS, {"task_": task.id}).all()
    stays = task.people if task.state == SPEAKS else ()
    left = [each for each in guests if each.person_id not in stays]
    speakers: dict[int, str] = {}
    for guest in left:
        if guest.state == SPEAKS:
            speakers.setdefault(guest.person_id, guest.task_id)
    for guest in left:
        card_on = speakers.get(guest.person_id, guest.task_id)
        values = {"from_": task.id, "task_": guest.task_id, "person_": guest.person_id}
        tx.execute(_MOVE_CARD.values(card_on=card_on), values)
    for guest in left:
        if speakers.get(guest.person_id, guest.task_id) == guest.task_id:
            sibling = load(tx.conn, guest.task_id)
            tell(tx, sibling, [guest.person_id], Message(f"after:{task.id}", "new"))


def _cards(tx: Tx, task: Task) -> Callable[[int], Card]:
    """What makes a person's card; nothing is read before somebody needs one."""
    made: list[Callable[[int], Card]] = []

    def card_for(person_id: int) -> Card:
        if not made:
            made.append(_maker(tx, task, "", seats_of(tx.conn, task.id)))
        return made[0](person_id)

    return card_for


def _maker(tx: Tx, task: Task, note: str, seats: dict[int, Seat]) -> Callable[[int], Card]:
    guests: dict[int, list[str]] = {}
    if task.group and task.is_live:
        for guest in tx.execute(_GUESTS, {"task_": task.id}):
            guests.setdefault(guest.person_id, []).append(guest.title)
    left = 0
    if task.due_at is not None:
        clock = task.policy.clock
        left = left_until(tx.conn, task.calendar, clock, tx.now, task.due_at)

    @cache  # a role's people sit on alike seats, so one drawing serves them all
    def drawn(seat: Seat | None, siblings: tuple[str, ...]) -> Card:
        return card_of(task, seat, now=tx.now, left=left, siblings=siblings, note=note)

    return lambda each: drawn(seats.get(each), tuple(guests.get(each, ())))
