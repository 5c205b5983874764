"""The auditor of tasks: reads the log and the rows, and knows the clock of a Chinese office itself.

Each rung once, in order, never early; nobody holds what another holds; nothing that was due is
forgotten. Shares no code with core.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tests.simulation.day import Day

Row = dict[str, Any]
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR
EIGHT_HOURS = 8 * HOUR  # Shanghai is always that far ahead of UTC
WINDOWS = ((9 * HOUR, 12 * HOUR), (13 * HOUR, 18 * HOUR))
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
LIVE = ("open", "claimed", "snoozed", "paused")
LOOK_AGAIN = 15 * MINUTE  # of a rung that holds, for somebody on duty
PROMPT = 6 * SECOND  # how late a rung may be while nothing is wrong


def after_work(works: dict[int, bool], start: int, duration: int) -> int:
    """The moment when `duration` of office time has passed since `start`; `works` by ordinal."""
    local = start + EIGHT_HOURS
    day = local // DAY
    while True:
        ordinal = day + EPOCH_ORDINAL
        if works.get(ordinal, (ordinal - 1) % 7 < 5):
            for opens, closes in WINDOWS:
                begin = max(local, day * DAY + opens)
                end = day * DAY + closes
                if begin < end:
                    if duration <= end - begin:
                        return begin + duration - EIGHT_HOURS
                    duration -= end - begin
        day += 1


def work_between(works: dict[int, bool], start: int, end: int) -> int:
    """The office time from `start` to `end`; 0 when that is not later."""
    low, high, total = start + EIGHT_HOURS, end + EIGHT_HOURS, 0
    for day in range(low // DAY, high // DAY + 1):
        ordinal = day + EPOCH_ORDINAL
        if works.get(ordinal, (ordinal - 1) % 7 < 5):
            for opens, closes in WINDOWS:
                total += max(0, min(high, day * DAY + closes) - max(low, day * DAY + opens))
    return total


@dataclass(slots=True)
class Life:
    """One task between its opening (or reopening) and its end."""

    planned: int
    began: int  # when its present people got it
    level: int = 0
    paused: bool = False
    claimed: bool = False
    reached_nobody: bool = False  # with its last rung
    rest: int = 0  # of the next rung's wait, when it was paused
    resumed: int | None = None  # then the rest began, by a clock that may have been set back


@dataclass(slots=True)
class Seen:
    """What the log told of one task so far."""

    task: Row
    life: Life
    closed: int = 0
    climbs: Counter[int] = field(default_factory=Counter)


def tasks(day: Day, rows: dict[str, list[Row]]) -> Iterator[str]:
    works = {
        date.fromisoformat(row["day"]).toordinal(): row["workday"] for row in rows["calendar_day"]
    }
    for each in day.days_set:  # it may have been a working day for a while
        works[each.toordinal()] = True
    policies = {row["id"]: row["policy"] for row in rows["task"]}
    seen: dict[str, Seen] = {}
    for event in sorted(rows["event"], key=lambda row: int(row["seq"])):
        if event["kind"].startswith("task."):
            yield from _follow(day, event, seen, policies, works)
    for row in rows["task"]:
        known = seen[row["id"]].task
        for name, column in (("state", "state"), ("generation", "generation"), ("level", "level"),
                             ("version", "row_version"), ("people", "people")):  # fmt: skip
            if known[name] != row[column]:
                yield f"task {row['id']}: the log says {name} {known[name]}, the row {row[column]}"
    yield from _timers(day, rows)
    yield from _buttons(day, seen)


def _follow(
    day: Day, event: Row, seen: dict[str, Seen], policies: dict[str, Row], works: dict[int, bool]
) -> Iterator[str]:
    task, verb = event["payload"]["task"], event["kind"].removeprefix("task.")
    at, task_id = event["recorded_at"], task["id"]
    if verb == "opened":
        seen[task_id] = Seen(task, Life(at, at))
        return
    known = seen[task_id]
    before, known.task = known.task, task
    if task["version"] < before["version"] or task["generation"] < before["generation"]:
        yield f"task {task_id} went back in time at event {event['seq']}"
    _stand(known.life, verb, at, policies[task_id], works)
    if verb == "reopened":
        known.life = Life(at, at)
    elif verb == "escalated":
        yield from _climb(day, event, known, policies[task_id], works)
    elif verb == "done":
        known.closed += 1
    known.life.paused = known.life.paused or verb == "paused"
    known.life.claimed = known.life.claimed or task["state"] == "claimed"
    state = before["state"]
    if verb == "claimed" and state not in ("open", "snoozed"):
        yield f"task {task_id} was claimed twice (event {event['seq']})"
    if verb in ("done", "cancelled") and state not in LIVE:
        yield f"task {task_id} was closed twice (event {event['seq']})"
    if verb == "reminded" and state in ("snoozed", "paused"):
        yield f"task {task_id} was {state} and reminded of (event {event['seq']})"
    if verb == "escalated" and state == "paused":
        yield f"task {task_id} climbed while its clock stood still (event {event['seq']})"


def _climb(day: Day, event: Row, known: Seen, policy: Row, works: dict[int, bool]) -> Iterator[str]:
    payload, life = event["payload"], known.life
    level, planned, name = payload["level"], payload["planned_us"], known.task["id"]
    if level <= life.level:
        yield f"task {name}: rung {level} came after rung {life.level} (event {event['seq']})"
    for passed in range(life.level + 1, level):
        if not (life.claimed and policy["rungs"][passed - 1]["stop_on"] == "claim"):
            yield f"task {name}: rung {passed} was left out (event {event['seq']})"
    early = payload.get("early", False)  # somebody did not want to wait
    earliest = planned if early else _earliest(life, level, policy, works)
    found_nobody = any(via.startswith("nobody:") for via in payload["via"]) or not payload["to"]
    if planned < earliest:
        yield f"task {name}: rung {level} planned {planned}, may not be before {earliest}"
    held_open = found_nobody or policy["code"] in ("dead_letter", "unwatched")
    looked_again = policy["rungs"][level - 1]["if_nobody"] == "hold"
    held_open |= looked_again and (planned - earliest) % LOOK_AGAIN == 0
    if planned > earliest and not (life.paused or day.days_set or held_open):
        yield f"task {name}: rung {level} drifted to {planned} from {earliest}"
    if event["recorded_at"] < planned:
        yield f"task {name}: rung {level} fired {planned - event['recorded_at']} µs early"
    chance = min(policy["min_gap"], planned - life.planned) - MINUTE
    if event["recorded_at"] - life.began < chance and not (day.clock_was_set or early):
        yield f"task {name}: rung {level} left nobody a chance (event {event['seq']})"
    calm = not (day.machine.crashes or day.clock_was_set)
    if calm and payload["late_us"] > PROMPT:
        yield f"task {name}: rung {level} came {payload['late_us']} µs late"
    life.level, life.planned = max(level, life.level), planned
    life.began, life.reached_nobody = event["recorded_at"], not payload["to"]
    life.resumed = None
    day.counts["rungs climbed"] += 1


def _earliest(life: Life, level: int, policy: Row, works: dict[int, bool]) -> int:
    """Counted on from the rung before, each wait on its own clock."""
    earliest = life.planned
    for passed in range(life.level, level):
        rung = policy["rungs"][passed]
        if life.reached_nobody and policy["rungs"][passed - 1]["if_nobody"] == "next":
            continue  # then the next one comes at once
        earliest = _later(rung, earliest, rung["after"], works)
        if passed == life.level and life.resumed is not None:
            earliest = min(earliest, _later(rung, life.resumed, life.rest, works))
    return earliest


def _later(rung: Row, start: int, wait: int, works: dict[int, bool]) -> int:
    return after_work(works, start, wait) if rung["clock"] == "working" else start + wait


def _stand(life: Life, verb: str, at: int, policy: Row, works: dict[int, bool]) -> None:
    """A pause keeps what is left of the next rung's wait, which begins when it is resumed."""
    if verb == "resumed":
        life.resumed = at
    elif verb == "paused" and life.level < len(policy["rungs"]):
        planned = _earliest(life, life.level + 1, policy, works)
        working = policy["rungs"][life.level]["clock"] == "working"
        life.rest = work_between(works, at, planned) if working else max(0, planned - at)
        life.resumed = None


