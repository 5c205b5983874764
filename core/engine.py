"""The engine: a plain list of steps, each asking the tables "what is due now?".

Each step has a name, a time limit and its own transactions; one that fails is logged, counted and
tried again after a pause, and never stops the others. No deadline lives in memory: a step says when
it is next due by a query, sleeps until then, and a hint from the bus only shortens the sleep.
Not for business rules.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from core.bus import Bus
from core.clock import SECOND, Clock, Instant
from core.db import Database, Tx

log = logging.getLogger(__name__)

PAUSE_AFTER_FAILURE = 1.0
ELSEWHERE = -1  # what a step answers when another process is at it
ELSEWHERE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Step:
    """`run` does one bounded batch and answers how many things it did; 0 means "nothing due".

    On a shared database it may also answer `ELSEWHERE`.
    """

    name: str
    run: Callable[[], Awaitable[int]]
    next_due: Callable[[Connection], Instant | None]
    topics: tuple[str, ...] = ()
    limit_seconds: float = 30.0


def command_step(
    db: Database,
    name: str,
    command: Callable[[Tx], int],
    next_due: Callable[[Connection], Instant | None],
    topics: tuple[str, ...] = (),
) -> Step:
    """A step whose batch is one command in one transaction; one process at a time runs it."""

    def alone(tx: Tx) -> int:
        return command(tx) if tx.alone(name) else ELSEWHERE

    async def run() -> int:
        return await db.write(alone)

    return Step(name, run, next_due, topics)


@dataclass(slots=True)
class Health:
    """What the engine knows about one step; read by /readyz, /metrics and the watcher."""

    ran_at: Instant = 0
    done: int = 0
    failures: int = 0
    last_error: str = ""


@dataclass(slots=True)
class Engine:
    """Runs steps until stopped (`run`), or until quiet at the clock's present time (`drain`)."""

    db: Database
    clock: Clock
    bus: Bus
    steps: list[Step]
    sweep_seconds: float = 5.0
    health: dict[str, Health] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        steps, self.steps = self.steps, []
        for step in steps:
            self.add(step)

    def add(self, step: Step) -> None:
        """One more step, before it runs."""
        self.steps.append(step)
        self.health[step.name] = Health()
        self._locks[step.name] = asyncio.Lock()

    async def run(self) -> None:
        """Every step in its own loop, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for step in self.steps:
                group.create_task(self._loop(step), name=f"engine-{step.name}")

    async def _loop(self, step: Step) -> None:
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(woken.set)

        stops = [self.bus.listen(topic, wake) for topic in step.topics]
        try:
            while True:
                done = await self._once(step)
                if done == ELSEWHERE:
                    await _wait(woken, ELSEWHERE_SECONDS)
                elif done == 0:
                    await self._rest(step, woken)
        finally:
            for stop in stops:
                stop()

    async def _rest(self, step: Step, woken: asyncio.Event) -> None:
        """Until something is due, or the sweep. A hint is a reason to ask a reader, no more."""
        loop = asyncio.get_running_loop()
        sweep = loop.time() + self.sweep_seconds
        while True:
            woken.clear()
            seconds = min(await self._sleep_seconds(step), sweep - loop.time())
            if seconds <= 0 or not await _wait(woken, seconds) or self.clock.is_manual():
                return

    async def _sleep_seconds(self, step: Step) -> float:
        if self.health[step.name].last_error:
            return PAUSE_AFTER_FAILURE
        try:
            due = await self.db.read(step.next_due)
        except Exception as problem:  # noqa: BLE001  # logged, counted, asked again
            self._failed(step, problem)
            return PAUSE_AFTER_FAILURE
        if due is None or self.clock.is_manual():
            return self.sweep_seconds
        return max(0.0, (due - self.clock.now()) / SECOND)

    async def _once(self, step: Step) -> int:
        health = self.health[step.name]
        async with self._locks[step.name]:
            try:
                async with asyncio.timeout(step.limit_seconds):
                    done = await step.run()
            except Exception as problem:  # noqa: BLE001  # logged, counted, tried again
                self._failed(step, problem)
                return 0
        health.ran_at = self.clock.now()
        health.done += max(0, done)
        health.last_error = ""
        return done

    def _failed(self, step: Step, problem: Exception) -> None:
        health = self.health[step.name]
        health.failures += 1
        health.last_error = f"{type(problem).__name__}: {problem}"
        log.error("engine_step_failed", extra={"step": step.name}, exc_info=problem)

    async def drain(self, rounds: int = 10_000) -> int:
        """Run every step until none has anything due now; how many things were done.

        For whoever moves a manual clock. A step that fails here raises: no test may pass over it.
        """
        total = 0
        for _ in range(rounds):
            done = 0
            for step in self.steps:
                async with self._locks[step.name]:
                    done += max(0, await step.run())
            if done == 0:
                return total
            total += done
        raise AssertionError(f"the engine did not come to rest in {rounds} rounds")

    async def next_due(self) -> Instant | None:
        """The earliest moment any step has something to do."""
        dues = [await self.db.read(step.next_due) for step in self.steps]
        return min((due for due in dues if due is not None), default=None)


async def _wait(woken: asyncio.Event, seconds: float) -> bool:
    """Whether a hint ended the waiting."""
    try:
        async with asyncio.timeout(seconds):
            return await woken.wait()
    except TimeoutError:
        return False
