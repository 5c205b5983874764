"""Escalation: timers that are due become reminders, new holders and cards, in one transaction.

The promises: never early; a timer of an older generation only turns `stale`; what follows counts
from the planned moment, never from now; after a standstill one rung is climbed and one card sent,
and the next rung waits `min_gap`. A crash before the commit leaves everything as it was.
Not here: who decides what a policy means (rules.py), what a card says (face.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, bindparam, func, select

from core import people
from core.bulk import Bulk, Lookup, given
from core.bus import TIMER
from core.clock import MINUTE, Instant
from core.db import Database, Tx
from core.engine import Step, command_step
from core.outbox import queue
from core.tasks.change import announce, assign, joined, load, update
from core.tasks.face import EARLY
from core.tasks.hold import NO_HOLD, release
from core.tasks.pause import run_again
from core.tasks.policy import HOLD, NATURAL, NEXT, Rung
from core.tasks.recipients import Recipient, resolve
from core.tasks.rules import (
    LATE,
    Planned,
    due_of_next,
    is_rung,
    kind_of,
    level_of,
    next_rung,
    number_of,
    repeats,
    retry_key,
    rung_of,
)
from core.tasks.tables import PENDING, tasks, timers
from core.tasks.task import LIVE, Task
from core.tasks.tell import Message, refresh, say_in_group, seats_of, speaker_for, tell
from core.tasks.timers import COLUMNS, Timer, carry, moment_of, reckoner, repeats_after, write
from core.tasks.words import moment, standstill, waiting

BATCH = 25  # timers acted on in one transaction: whoever writes meanwhile waits for it
SWEPT = 1_000  # timers looked at in one: those of tasks that moved on cost next to nothing
LOOK_AGAIN = 15 * MINUTE
_WAKES = {"claim": "claimed", "snooze": "snoozed", "pause": "paused"}  # timer → state it ends
MOST_LOOKS = 96  # a day of looking for somebody on duty, then the administrators

_DUE = (
    select(*COLUMNS)
    .where(PENDING, timers.c.due_us <= bindparam("now_"))
    .order_by(timers.c.due_us, timers.c.id)
    .limit(bindparam("limit_"))
)
_NEXT = select(func.min(timers.c.due_us)).where(PENDING)
_MARK = (
    timers.update()
    .where(timers.c.id == bindparam("id_"), timers.c.state == "pending")
    .values(state=bindparam("state_"), outcome=bindparam("outcome_"), fired_us=bindparam("now_"))
)
_LAID = given(id_=int, now_=int).c
_LAY_ASIDE = Bulk(
    timers.update()
    .where(timers.c.id == _LAID.id_, timers.c.state == "pending")
    .values(state="stale", fired_us=_LAID.now_)
)


class Standing(Protocol):
    """What decides whether a timer may still act: a task, or the two columns of it."""

    @property
    def generation(self) -> int: ...

    @property
    def is_live(self) -> bool: ...


class _Standing(NamedTuple):
    id: str
    generation: int
    state: str

    @property
    def is_live(self) -> bool:
        return self.state in LIVE


_STANDING = Lookup(
    select(tasks.c.id, tasks.c.generation, tasks.c.state).where(
        tasks.c.id.in_(bindparam("many", expanding=True))
    ),
    _Standing._make,
)


@dataclass(frozen=True, slots=True)
class Firing:
    """The two decisions on which exactness hangs, named so that tests can break them.

    `is_live`: may this timer still act on this task? `anchor`: from which instant does the next
    rung count, given the timer and now?
    """

    is_live: Callable[[Timer, Standing], bool]
    anchor: Callable[[Timer, Instant], Instant]


def _same_generation(timer: Timer, task: Standing) -> bool:
    return task.is_live and timer.generation == task.generation


def _planned_moment(timer: Timer, _now: Instant) -> Instant:
    return timer.planned


EXACT = Firing(is_live=_same_generation, anchor=_planned_moment)


def escalation_step(db: Database) -> Step:
    """The engine step that fires timers."""
    return command_step(db, "escalation", fire, next_due, topics=(TIMER,))


def next_due(conn: Connection) -> Instant | None:
    """When the next timer is due, None when none is pending."""
    due: Instant | None = conn.execute(_NEXT).scalar()
    return due


def lag(conn: Connection, now: Instant) -> Instant:
    """How late the oldest due timer is, µs; 0 when nothing is overdue."""
    due = next_due(conn)
    return 0 if due is None else max(0, now - due)


def fire(tx: Tx, limit: int = BATCH, how: Firing = EXACT) -> int:
    """Act on up to `limit` due timers, oldest first, and lay aside those whose task moved on.

    Answers how many were taken. After a standstill most are of the second kind.
    """
    due = take_due(tx, max(limit, SWEPT))
    standing = {each.id: each for each in _STANDING.rows(tx.conn, (timer.task_id for timer in due))}
    live = [timer for timer in due if how.is_live(timer, standing[timer.task_id])]
    spared = {timer.id for timer in live}
    stale = [(timer.id, tx.now) for timer in due if timer.id not in spared]
    _LAY_ASIDE.run(tx, stale)
    taken = live[:limit]
    for task_id, group in groupby(sorted(taken, key=_by_task), lambda timer: timer.task_id):
        act(tx, load(tx.conn, task_id), list(group), how)
    return len(taken) + len(stale)


def take_due(tx: Tx, limit: int = BATCH) -> list[Timer]:
    """What is due now, oldest first. Reads only: marking belongs to `act`, with the effect."""
    rows = tx.execute(_DUE, {"now_": tx.now, "limit_": limit}).mappings()
    return [Timer(**row) for row in rows]


def act(tx: Tx, task: Task, due: list[Timer], how: Firing = EXACT) -> None:
    """Everything that is due for one task, in one go: at most one rung, at most one card a person.

    A rung dominates what is due with it; if it finds nobody, what ends the task's rest acts too.
    """
    live = [timer for timer in due if how.is_live(timer, task)]
    mark(tx, [timer for timer in due if timer not in live], "stale", "")
    for timer in live:
        if kind_of(timer.key) == "repeat":
            _plan_repeat(tx, task, timer)
    chosen, wakes = _dominant(live, task), _waker(live, task)
    for timer in live:
        if timer is not wakes:
            acted = timer is chosen or timer.key == "due"
            mark(tx, [timer], "fired", "acted" if acted else "collapsed")
    if any(timer.key == "due" for timer in live):
        announce(tx, task, "overdue", "engine")
    reached = chosen is not None and is_rung(chosen.key) and climb(tx, task, chosen, how)
    if wakes is not None:
        mark(tx, [wakes], "fired", "collapsed" if reached else "acted")
    if wakes is not None and not reached:
        _wake(tx, load(tx.conn, task.id), wakes)
    elif chosen is None:
        refresh(tx, task)
    elif not is_rung(chosen.key):
        _nag(tx, task, chosen)


def mark(tx: Tx, due: list[Timer], state: str, outcome: str) -> None:
    """Write how timers ended; in the same transaction as their effect."""
    rows = [
        {"id_": timer.id, "state_": state, "outcome_": outcome, "now_": tx.now} for timer in due
    ]
    if rows:
        tx.execute(_MARK, rows)


def _by_task(timer: Timer) -> tuple[str, Instant, int]:
    return timer.task_id, timer.due, timer.id


def _dominant(live: list[Timer], task: Task) -> Timer | None:
    """The one timer that is acted on: a rung, else what wakes the task, else the newest nag."""
    for timer in live:
        if is_rung(timer.key):
            return timer
    wakes = _waker(live, task)
    if wakes is not None or task.state == "snoozed":  # a new calendar may move nags into the quiet
        return wakes
    nags = [
        timer
        for timer in live
        if kind_of(timer.key) == "remind"
        or (kind_of(timer.key) == "repeat" and level_of(timer.key) == task.level)
    ]
    return nags[-1] if nags else None


def _waker(live: list[Timer], task: Task) -> Timer | None:
    """What ends the claim, snooze or pause that the task is in."""
    return next((each for each in live if _WAKES.get(kind_of(each.key)) == task.state), None)


def _late_note(timer: Timer, now: Instant) -> str:
    late = now - timer.due
    return f"{standstill(late)}，这一步原定 {moment(timer.due)}" if late >= LATE else ""


def climb(tx: Tx, task: Task, timer: Timer, how: Firing = EXACT, *, said: str = "") -> bool:
    """Give the task to the people of its next rung, plan what follows, tell everybody.

    `said`: somebody wants it now, and this is what its people read first; no rung holds then.
    Answers whether it reached anybody.
    """
    level, rung = level_of(timer.key), rung_of(task.policy, timer.key)
    tired = bool(said) or number_of(timer.key) >= MOST_LOOKS
    recipients, missing = _people_of(tx, task, rung, timer, tired=tired)
    if said:
        recipients = [replace(each, via=f"{each.via[:110]}{EARLY}") for each in recipients]
    if missing:
        announce(tx, task, "nobody", "engine", level=level, to=list(rung.to))
    if not recipients and rung.if_nobody == HOLD and not tired:
        again = timer.planned + LOOK_AGAIN
        key = retry_key(level, number_of(timer.key) + 1)
        write(tx, task, task.generation, [Planned(key, NATURAL, timer.planned, LOOK_AGAIN, again)])
        return False
    climbed = _seat(tx, task, level, recipients)
    _plan_next(tx, climbed, timer, how, at_once=not recipients and rung.if_nobody == NEXT)
    _announce_climb(tx, climbed, timer, recipients, early=bool(said))
    persons = [each.person_id for each in recipients]
    refresh(tx, climbed)
    note = said or _late_note(timer, tx.now)
    message = Message(timer.key, "escalation", rung.urgent, note, rung.ding)
    tell(tx, climbed, persons, message)
    if rung.group and persons:
        say_in_group(tx, climbed, persons[0], message)
    if climbed.generation != task.generation:
        tell_missed(tx, climbed, timer)
    return bool(recipients)


def tell_missed(tx: Tx, task: Task, timer: Timer) -> None:
    """Whose first card had not gone when somebody took the task never heard of it."""
    missed = queue.unreached(tx.conn, task.id, task.people)
    tell(tx, task, missed, Message(timer.key, "new"))


def _people_of(
    tx: Tx, task: Task, rung: Rung, timer: Timer, *, tired: bool
) -> tuple[list[Recipient], bool]:
    """Whom a rung reaches, and whether its own recipients were missing."""
    found = resolve(tx.conn, rung.to, task, tx.now)
    if found:
        return found, False
    last = level_of(timer.key) == len(task.policy.rungs)
    tired = tired and rung.if_nobody == HOLD
    if rung.if_nobody not in (NEXT, HOLD):
        found = resolve(tx.conn, (rung.if_nobody,), task, tx.now)
    if not found and (tired or (last and rung.if_nobody != HOLD)):
        found = resolve(tx.conn, ("role:admin",), task, tx.now)
    return [replace(each, via=f"nobody:{'+'.join(rung.to)}"[:120]) for each in found], True


def _seat(tx: Tx, task: Task, level: int, recipients: list[Recipient]) -> Task:
    """The task one level up: its new holder, and everybody who may act on it now.

    A claim or snooze ends with it, so a new generation begins; an open task keeps its own, and
    with it the buttons on everybody's cards.
    """
    persons = [each.person_id for each in recipients]
    holder = people.person(tx.conn, persons[0]) if len(persons) == 1 else None
    ends = bool(recipients) and task.state in ("claimed", "snoozed")
    generation = task.generation + 1 if ends else task.generation
    if ends:
        carry(tx, task, generation, drop=ends_with_hold, restore=False)
    values: dict[str, object] = {"level": level}
    if recipients:
        values |= NO_HOLD | {"state": "open", "snooze_until": None, "remaining": []}
        values |= {
            "generation": generation,
            "holder_id": None if holder is None else holder.id,
            "holder_name": "" if holder is None else holder.name,
            "people": joined(task.people, persons),
            "audience": joined(task.audience, persons),
        }
    for each in recipients:
        speaker = speaker_for(tx.conn, task, level, each.person_id)
        assign(tx, task, [each], level=level, generation=generation, card_on=speaker)
    return update(tx, task, **values)


def ends_with_hold(moment: Planned, _due: Instant) -> bool:
    return kind_of(moment.key) in ("claim", "snooze", "repeat")


def _plan_next(tx: Tx, task: Task, timer: Timer, how: Firing, *, at_once: bool) -> None:
    """The rung after this one, and this one's repeats, counted from the planned moment."""
    level, rung = level_of(timer.key), rung_of(task.policy, timer.key)
    reckon = reckoner(tx.conn, task.calendar)
    anchor = how.anchor(timer, tx.now)
    following = next_rung(task.policy, level, anchor, reckon)
    until = None if following is None else following.planned
    if following is not None:
        if at_once:
            following = replace(following, base=anchor, span=0, planned=anchor, clock=NATURAL)
        due = due_of_next(task.policy, moment_of(timer), tx.now, following)
        write(tx, task, task.generation, [following], dues={following.key: due})
    if not at_once:
        _write_repeats(tx, task, repeats(rung, level, 0, anchor=anchor, until=until, reckon=reckon))


