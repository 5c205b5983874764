"""Escalation timers: lateness of those that come due, and how fast a standstill is caught up with.

A standstill leaves two kinds. Of tasks that moved on meanwhile: claimed, which is all there is to
do (100,000 of them). Of tasks that still wait: climbed, with event, assignment and card.
"""

from __future__ import annotations

import asyncio
import os

from sqlalchemy import select

from bench.machine import cpu_seconds, percentile
from bench.table import Gate, Result, milliseconds
from core import calendar, people
from core.bus import Bus
from core.clock import HOUR, SECOND, Instant, SystemClock, perf
from core.db import Committed, Database, Tx
from core.engine import Engine
from core.migrations.run import upgrade
from core.outbox import queue
from core.outbox.card import Card
from core.people import ENGINE, NewPerson
from core.tasks import tables
from core.tasks.board import NewTask, open_task
from core.tasks.escalation import escalation_step
from core.tasks.policy import Policy, Rung

PENDING = 10_000
DUE = 1_000
PER_SECOND = 100
OVERDUE = 100_000
WAITING = 1_000
LEAD = 8 * SECOND  # time to write the due ones before the first of them fires


def lateness(url: str) -> list[Result]:
    """1,000 rungs at 100/s; milliseconds from due to commit, and that none fired early."""
    clock = SystemClock()
    db, boss = _furnished(url, clock)
    for start in range(0, PENDING, 250):
        rows = [(n, 48 * HOUR) for n in range(start, start + 250)]
        db.write_now(lambda tx, rows=rows: _open(tx, boss, rows))  # type: ignore[misc]
    first = clock.now() + LEAD
    due = {n: first + (n - PENDING) * SECOND // PER_SECOND for n in range(PENDING, PENDING + DUE)}
    planned: dict[str, Instant] = {}
    for start in range(PENDING, PENDING + DUE, 100):
        part = range(start, start + 100)
        planned |= db.write_now(lambda tx, part=part: _due(tx, boss, part, due))  # type: ignore[misc]
    seen = asyncio.run(_watch(db, clock, planned))
    db.close()
    late = [(seen[task] - moment) / 1e6 for task, moment in planned.items() if task in seen]
    early = sum(1 for each in late if each < 0)
    facts = {"fired": len(late), "of": DUE, "early": early, "max_ms": max(late) * 1e3}
    facts |= {"p50_ms": percentile(late, 0.5) * 1e3, "p99_ms": percentile(late, 0.99) * 1e3}
    return [
        Result(
            "timers",
            f"due → durably fired, {PER_SECOND}/s, {PENDING:,} pending",
            f"{milliseconds(late)}, max {max(late) * 1e3:.1f} ms; {len(late)} of {DUE} fired",
            gates=(
                Gate(percentile(late, 0.99) * 1e3, 50, unit=" ms p99"),
                Gate(early, 0, unit=" early"),
            ),
            facts=facts,
        )
    ]


def overdue(url: str) -> list[Result]:
    """After a standstill: 100,000 timers whose tasks moved on, then rungs that must be climbed."""
    db, boss = _furnished(url, SystemClock())
    pattern = db.write_now(lambda tx: next(iter(_open(tx, boss, [(0, 48 * HOUR)]))))
    for start in range(0, OVERDUE, 5_000):
        db.write_now(lambda tx, start=start: _moved_on(tx, pattern, range(start, start + 5_000)))  # type: ignore[misc]
    seconds, count, cpu = _drain(db)
    assert count == OVERDUE, f"{count} of {OVERDUE} timers were claimed"
    for start in range(0, WAITING, 250):
        rows = [(n, 1) for n in range(start + 1, start + 251)]
        db.write_now(lambda tx, rows=rows: _open(tx, boss, rows))  # type: ignore[misc]
    climbing, climbed, climbing_cpu = _drain(db)
    db.close()
    assert climbed >= WAITING, f"{climbed} of {WAITING} rungs were climbed"
    facts = {"claim_s": seconds, "claim_cpu_us": cpu / count * 1e6, "claimed": count}
    facts |= {"climb_per_s": climbed / climbing, "climb_cpu_us": climbing_cpu / climbed * 1e6}
    return [
        Result(
            "timers",
            f"{OVERDUE:,} overdue timers of tasks that moved on, claimed",
            f"{seconds:.2f} s, {count / seconds:,.0f}/s, {cpu / count * 1e6:.0f} µs each",
            gates=(Gate(seconds, 5, unit=" s"),),
            facts=facts,
        ),
        Result(
            "timers",
            f"{WAITING:,} overdue rungs climbed: event, assignment, card",
            f"{climbed / climbing:,.0f}/s, {climbing_cpu / climbed * 1e6:,.0f} µs each",
        ),
    ]


def _furnished(url: str, clock: SystemClock) -> tuple[Database, int]:
    db = Database(url, clock)
    upgrade(db)
    queue.configure("bench")
    db.write_now(calendar.seed)
    boss = NewPerson("a", "甲", ("admin",))
    return db, db.write_now(lambda tx: people.add_person(tx, ENGINE, boss))


def _moved_on(tx: Tx, pattern: str, numbers: range) -> None:
    """Copies of a task that is closed, each with a timer of its first generation left behind."""
    task = dict(
        tx.execute(select(tables.tasks).where(tables.tasks.c.id == pattern)).mappings().one()
    )
    timer = dict(tx.execute(select(tables.timers)).mappings().first() or {})
    del timer["id"]
    task |= {"state": "done", "generation": 2, "closed_at": tx.now}
    names = [f"{pattern[:24]}{n:08x}" for n in numbers]
    tx.execute(tables.tasks.insert(), [task | {"id": name} for name in names])
    late = timer | {"due_us": tx.now - HOUR, "key": "L1"}
    tx.execute(tables.timers.insert(), [late | {"task_id": name} for name in names])


def _drain(db: Database) -> tuple[float, int, float]:
    """Run the step until nothing is due: seconds, timers, CPU seconds of this process."""
    step = escalation_step(db)
    begun, cpu = perf(), cpu_seconds(os.getpid())

    async def run() -> int:
        count = 0
        while done := await step.run():
            count += done
        return count

    count = asyncio.run(run())
    return perf() - begun, count, cpu_seconds(os.getpid()) - cpu


def _open(tx: Tx, boss: int, rows: list[tuple[int, Instant]]) -> dict[str, Instant]:
    opened = {}
    for n, after in rows:
        policy = Policy("bench", 400 * HOUR, rungs=(Rung(after, (f"person:{boss}",)),))
        new = NewTask("bench", f"任务 {n}", f"bench:{n}", (f"person:{boss}",), policy, Card("压测"))
        opened[open_task(tx, ENGINE, new).id] = tx.now + after
    return opened


def _due(tx: Tx, boss: int, part: range, due: dict[int, Instant]) -> dict[str, Instant]:
    return _open(tx, boss, [(n, due[n] - tx.now) for n in part])


async def _watch(
    db: Database, clock: SystemClock, planned: dict[str, Instant]
) -> dict[str, Instant]:
    bus, seen = Bus(), dict[str, Instant]()

    def committed(news: Committed) -> None:
        now = clock.now()
        for event in news.news:
            if event.kind == "task.escalated":
                seen.setdefault(event.subject.partition(":")[2], now)
        bus.wake(news.wakes)

    db.on_commit = committed
    engine = Engine(db, clock, bus, [escalation_step(db)])
    running = asyncio.create_task(engine.run())
    end = max(planned.values()) + 3 * SECOND
    while clock.now() < end and len(seen) < len(planned):  # noqa: ASYNC110
        await asyncio.sleep(0.05)  # tidy: banned — a bench waits for real time
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return seen
