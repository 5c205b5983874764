"""R13's clients: threads that ask, of few goods at few places, and write down what they were told.

`python -m tests.torture.history_worker` is a launcher like tests/torture/worker.py. Whatever a
client had asked when its process died it asks again first, under the same operation id.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, select

from core import catalog
from core.catalog import NewItem, NewLocation
from core.catalog import tables as catalog_tables
from core.clock import SystemClock, perf
from core.db import Database, Together, Tx
from core.errors import AppError
from core.ids import new_id
from core.people import ENGINE
from core.quantity import ONE
from core.stock import (
    Line,
    Posting,
    Reserve,
    fulfil,
    on_hand,
    post,
    post_many,
    refusals,
    release,
    reserve,
)
from core.stock.tables import balances
from tests.torture import worker
from tests.torture.history import Op, Stock

ITEMS, PLACES, OPENING = 4, ("A-1", "A-2"), 5
CLIENTS = 3  # threads of a process
OPENED: Stock = ((OPENING, 0),) * len(PLACES)
KINDS = ("read", "read", "receive", "issue", "move", "reserve", "reserve", "end", "end")
T = TypeVar("T")
_PAUSE = threading.Event()  # never set


def furnish(tx: Tx) -> None:
    """A handful of everything in every place."""
    house = catalog.add_warehouse(tx, ENGINE, "W1", "压测仓")
    news = [NewLocation(code, "bin", warehouse_id=house) for code in PLACES]
    places = catalog.add_locations(tx, ENGINE, news)
    items = [catalog.add_item(tx, ENGINE, NewItem(f"T{n}", f"货品{n}")) for n in range(ITEMS)]
    count = catalog.location_by_code(tx.conn, "COUNT").id
    lines = [Line(item, OPENING * ONE, count, place) for item in items for place in places]
    post(tx, ENGINE, Posting("history:opening", "opening", tuple(lines)))


class Client:
    """One client and its journal. Does one thing at a time."""

    def __init__(self, db: Database, journal: Path, seed: str, mutant: str) -> None:
        self.db, self.rng, self.mutant = db, Random(seed), mutant
        self.open: Op | None = None
        self.held: dict[str, tuple[int, Op]] = {}  # reservations by key
        for op, told in read(journal):
            self._learn(op, told)
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._cached: dict[int, Stock] = {}
        self._where = patiently(lambda: db.read_now(Where.find))

    def finish(self) -> None:
        """Ask again what was asked when the process died."""
        if self.open is not None and self.open.kind != "read":
            self.ask(self.open)

    def work(self) -> None:
        while True:
            self.ask(self._next())

    def _next(self) -> Op:
        kind = self.rng.choice(KINDS)
        key, item = new_id(self.db.clock.now()), self.rng.randrange(ITEMS)
        if kind == "end":
            if not self.held:
                return Op(key, item, "read", 0.0)
            _, of = self.held[self.rng.choice(list(self.held))]
            return replace(of, key=f"{key}:{of.key}", kind=self.rng.choice(("release", "fulfil")))
        here, there = self.rng.sample(range(len(PLACES)), 2)
        return Op(key, item, kind, 0.0, place=here, to=there, n=self.rng.randint(1, 3))

    def ask(self, op: Op) -> None:
        """Until it is answered; each asking is written down before it is done."""
        while True:
            asked = (op.kind, op.item, op.place, op.to, op.n)
            self._say({"word": "ask", "key": op.key, "op": asked, "at": perf()})
            told: dict[str, Any] = {"word": "ok", "key": op.key}
            try:
                told |= self._do(op)
            except AppError as refusal:
                if refusal.code == "busy":
                    _PAUSE.wait(0.01)
                    continue
                if refusal.code != "not_enough":
                    raise
                told["word"] = "refused"
            self._say(told | {"at": perf()})
            self._learn(op, told)
            return

    def _learn(self, op: Op, told: dict[str, Any] | None) -> None:
        self.open = op if told is None else None
        if told is None or told["word"] != "ok":
            return
        if op.kind == "reserve" and "id" in told:
            self.held[op.key] = (told["id"], op)
        elif op.kind in {"release", "fulfil"}:
            self.held.pop(op.key.partition(":")[2], None)

    def _say(self, told: dict[str, Any]) -> None:
        os.write(self._journal, orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))

    # -- what is asked -------------------------------------------------------------------------
    def _do(self, op: Op) -> dict[str, Any]:
        if op.kind == "read":
            return {"seen": self._look(op)}
        here = self._where.places[op.place]
        if op.kind == "reserve":
            if self.mutant == "lost-update":
                return self._reserve_badly(op)
            wish = Reserve(op.key, self._where.items[op.item], op.n * ONE, location_ids=(here,))
            return {"id": self.db.write_now(lambda tx: reserve(tx, ENGINE, wish)).reservation_id}
        if op.kind in {"release", "fulfil"}:
            number, _ = self.held[op.key.partition(":")[2]]
            self.db.write_now(lambda tx: self._end(tx, op, number))
            return {}
        posting = self._posting(op)
        if self.rng.random() < 0.5:
            self.db.write_now(Together(post_many, (ENGINE, posting)))
        else:
            self.db.write_now(lambda tx: post(tx, ENGINE, posting))
        return {}

    def _look(self, op: Op) -> Stock:
        if self.mutant == "stale-read" and op.item in self._cached and self.rng.random() < 0.2:
            return self._cached[op.item]
        seen = self.db.read_now(lambda conn: self._where.standing(conn, op.item))
        self._cached[op.item] = seen
        return seen

    def _end(self, tx: Tx, op: Op, number: int) -> None:
        if op.kind == "release":
            release(tx, ENGINE, number)
        else:
            fulfil(tx, ENGINE, number, op.key, self._where.customer)

    def _posting(self, op: Op) -> Posting:
        where = self._where
        here, there = where.places[op.place], where.places[op.to]
        kind, start, end = {
            "receive": ("receive", where.supplier, here),
            "issue": ("issue", here, where.customer),
            "move": ("transfer", here, there),
        }[op.kind]
        return Posting(op.key, kind, (Line(where.items[op.item], op.n * ONE, start, end),))

    def _reserve_badly(self, op: Op) -> dict[str, Any]:
        """The mutant: what it read in one transaction it writes in the next."""
        row = (balances.c.item_id == self._where.items[op.item]) & (
            balances.c.location_id == self._where.places[op.place]
        )
        found = self.db.read_now(
            lambda conn: conn.execute(select(balances.c.on_hand, balances.c.reserved).where(row))
        ).one()
        if found.on_hand - found.reserved < op.n * ONE:
            raise AppError(refusals.NOT_ENOUGH)
        change = balances.update().where(row).values(reserved=found.reserved + op.n * ONE)
        self.db.write_now(lambda tx: tx.execute(change))
        return {}


@dataclass(frozen=True, slots=True)
class Where:
    """Ids of what the history numbers from 0."""

    items: tuple[int, ...]
    places: tuple[int, ...]
    supplier: int
    customer: int

    @classmethod
    def find(cls, conn: Connection) -> Where:
        codes = (*PLACES, "SUPPLIER", "CUSTOMER")
        *places, supplier, customer = (catalog.location_by_code(conn, each).id for each in codes)
        items = conn.execute(select(catalog_tables.items.c.id).order_by("id")).scalars()
        return cls(tuple(items), tuple(places), supplier, customer)

    def standing(self, conn: Connection, item: int) -> Stock:
        """What a person reads: on hand and reserved at each place."""
        rows = {row.location_id: row for row in on_hand(conn, self.items[item])}
        found = [rows.get(each) for each in self.places]
        return tuple((row.on_hand // ONE, row.reserved // ONE) if row else (0, 0) for row in found)


def patiently(ask: Callable[[], T]) -> T:
    """The answer, once the database is there."""
    while True:
        try:
            return ask()
        except AppError as refusal:
            if refusal.code != "busy":
                raise
            _PAUSE.wait(0.05)


def read(journal: Path) -> list[tuple[Op, dict[str, Any] | None]]:
    """Each operation of a journal, with its answer or None; see `Op.began`."""
    ops: dict[str, Op] = {}
    asked: dict[str, float] = {}
    answers: dict[str, dict[str, Any]] = {}
    lines = journal.read_bytes().splitlines() if journal.exists() else []
    for line in lines:
        told = orjson.loads(line)
        key, at = told["key"], told["at"]
        if told["word"] != "ask":
            answers[key] = told
            seen = tuple((hand, reserved) for hand, reserved in told.get("seen", ()))
            began = asked[key] if told["word"] == "refused" else ops[key].began
            ops[key] = replace(ops[key], began=began, ended=at, outcome=told["word"], seen=seen)
            continue
        asked[key] = at
        if key not in ops:
            kind, item, place, to, n = told["op"]
            ops[key] = Op(key, item, kind, at, place=place, to=to, n=n)
    return [(op, answers.get(key)) for key, op in ops.items()]


def journals(base: Path) -> list[Path]:
    """One for each client of a process."""
    return [base.with_name(f"{base.name}-{n}") for n in range(CLIENTS)]


class Crowd:
    """One life of a process: several clients at one database handle."""

    def __init__(self, url: str, journal: Path, seed: int, mutant: str) -> None:
        self.db = Database(url, SystemClock())
        self.clients = [
            Client(self.db, each, f"{seed}-{n}", mutant) for n, each in enumerate(journals(journal))
        ]

    def warm_up(self) -> None:
        """What was left open is asked again by its own client, when it works."""

    def work(self) -> None:
        def live(client: Client) -> None:
            client.finish()
            client.work()

        threads = ThreadPoolExecutor(CLIENTS)
        lives = [threads.submit(live, each) for each in self.clients]
        done, _ = wait(lives, return_when=FIRST_EXCEPTION)
        for each in done:
            each.result()


if __name__ == "__main__":
    worker.main(Crowd)
