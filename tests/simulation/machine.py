"""The computer in the back office: the real product on one thread, and the switch that kills it.

`OneThread` is the product's Database without its threads: what is asked in one moment is committed
as one batch, in the order it came, which is what the Writer does. Everything above it is as in
production: engine, live door, outbox. A crash throws away all of it and leaves the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any, TypeVar

from sqlalchemy import Connection

from api.doors import Doorkeeper
from api.engine_steps import engine_steps
from api.live import LiveDoor
from api.main import NEWS
from core.bus import TIMER, Bus
from core.clock import Clock
from core.config import Settings
from core.db import Command, Committed, Database, Together
from core.engine import Engine, Step
from core.events import Event
from core.feed import Feed
from core.outbox import queue
from core.outbox.channel import Channel
from core.ready import ReadyConnection
from core.writer import Store, Waiting
from tests.simulation.disk import Disk
from tests.simulation.loop import ShopLoop

T = TypeVar("T")

SWEEP, SWEEP_ALL = "sweep", "sweep-all"
SWEEP_SECONDS = 5.0  # as in production; here only when there is something that it could find
SETTINGS = Settings(_env_file=None)


class GoneError(Exception):
    """The connection broke: nobody knows whether it was done."""


class OneThread(Database):
    """One process's way to the tables. `judge` may kill the process around any commit."""

    def __init__(self, disk: Disk, clock: Clock, judge: Callable[[str], bool]) -> None:
        self.url, self.clock = disk.url, clock
        self.on_commit = lambda _: None
        self._store: Store = disk.store
        self._judge = judge
        self._waiting: list[Waiting] = []
        self._outside: set[asyncio.Future[Any]] = set()  # who waits elsewhere and hears of a crash
        self._is_dead = False
        self._reader: Connection | None = None

    async def write(self, command: Command[T] | Together[Any, T]) -> T:
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if not self._is_dead:  # who asks in a dead process waits until he dies himself
            self._queue_up(command, answer)
        return await answer

    async def ask(self, command: Command[T]) -> T:
        """`write` for somebody at the other end of a connection.

        Raises:
            GoneError: the process died before it answered.
        """
        if self._is_dead:
            raise GoneError
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._outside.add(answer)
        answer.add_done_callback(self._outside.discard)
        self._queue_up(command, answer)
        return await answer

    async def read(self, query: Callable[[Connection], T]) -> T:
        if self._is_dead:
            await asyncio.get_running_loop().create_future()
        return self.read_now(query)

    def read_now(self, query: Callable[[Connection], T]) -> T:
        """On one connection that is kept: fetching one from the pool costs as much as the query."""
        if self._reader is None:
            self._reader = ReadyConnection(self._store.engines[0])
        with self._reader.begin():
            return query(self._reader)

    def _queue_up(self, command: Any, answer: Any) -> None:
        self._waiting.append(Waiting(command, answer))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._serve)

    def write_now(self, command: Command[T] | Together[Any, T]) -> T:  # noqa: ARG002
        raise AssertionError("everybody here waits on the loop")

    def die(self) -> None:
        """Nothing more is done or answered."""
        self._is_dead = True
        self._waiting = []
        if self._reader is not None:
            self._reader.close()
        for answer in list(self._outside):
            if not answer.done():
                answer.set_exception(GoneError())

    def _serve(self) -> None:
        batch, self._waiting = self._waiting, []
        batch = [each for each in batch if not each.future.cancelled()]  # type: ignore[union-attr]
        if not batch:
            return
        if self._judge("before commit"):
            return
        committed = self._commit(batch)
        if self._judge("after commit"):
            return
        if committed.wakes or committed.news:
            self.on_commit(committed)
        for each in batch:
            self._answer(each)

    def _commit(self, batch: list[Waiting]) -> Committed:
        """As the Writers do: together where the database shares commits, else one by one."""
        if self._store.together is None:
            return self._store.ordinary[0].run(batch)
        committed = Committed()
        for each in batch:
            alike = isinstance(each.command, Together)
            one = (self._store.together if alike else self._store.ordinary[0]).run([each])
            committed.wakes |= one.wakes
            committed.news += one.news
        return committed

    def _answer(self, waiting: Waiting) -> None:
        future: Any = waiting.future
        if future.done():
            return
        if waiting.error is not None:
            future.set_exception(waiting.error)
        else:
            future.set_result(waiting.result)


