"""A process that works until it is killed: it asks, and writes down what it was answered.

`python -m tests.torture.worker` is a launcher whose imports are done. Each line on its stdin, `URL
JOURNAL SEED`, forks a child that works on that database; `kill PID` ends one. What a child was
about to do when it died it does first when it comes back, with the same operation id, as a device
would.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Protocol

from core import once, sqlite
from core.clock import SystemClock
from core.db import Database, Together, Tx
from core.errors import AppError
from core.ids import new_id
from core.outbox import queue
from core.outbox.card import Card
from core.people import ENGINE
from core.quantity import ONE
from core.stock import Line, Posting, post, post_many
from core.tasks.board import NewTask, open_task, settle_task
from core.tasks.policy import Policy
from tests.torture.yard import Yard

IMPORTED = (sqlite,)
HOUR_US = 3_600_000_000


class Child:
    """One life of a worker."""

    def __init__(self, db: Database, journal: Path, seed: int, mutant: str = "") -> None:
        self.db = db
        self.rng = Random(seed)
        self.yard = self.db.read_now(Yard.find)
        self.mutant = mutant
        asked: dict[str, str] = {}
        if journal.exists():
            for line in journal.read_text().splitlines():
                word, kind, key = line.split(" ")[:3]
                if word == "ask":
                    asked[key] = kind
                else:
                    asked.pop(key, None)
        self.open = asked
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def warm_up(self) -> None:
        """What was left open, and one of each kind: connections are made, statements compiled."""
        for key, kind in list(self.open.items()):
            self.do(kind, key)
        for kind in ("post", "group", "task"):
            self.do(kind, new_id(self.db.clock.now()))

    def work(self) -> None:
        while True:
            self.do_one()

    def do_one(self) -> None:
        self.do(self.rng.choice(("post", "group", "task")), new_id(self.db.clock.now()))

    def do(self, kind: str, key: str) -> None:
        self.say("ask", kind, key)
        while True:
            try:
                answer = self.ask(kind, key)
            except AppError as refusal:
                if refusal.code == "busy":
                    continue
                raise
            self.say("ack", kind, key, answer)
            return

    def say(self, *words: str) -> None:
        os.write(self._journal, (" ".join(words) + "\n").encode())

    def ask(self, kind: str, key: str) -> str:
        """The answer to one operation; the same however often it is asked."""
        if kind == "group":  # the set-based path: its operation id is the posting's own key
            posting = Posting(key, "transfer", (self.line(key),), doc=f"torture:{key}")
            return str(self.db.write_now(Together(post_many, (ENGINE, posting))).posting_id)
        if self.mutant == "two-transactions":
            return self._ask_in_two(kind, key)

        def run(tx: Tx) -> dict[str, str]:
            return once.once(tx, "torture", key, {"kind": kind}, lambda: self.effect(tx, kind, key))

        return self.db.write_now(run)["did"]

    def _ask_in_two(self, kind: str, key: str) -> str:
        """The mutant that must be caught: the effect commits, then the key that remembers it."""
        known = self.db.read_now(lambda conn: once.answer_of(conn, "torture", key))
        if known is not None:
            return str(known["did"])
        did = self.db.write_now(lambda tx: self.effect(tx, kind, key))
        self.db.write_now(lambda tx: once.once(tx, "torture", key, {"kind": kind}, lambda: did))
        return did["did"]

    def effect(self, tx: Tx, kind: str, key: str) -> dict[str, str]:
        """A posting, or a task that is opened and ended; each names the key it came of."""
        if kind == "post":
            posting = Posting(tx.new_id(), "transfer", (self.line(key),), doc=f"torture:{key}")
            return {"did": str(post(tx, ENGINE, posting).posting_id)}
        policy = Policy("torture", 48 * HOUR_US)
        new = NewTask("torture", "任务", f"torture:{key}", ("role:admin",), policy, Card("压测"))
        task = open_task(tx, ENGINE, new)
        settle_task(tx, ENGINE, task.id, outcome={}, sentence="好")
        return {"did": task.id}

    def line(self, key: str) -> Line:
        rng = Random(key)
        item = rng.choice(self.yard.items)
        a, b = rng.sample(self.yard.places, 2)
        return Line(item, ONE * rng.randint(1, 3), a, b)


class Life(Protocol):
    """What a fork lives for."""

    def warm_up(self) -> None: ...

    def work(self) -> None: ...


def child_at(url: str, journal: Path, seed: int, mutant: str) -> Life:
    """A child on its own handle of the database."""
    return Child(Database(url, SystemClock()), journal, seed, mutant)


def main(born: Callable[[str, Path, int, str], Life] = child_at) -> None:
    """Fork and kill as told; `born` of URL, JOURNAL, SEED and mutant."""
    mutant = sys.argv[1] if len(sys.argv) > 1 else ""
    queue.configure("torture")
    print("warm", flush=True)  # the protocol
    for line in sys.stdin:
        words = line.split()
        if words[0] == "kill":
            os.kill(int(words[1]), signal.SIGKILL)
            os.waitpid(int(words[1]), 0)
            print("dead", flush=True)  # the protocol
            continue
        hears, says = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                child = born(words[0], Path(words[1]), int(words[2]), mutant)
                child.warm_up()
                os.write(says, b"up")
                child.work()
            except Exception:  # noqa: BLE001  # whatever it is, the judge reads it
                Path(words[1] + ".error").write_text(traceback.format_exc())
            finally:
                os._exit(1)
        os.close(says)
        os.read(hears, 2)  # it is connected, or it could not be born
        os.close(hears)
        print(pid, flush=True)  # the protocol


if __name__ == "__main__":
    main()
