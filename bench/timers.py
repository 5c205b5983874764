"""Lateness of escalation timers: due → durably committed, with 10,000 others pending."""

from __future__ import annotations

import asyncio
from typing import Any

from bench.machine import percentile
from core import calendar, people
from core.bus import Bus
from core.clock import HOUR, SECOND, Instant, SystemClock
from core.db import Committed, Database, Tx
from core.engine import Engine
from core.migrations.run import upgrade
from core.outbox import queue
from core.outbox.card import Card
from core.people import ENGINE, NewPerson
from core.tasks.board import NewTask, open_task
from core.tasks.escalation import escalation_step
from core.tasks.policy import Policy, Rung

PENDING = 10_000
DUE = 1_000
PER_SECOND = 100
LEAD = 8 * SECOND  # time to write the due ones before the first of them fires


def lateness(url: str) -> dict[str, Any]:
    """1,000 rungs at 100/s; milliseconds from due to commit, and that none fired early."""
    clock = SystemClock()
    db = Database(url, clock)
    upgrade(db)
    queue.configure("bench")
    db.write_now(calendar.seed)
    boss = db.write_now(lambda tx: people.add_person(tx, ENGINE, NewPerson("a", "甲", ("admin",))))
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
    late = [(seen[task] - moment) / 1000 for task, moment in planned.items() if task in seen]
    return {
        "timers fired": f"{len(late)} of {DUE} at {PER_SECOND}/s, {PENDING} pending",
        "timer lateness ms p50 / p99 / max": (
            f"{percentile(late, 0.5):.1f} / {percentile(late, 0.99):.1f} / {max(late):.1f}"
        ),
        "fired early": sum(1 for each in late if each < 0),
    }


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