def _plan_repeat(tx: Tx, task: Task, timer: Timer) -> None:
    """The next repeat of a rung; called before anything is marked, so the ladder is complete."""
    if task.level == level_of(timer.key) and task.generation == timer.generation:
        _write_repeats(tx, task, repeats_after(tx.conn, task, moment_of(timer)))


def _write_repeats(tx: Tx, task: Task, moments: Iterator[Planned]) -> None:
    """Only the next one waits; those a standstill swallowed are written down as collapsed."""
    missed = []
    for each in moments:
        if each.planned > tx.now:
            write(tx, task, task.generation, [each])
            break
        missed.append(each)
    write(tx, task, task.generation, missed, collapsed=True)


def _announce_climb(
    tx: Tx, task: Task, timer: Timer, recipients: list[Recipient], *, early: bool
) -> None:
    names = [people.person(tx.conn, each.person_id).name for each in recipients]
    announce(
        tx,
        task,
        "escalated",
        "engine",
        level=level_of(timer.key),
        to=[each.person_id for each in recipients],
        via=[each.via for each in recipients],
        names=names or ["（没有人）"],
        planned_us=timer.planned,
        late_us=tx.now - timer.due,
        **({"early": True} if early else {}),
    )


def _wake(tx: Tx, task: Task, timer: Timer) -> None:
    """A claim that led nowhere, a snooze or a pause ends: the task is open again."""
    kind = kind_of(timer.key)
    if kind == "pause":
        run_again(tx, task, "engine", note="暂停已到最长 7 天，自动恢复计时")
        return
    verb = "claim_expired" if kind == "claim" else "woken"
    note = "到了你定的稍后提醒时间"
    if kind == "claim":
        wait = waiting(task.policy.claim_expires, task.policy.clock)
        note = f"{task.holder_name} 认领后 {wait}没有下文"
    release(tx, task, "engine", verb, note=_late_note(timer, tx.now) or note)


def _nag(tx: Tx, task: Task, timer: Timer) -> None:
    """One more card: to the holder of a claim, to a rung's own people, or to everybody."""
    if kind_of(timer.key) == "repeat":
        level = level_of(timer.key)
        persons = [who for who, seat in seats_of(tx.conn, task.id).items() if seat.level == level]
    elif task.state == "claimed" and task.holder_id is not None:
        persons = [task.holder_id]
    else:
        persons = list(task.people)
    announce(tx, task, "reminded", "engine", key=timer.key, to=persons)
    note = _late_note(timer, tx.now) or "提醒：还没有处理"
    urgent = kind_of(timer.key) == "repeat" and rung_of(task.policy, timer.key).urgent
    tell(tx, task, persons, Message(timer.key, "reminder", urgent, note))