@dataclass(slots=True)
class Process:
    """What one start of the product holds in memory."""

    db: OneThread
    bus: Bus
    live: LiveDoor
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)


Steps = Callable[[Database, Clock, dict[str, Channel]], list[Step]]
every_step: Steps = partial(engine_steps, Settings(_env_file=None))


class Machine:
    """Boots the product, and dies with it when `doom` says so."""

    def __init__(self, disk: Disk, loop: ShopLoop, rng: Random, channels: dict[str, Channel]):
        self._disk, self._loop, self._rng, self._channels = disk, loop, rng, channels
        self.clock = loop.clock
        self.steps = every_step  # mutants put another one here
        self.up = asyncio.Event()
        self.deaf = 0.0  # how many of the bus's hints get lost
        self.doom = 0  # so many commits more, then it dies; 0: it lives
        self.crashes = 0
        self.downtime: tuple[float, float] = (0.5, 120.0)
        self.on_crash: list[Callable[[str], None]] = []
        self.process: Process
        self._swept = False

    @property
    def db(self) -> OneThread:
        return self.process.db

    def boot(self) -> None:
        """Start the product on what the disk holds."""
        queue.configure("a shop in a test")
        db = OneThread(self._disk, self.clock, self._judge)
        bus = Bus()
        live = LiveDoor(db, self.clock, Doorkeeper(SETTINGS, db, self.clock))
        self.process = Process(db, bus, live)
        feed = Feed(db, NEWS, live.on_news)  # not started: nobody else appends to this log
        db.on_commit = lambda committed: self._told(feed, bus, committed)
        steps = [_swept(each) for each in self.steps(db, self.clock, self._channels)]
        engine = Engine(db, self.clock, bus, steps, sweep_seconds=36_000.0)
        self.run(engine.run(), "engine")
        self.up.set()

    def run(self, work: Any, name: str) -> asyncio.Task[Any]:
        """A task that dies with the process."""
        task = self._loop.create_task(work, name=name)
        self.process.tasks.add(task)
        task.add_done_callback(self.process.tasks.discard)
        return task

    def crash(self, why: str) -> None:
        """Everything in memory is gone; some time later somebody starts it again."""
        if not self.up.is_set():
            return
        self.doom = 0
        self.stop()
        self.crashes += 1
        for heard in self.on_crash:
            heard(why)
        self._loop.call_later(self._rng.uniform(*self.downtime), self.boot)

    def stop(self) -> None:
        self.up.clear()
        self.db.die()
        for task in self.process.tasks:
            task.cancel()
        self._disk.let_go()

    def sweep(self) -> None:
        """What the five seconds' sweep would find: after lost hints, or a step of the clock."""
        if self.up.is_set():
            self.process.bus.hear((SWEEP, SWEEP_ALL))

    def _judge(self, where: str) -> bool:
        if self.doom > 0:
            self.doom -= 1
            if self.doom == 0:
                self.crash(where)
                return True
        return False

    def _told(self, feed: Feed, bus: Bus, committed: Committed) -> None:
        feed.committed([each for each in committed.news if isinstance(each, Event)])
        heard = sorted(committed.wakes)
        if self.deaf:
            kept = [each for each in heard if self._rng.random() >= self.deaf]
            if kept != heard:
                self._loop.call_later(SWEEP_SECONDS, self.sweep)
            heard = kept
        bus.wake(heard)
        # Steps without a topic look at timers and calendars; nothing else can give them work.
        worth_it = TIMER in committed.wakes or any(
            isinstance(each, Event) and each.kind == "calendar.changed" for each in committed.news
        )
        if worth_it and not self._swept:
            self._swept = True
            self._loop.call_later(SWEEP_SECONDS, self._sweep_soon)

    def _sweep_soon(self) -> None:
        self._swept = False
        if self.up.is_set():
            self.process.bus.hear((SWEEP,))


def _swept(step: Step) -> Step:
    more = (SWEEP_ALL,) if step.topics else (SWEEP,)
    return replace(step, topics=(*step.topics, *more))
