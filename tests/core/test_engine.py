"""The engine asks the tables what is due, survives a failing step and wakes early on a hint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from core.bus import Bus
from core.clock import ManualClock, SystemClock
from core.db import Database
from core.engine import Engine, Step


def step(name: str, run: Callable[[], int], topics: tuple[str, ...] = ()) -> Step:
    async def call() -> int:
        return run()

    def never(_: Connection) -> None:
        return None

    return Step(name, call, never, topics)


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

    bus = Bus()
    steps = [step("bad", fail), step("good", work, ("timer",))]
    engine = Engine(db, SystemClock(), bus, steps, sweep_seconds=60)
    running = asyncio.create_task(engine.run())
    async with asyncio.timeout(10):
        while not ran.is_set():  # hints may be said before anybody listens: say it again
            bus.wake(["timer"])
            await db.read(lambda _: None)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert engine.health["bad"].failures == 1
    assert "broken step" in engine.health["bad"].last_error
    assert engine.health["good"].last_error == ""
