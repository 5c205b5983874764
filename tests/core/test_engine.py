"""The engine asks the tables what is due, survives a failing step and wakes early on a hint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from core.bus import Bus
from core.clock import Instant, ManualClock, SystemClock
from core.db import Database
from core.engine import Engine, Step


def never(_: Connection) -> Instant | None:
    return None


def step(
    name: str,
    run: Callable[[], int],
    topics: tuple[str, ...] = (),
    next_due: Callable[[Connection], Instant | None] = never,
) -> Step:
    async def call() -> int:
        return run()

    return Step(name, call, next_due, topics)


async def test_drain_runs_until_quiet(db: Database, clock: ManualClock) -> None:
    left = {"a": 3, "b": 2}

    def take(name: str) -> int:
        left[name] -= left[name] > 0
        return 1 if left[name] else 0

    engine = Engine(db, clock, Bus(), [step("a", lambda: take("a")), step("b", lambda: take("b"))])
    await engine.drain()
    assert left == {"a": 0, "b": 0}


async def test_drain_does_not_pass_over_a_failure(db: Database, clock: ManualClock) -> None:
    def fail() -> int:
        raise ValueError("broken step")

    with pytest.raises(ValueError, match="broken step"):
        await Engine(db, clock, Bus(), [step("bad", fail)]).drain()


async def test_a_step_that_never_rests_is_found(db: Database, clock: ManualClock) -> None:
    with pytest.raises(AssertionError, match="did not come to rest"):
        await Engine(db, clock, Bus(), [step("mad", lambda: 1)]).drain(rounds=10)


async def test_a_hint_shortens_the_sleep_and_a_failure_stops_nobody(db: Database) -> None:
    ran = asyncio.Event()
    runs = 0

    def work() -> int:
        nonlocal runs
        runs += 1
        if runs > 1:
            ran.set()
        return 0

    def fail() -> int:
        raise ValueError("broken step")

    bus, due = Bus(), list[Instant]()
    good = step("good", work, ("timer",), lambda _: due[0] if due else None)
    steps = [step("bad", fail), good]
    engine = Engine(db, SystemClock(), bus, steps, sweep_seconds=60)
    running = asyncio.create_task(engine.run())
    async with asyncio.timeout(10):
        while not ran.is_set():  # hints may be said before anybody listens: say it again
            bus.wake(["timer"])
            await db.read(lambda _: None)
            if runs == 1:
                due.append(0)  # a hint alone runs nothing: there must be something due
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert engine.health["bad"].failures == 1
    assert "broken step" in engine.health["bad"].last_error
    assert engine.health["good"].last_error == ""


async def test_a_hint_without_anything_due_runs_nothing(db: Database) -> None:
    asked, runs = asyncio.Event(), 0

    def work() -> int:
        nonlocal runs
        runs += 1
        return 0

    def never_asked(_: Connection) -> None:
        loop.call_soon_threadsafe(asked.set)

    loop, bus = asyncio.get_running_loop(), Bus()
    engine = Engine(db, SystemClock(), bus, [step("idle", work, ("timer",), never_asked)], 60)
    running = asyncio.create_task(engine.run())
    async with asyncio.timeout(10):
        for _ in range(20):
            await asked.wait()
            asked.clear()
            bus.wake(["timer"])
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert runs == 1


async def test_a_database_that_is_away_while_it_is_asked_what_is_due_ends_no_step(
    db: Database,
) -> None:
    ran, asks = asyncio.Event(), 0

    def work() -> int:
        if asks:
            ran.set()
        return 0

    def away_once(_: Connection) -> None:
        nonlocal asks
        asks += 1
        if asks == 1:
            raise ConnectionError("the server is away")

    bus = Bus()
    engine = Engine(db, SystemClock(), bus, [step("patient", work, ("timer",), away_once)], 60)
    running = asyncio.create_task(engine.run())
    async with asyncio.timeout(10):
        await ran.wait()
    assert engine.health["patient"].failures == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
