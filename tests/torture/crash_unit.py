"""One unit of work that takes every path: postings, a task, its cards, its timers, its end.

It is a script with fixed operation ids, so whoever died in the middle of it comes back and runs it
from the beginning, as a device that asks again. What must outlive a death, the clock on the wall,
the phones of people and what they were answered, is kept in files beside the database.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import orjson

from api.engine_steps import engine_steps
from core import audit, once, people
from core.bus import Bus
from core.clock import HOUR, MINUTE, SECOND, Instant
from core.config import Settings
from core.db import Database, Together, Tx
from core.engine import Engine
from core.errors import AppError
from core.outbox.card import Button, Card
from core.outbox.channel import Capabilities, Delivery, SendResult
from core.people import ENGINE, NewPerson
from core.quantity import ONE
from core.stock import Line, Posting, post, post_many
from core.tasks.board import NewTask, open_task, settle_task
from core.tasks.policy import Policy, Rung
from tests.databases import MONDAY_0900
from tests.torture.yard import Yard

T = TypeVar("T")

OUTAGE = 40 * SECOND  # from a death until the machine is up again: longer than a lease
PEOPLE = {"keeper": "warehouse", "boss": "director"}
RUNG = Rung(4 * HOUR, ("role:director",), repeat_every=2 * HOUR, repeat_times=2)
POLICY = Policy("torture", 2 * HOUR, remind=(HOUR,), rungs=(RUNG,))
CARD = Card("压测", "等你处理", (), (Button("done", "办好了"),))
# Minutes: opened, reminder, deadline, climb, repeat; a quarter late, for there may be outages.
LOOKS = (0, 75, 135, 255, 375)
END, AFTER = 385, 495  # minutes: answered; what was still planned has become stale
LENGTH = 10 * HOUR


class Wall:
    """The clock on the wall: it goes on while the process is dead. One write moves it."""

    def __init__(self, file: Path) -> None:
        self._now = int(file.read_text()) if file.exists() else MONDAY_0900
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT)
        self._write()

    def now(self) -> Instant:
        return self._now

    def is_manual(self) -> bool:
        return True

    def move_to(self, instant: Instant) -> None:
        """Forward only."""
        if instant > self._now:
            self._now = instant
            self._write()

    def close(self) -> None:
        os.close(self._file)

    def _write(self) -> None:
        os.pwrite(self._file, f"{self._now:020d}".encode(), 0)


class Phones:
    """A vendor that outlives us: what it took is a line in a file before it answers.

    It knows a card by its id, as WeCom's duplicate check does.
    """

    name = "torture"
    capabilities = Capabilities()

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def send(self, delivery: Delivery) -> SendResult:
        self._take("send", delivery)
        return SendResult("sent", handle={"ref": delivery.card_id})

    async def edit(self, delivery: Delivery, _handle: Mapping[str, Any]) -> SendResult:
        self._take("edit", delivery)
        return SendResult("sent")

    def _take(self, how: str, delivery: Delivery) -> None:
        taken = {
            "how": how,
            "task": delivery.task_id,
            "user": delivery.user_id,
            "card": delivery.card_id,
            "closed": delivery.card.closed,
            "again": delivery.again,
            "content": orjson.dumps(delivery.card.to_json()).decode(),
        }
        os.write(self._file, orjson.dumps(taken) + b"\n")


def hire(tx: Tx) -> None:
    """People with phones."""
    for login, role in PEOPLE.items():
        person = people.add_person(tx, ENGINE, NewPerson(login, login, (role,)))
        people.bind_chat(tx, ENGINE, person, Phones.name, login)


Effect = Callable[[Tx], str]
Once = Callable[[Database, str, Effect], Awaitable[str]]


async def once_in_one(db: Database, key: str, effect: Effect) -> str:
    """The effect of `key` and the memory of it, in one transaction; what came of it."""

    def run(tx: Tx) -> dict[str, str]:
        return once.once(tx, "torture", key, {"key": key}, lambda: {"did": effect(tx)})

    return str((await db.write(run))["did"])


async def until_served(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again while it is busy: whoever died may hold a lock for another moment."""
    while True:
        try:
            return await ask()
        except AppError as refusal:
            if refusal.code != "busy":
                raise


class Unit:
    """Unit `number`; `run` it as often as needed."""

    def __init__(self, db: Database, clock: Wall, folder: Path, number: int) -> None:
        self.db, self.clock, self.number = db, clock, number
        self.began = MONDAY_0900 + number * LENGTH
        self._done = folder / "finished"
        self._journal = os.open(folder / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        phones = Phones(folder / "phones")
        steps = engine_steps(Settings(_env_file=None), db, clock, {phones.name: phones})
        self.engine = Engine(db, clock, Bus(), steps)
        self.yard = db.read_now(Yard.find)

    async def run(self, once: Once) -> None:
        """From the beginning to the end; a repeat changes nothing and gets the same answers."""

        async def ask(kind: str, effect: Callable[[Tx, str], str]) -> str:
            key = self.key(kind)
            self._say("ask", kind, key)
            answer = await until_served(lambda: once(self.db, key, lambda tx: effect(tx, key)))
            self._say("ack", kind, key, answer)
            return answer

        await self._later(0)
        await ask("post", self._post)
        await asyncio.gather(self._ask_together("left"), self._ask_together("right"))
        task = await ask("task", self._open)
        for minutes in LOOKS:
            await self._later(minutes)
        self.clock.move_to(self.began + END * MINUTE)
        await ask("settle", lambda tx, key: self._settle(tx, key, task))
        await self._later(END)
        await self._later(AFTER)
        self._finished()

    async def _later(self, minutes: int) -> None:
        """So many minutes after the beginning the engine does what is due."""
        self.clock.move_to(self.began + minutes * MINUTE)
        await until_served(self.engine.drain)

    def _finished(self) -> None:
        with self._done.open("a") as done:
            done.write(f"{self.number}\n")

    def key(self, kind: str) -> str:
        return f"unit-{self.number:06d}-{kind}"

    def _say(self, *words: str) -> None:
        os.write(self._journal, (" ".join(words) + "\n").encode())

    async def _ask_together(self, kind: str) -> None:
        """A set-based posting; its operation id is the posting's own key."""
        key = self.key(kind)
        self._say("ask", kind, key)
        posting = Posting(key, "transfer", (self._line(kind),), doc=f"torture:{key}")
        posted = await until_served(lambda: self.db.write(Together(post_many, (ENGINE, posting))))
        self._say("ack", kind, key, str(posted.posting_id))

    def _post(self, tx: Tx, key: str) -> str:
        posting = Posting(tx.new_id(), "transfer", (self._line("post"),), doc=f"torture:{key}")
        return str(post(tx, ENGINE, posting).posting_id)

    def _open(self, tx: Tx, key: str) -> str:
        new = NewTask("torture", "压测", f"torture:{key}", ("role:warehouse",), POLICY, CARD)
        return open_task(tx, ENGINE, new).id

    def _settle(self, tx: Tx, key: str, task: str) -> str:
        """An answer to the task that goes on record."""
        settle_task(tx, ENGINE, task, outcome={}, sentence="好")
        audit.record(tx, ENGINE.label, "api", "torture", f"torture:{key}", after={"did": task})
        return task

    def _line(self, kind: str) -> Line:
        a, b, *_ = self.yard.places
        item = self.yard.items[(self.number + len(kind)) % len(self.yard.items)]
        return Line(item, ONE, a, b)
