"""The Writer: a thread that takes what waits, has it committed, and answers everybody.

How a batch is committed is the database's affair: core/sqlite.py shares one commit among all that
wait, core/postgres.py gives each ordinary command its own.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine

from core.clock import perf
from core.errors import AppError
from core.tx import Command, Committed, Together

log = logging.getLogger(__name__)

T = TypeVar("T")

LINGER = 0.001  # seconds; measured beside 0.3 and 2 ms, see docs/decisions/0001


class Asked:
    """An asyncio future seen from the writer: all answers of one commit go home in one hop.

    A hop per answer (asyncio.wrap_future) costs a system call each, a quarter of a posting's CPU.
    """

    __slots__ = ("future", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()

    def set_running_or_notify_cancel(self) -> bool:
        return not self.future.cancelled()


@dataclass(slots=True)
class Waiting:
    """A command and who waits for its answer."""

    command: Any
    future: Future[Any] | Asked
    result: Any = None
    error: BaseException | None = None


class Committer(Protocol):
    """Commits batches, on the Writer's thread."""

    def run(self, batch: list[Waiting]) -> Committed:
        """Run and commit `batch`; fill in every result or error. Never raises."""

    def close(self) -> None:
        """Let go of the connection."""


@dataclass(frozen=True, slots=True)
class Store:
    """What one kind of database brings along."""

    engines: tuple[Engine, ...]  # the first is the readers'
    ordinary: tuple[Committer, ...]  # one Writer each
    together: Committer | None  # for set-based commands; None: the ordinary Writer groups them
    is_shared: bool  # other processes may write too
    # What a failed read means to its asker; None: it may be tried once more.
    read_failed: Callable[[Exception, int], Exception | None]
    takes_writes: Callable[[Connection], bool]
    at_leisure: Callable[[], Engine]  # one reader who may stand still for as long as he likes


class Queue:
    """Where commands wait for the next free Writer."""

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()

    def submit(self, command: Command[T] | Together[Any, T]) -> Future[T]:
        """Queue a command; the future answers after its commit is durable."""
        future: Future[T] = Future()
        self.waiting.put(Waiting(command, future))
        return future

    async def write(self, command: Command[T] | Together[Any, T]) -> T:
        """`submit` for an event loop."""
        asked = Asked()
        self.waiting.put(Waiting(command, asked))
        try:
            answer: T = await asked.future
            return answer
        finally:
            del asked  # an error's traceback holds this frame, and it would hold the error


class Writer:
    """One thread that serves one queue; several may share a queue."""

    def __init__(
        self, served: Queue, committer: Committer, batch: int, told: Callable[[Committed], None]
    ) -> None:
        self._queue = served.waiting
        self._committer = committer
        self._batch = batch
        self._told = told
        self._began: float | None = None  # the batch it is at
        self._thread = threading.Thread(target=self._write_loop, name="writer", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread still serves."""
        return self._thread.is_alive()

    @property
    def busy_seconds(self) -> float:
        """How long it has been at what it does now."""
        began = self._began
        return 0.0 if began is None else perf() - began

    def stop(self) -> None:
        """Finish what waits, then stop; of several at one queue, any one of them does."""
        self._queue.put(None)

    def join(self) -> None:
        """Wait until it has stopped."""
        self._thread.join()

    def _write_loop(self) -> None:
        before = 0
        while (first := self._queue.get()) is not None:
            batch, stop = self._gather(first, before)
            self._write_batch(batch)
            before = len(batch)
            if stop:
                break
        self._committer.close()

    def _gather(self, first: Waiting, before: int) -> tuple[list[Waiting], bool]:
        """All that waits now; in a rush also what comes within `LINGER`: (batch, told to stop).

        A rush is known by the batch before. Those just answered are about to ask again, and one
        commit for all of them is cheaper than two that take turns; whoever is alone never waits.
        """
        batch = [first]
        while len(batch) < self._batch:
            try:
                if self._queue.empty() and len(batch) < before:
                    following = self._queue.get(timeout=LINGER)
                else:
                    following = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
            if following is None:
                return batch, True
            batch.append(following)
        return batch, False

    def _write_batch(self, everything: list[Waiting]) -> None:
        # From here on nobody can cancel: an abandoned request is either never begun or fully done.
        batch = [each for each in everything if each.future.set_running_or_notify_cancel()]
        if not batch:
            return
        self._began = perf()
        committed = self._committer.run(batch)
        self._began = None
        if committed.wakes or committed.news:
            self._told(committed)
        answer(batch)


def answer(batch: list[Waiting]) -> None:
    """Hand out results: threads one by one, each event loop with one call for all its askers."""
    loops: dict[asyncio.AbstractEventLoop, list[Waiting]] = {}
    for waiting in batch:
        if isinstance(waiting.future, Asked):
            loops.setdefault(waiting.future.loop, []).append(waiting)
        else:
            _settle(waiting.future, waiting)
    for loop, home in loops.items():
        try:
            loop.call_soon_threadsafe(_answer_here, home)
        except RuntimeError:  # the loop was closed meanwhile: nobody is left to hear it
            log.warning("answers_unheard", extra={"unheard": len(home)})


def _answer_here(home: list[Waiting]) -> None:
    for waiting in home:
        assert isinstance(waiting.future, Asked)
        if not waiting.future.future.done():
            _settle(waiting.future.future, waiting)


def _settle(future: Future[Any] | asyncio.Future[Any], waiting: Waiting) -> None:
    if waiting.error is not None:
        if isinstance(waiting.error, AppError):  # no bug: nobody asks where it was raised
            waiting.error.__traceback__ = None  # frames that hold it, with all that they read
        future.set_exception(waiting.error)
    else:
        future.set_result(waiting.result)


def grouped(batch: list[Waiting]) -> list[list[Waiting]]:
    """Neighbouring set-based commands of one kind form a group; every other stands alone."""
    groups: list[list[Waiting]] = []
    for waiting in batch:
        command = waiting.command
        if groups and isinstance(command, Together):
            before = groups[-1][0].command
            if isinstance(before, Together) and before.run_many is command.run_many:
                groups[-1].append(waiting)
                continue
        groups.append([waiting])
    return groups


def as_command(group: list[Waiting]) -> Command[Any]:
    """A group as one command: it answers one result or AppError per member."""
    first = group[0].command
    if not isinstance(first, Together):
        return lambda tx: [first(tx)]
    items = [waiting.command.item for waiting in group]
    return lambda tx: first.run_many(tx, items)


def hand_out(group: list[Waiting], answers: list[Any]) -> None:
    """Give each member of a group what came of it."""
    for waiting, each in zip(group, answers, strict=True):
        if isinstance(each, Exception):
            waiting.error = each
        else:
            waiting.result = each
