"""Why and when: the next three things that will happen to a task, as Chinese sentences.

Read-only. People are named as of the moment a step is planned for (rotas change); a step on working
time says so, and says 推算 when it rests on holidays nobody has announced yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from core import calendar, people
from core.clock import Instant, iso
from core.tasks.change import load, standing
from core.tasks.policy import WORKING
from core.tasks.recipients import resolve
from core.tasks.rules import (
    Planned,
    Reckon,
    due_of_next,
    is_rung,
    kind_of,
    level_of,
    next_rung,
    number_of,
    repeats,
    rung_of,
)
from core.tasks.task import NewTask, Task
from core.tasks.timers import drawer_of, moment_of, pending, reckoner, repeats_after
from core.tasks.words import moment, rung_name, span, waiting, work_span

NEXT_FIRINGS = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to come: when at the earliest, on which clock, in words. `estimated`: 推算."""

    at: Instant
    key: str
    clock: str
    sentence: str
    estimated: bool

    def to_wire(self) -> dict[str, Any]:
        return {
            "at": iso(self.at),
            "key": self.key,
            "clock": self.clock,
            "sentence": self.sentence,
            "estimated": self.estimated,
        }


@dataclass(frozen=True, slots=True)
class Explained:
    """What stands, which clock the task runs on now, and the next three steps."""

    task_id: str
    sentence: str
    clock: str
    running: bool
    steps: tuple[Step, ...]

    def to_wire(self) -> dict[str, Any]:
        return {
            "task_id": self.task_id,
            "sentence": self.sentence,
            "clock": self.clock,
            "running": self.running,
            "steps": [step.to_wire() for step in self.steps],
        }


def explain(conn: Connection, task_id: str, now: Instant) -> Explained:
    """What will happen to a task if nobody does anything from `now` on.

    Raises:
        AppError(not_found).
    """
    task = load(conn, task_id)
    cal = calendar.load(conn, task.calendar)
    clock = task.policy.clock
    running = task.is_live and task.state != "paused"
    if running and clock == WORKING:
        running = calendar.is_working(cal, now)
    steps = []
    if task.is_live:
        coming = sorted(_coming(conn, task), key=lambda each: each[0])[:NEXT_FIRINGS]
        steps = [step_of(conn, task, due, planned, now) for due, planned in coming]
    return Explained(task_id, _stands(task, cal, now), clock, running, tuple(steps))


def _coming(conn: Connection, task: Task) -> Iterator[tuple[Instant, Planned]]:
    """Pending timers and what follows from them by the policy."""
    reckon = reckoner(conn, task.calendar)
    for timer in pending(conn, task.id, task.generation):
        yield timer.due, moment_of(timer)
        if kind_of(timer.key) == "repeat":
            for each in repeats_after(conn, task, moment_of(timer)):
                yield each.planned, each
        elif is_rung(timer.key):
            yield from _behind(task, moment_of(timer), timer.due, reckon)


def _behind(
    task: Task, acting: Planned, at: Instant, reckon: Reckon
) -> Iterator[tuple[Instant, Planned]]:
    """What follows a rung that acts `at`, if nobody does anything."""
    policy, level = task.policy, level_of(acting.key)
    following = next_rung(policy, level, acting.planned, reckon)
    until = None if following is None else following.planned
    rung = policy.rungs[level - 1]
    for each in repeats(rung, level, 0, anchor=acting.planned, until=until, reckon=reckon):
        yield max(each.planned, at), each
    if following is not None:
        due = due_of_next(policy, acting, at, following)
        yield due, following
        yield from _behind(task, following, due, reckon)


def step_of(
    conn: Connection, task: Task | NewTask, due: Instant, planned: Planned, now: Instant
) -> Step:
    """What `planned` will do to a task, or to one that nobody has opened yet."""
    guessed = planned.clock == WORKING and calendar.is_estimate(
        calendar.load(conn, task.calendar), min(now, due), due
    )
    at = max(due, now)
    hint = "（按工作时间）" if planned.clock == WORKING else ""
    hint += "（假日未公布，推算）" if guessed else ""
    sentence = f"{moment(at)}{hint or ' '}{_what(conn, task, planned, at)}"
    return Step(at, planned.key, planned.clock, sentence, guessed)


def _what(conn: Connection, task: Task | NewTask, planned: Planned, at: Instant) -> str:
    kind = kind_of(planned.key)
    if is_rung(planned.key):
        level, rung = level_of(planned.key), rung_of(task.policy, planned.key)
        names = _names(conn, task, rung.to, at)
        wait = waiting(rung.after, rung.clock)
        return f"升级到{rung_name(level)}，交给 {names}：因为 {wait}内没有处理"
    if kind == "repeat":
        level, rung = level_of(planned.key), rung_of(task.policy, planned.key)
        number = number_of(planned.key)
        return f"第 {number} 次催办 {_names(conn, task, rung.to, at)}"
    holder = task.holder_name if isinstance(task, Task) else ""
    words = {
        "remind": "提醒负责人：快到期了",
        "due": "到期",
        "claim": f"{holder} 的认领到时，任务放回给大家",
        "snooze": "稍后提醒的时间到，再提醒一次",
        "pause": "暂停到最长时间，自动恢复计时",
    }
    return words[kind]


def _names(conn: Connection, task: Task | NewTask, specs: tuple[str, ...], at: Instant) -> str:
    found = resolve(conn, specs, task, at)
    names = [people.person(conn, each.person_id).name for each in found]
    return "、".join(names) or "（现在没有找到人）"


def _stands(task: Task, cal: calendar.Calendar, now: Instant) -> str:
    if not task.is_live:
        return task.result
    if task.state == "paused":
        return f"计时已暂停：{task.pause_why}。{_left_when_paused(task)}"
    told = standing(task)
    if task.policy.clock == WORKING and not calendar.is_working(cal, now):
        opens = moment(calendar.next_open(cal, now))
        told += f"。现在是下班时间，计时暂停，{opens} 继续"
    return told


def _left_when_paused(task: Task) -> str:
    left = next((kept for kept in drawer_of(task) if kept.key == "due"), None)
    if left is None:
        return "恢复后按原来的安排继续"
    rest = work_span(left.span) + "（工作时间）" if left.clock == WORKING else span(left.span)
    return f"恢复后还剩 {rest}"