def _timers(day: Day, rows: dict[str, list[Row]]) -> Iterator[str]:
    pending: dict[str, int] = defaultdict(int)
    live = {row["id"]: row for row in rows["task"] if row["state"] in LIVE}
    for timer in rows["timer"]:
        if timer["state"] == "fired" and timer["fired_us"] < timer["planned_us"]:
            yield f"timer {timer['id']} fired before its moment: {timer}"
        task = live.get(timer["task_id"])
        if timer["state"] != "pending" or task is None or task["generation"] != timer["generation"]:
            continue
        pending[timer["task_id"]] += 1
        if timer["due_us"] < day.now - PROMPT:
            yield f"timer {timer['id']} was due and is forgotten: {timer}"
    for task in live.values():
        climbed = task["level"] == len(task["policy"]["rungs"])
        if not pending[task["id"]] and not climbed:
            yield f"task {task['id']} ({task['state']}) waits at level {task['level']} for nothing"


def _buttons(day: Day, seen: dict[str, Seen]) -> Iterator[str]:
    """However often and where it was pressed: one answer that counts for each end of a task."""
    won: Counter[str] = Counter()
    for fact in day.heard.facts:
        if fact.verb in ("press", "scanner act") and fact.state == "done":
            won[fact.ask["task_id"]] += 1
    for task_id, times in won.items():
        closed = seen[task_id].closed
        if times > closed:
            yield f"task {task_id}: {times} presses were accepted, it closed {closed} times"
