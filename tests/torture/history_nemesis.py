"""R13: clients of several processes compete for few goods while processes and the server die."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any

from core.clock import SystemClock
from core.db import Database
from core.ids import new_id
from core.stock import prove
from tests.servers import Postgres
from tests.torture.history import Op, check
from tests.torture.history_worker import ITEMS, OPENED, Client, furnish, journals, read
from tests.torture.kills import Launcher
from tests.torture.yard import prepare

LIFE = (0.3, 2.0)  # seconds of a process, once warm, in units of `calm`
PEACE = (5.0, 15.0)  # seconds between two deaths of the server


class Tally:
    """How many operations the journals answer so far; reads only what is new."""

    def __init__(self, paths: list[Path]) -> None:
        self._offsets = dict.fromkeys(paths, 0)
        self.answered = 0

    def look(self) -> int:
        for path, offset in self._offsets.items():
            if path.exists():
                with path.open("rb") as journal:
                    journal.seek(offset)
                    fresh = journal.read()
                self._offsets[path] = offset + len(fresh)
                self.answered += fresh.count(b'"word":"ok"') + fresh.count(b'"word":"refused"')
        return self.answered


def compete(
    url: str,
    folder: Path,
    *,
    ops: int,
    seed: int,
    workers: int = 2,
    calm: float = 1.0,
    mutant: str = "",
    server: Postgres | None = None,
) -> tuple[list[str], dict[str, Any]]:
    """At least `ops` answers to the clients of `workers` processes that are killed now and then.

    With `server`, that is killed now and then, too: (what is wrong, figures).
    """
    prepare(url, furnish)
    bases = [folder / f"clients-{n}" for n in range(workers)]
    pause = threading.Event()  # never set
    kills = [0] * workers
    mutants = [mutant] if mutant else []

    def lead(number: int) -> None:
        rng = Random(f"{seed}-{number}")
        launcher = Launcher(*mutants, module="tests.torture.history_worker")
        tally = Tally(journals(bases[number]))
        while tally.look() < ops / workers:
            pid = launcher.fork(
                url, bases[number], seed * 1_000_003 + number * 7919 + kills[number]
            )
            pause.wait(calm * rng.uniform(*LIFE))
            launcher.kill(pid)
            kills[number] += 1
        launcher.close()

    leaders = [threading.Thread(target=lead, args=(number,)) for number in range(workers)]
    with nemesis(server, seed) as deaths:
        for leader in leaders:
            leader.start()
        for leader in leaders:
            leader.join()
    found, history = conclude(url, folder, [path for base in bases for path in journals(base)])
    found += [each.read_text() for each in folder.glob("*.error")]
    outcomes = [op.outcome for op in history]
    return found, {
        "answers": len(history) - outcomes.count("unknown"),
        "refused": outcomes.count("refused"),
        "reads": sum(op.kind == "read" for op in history),
        "kills": sum(kills),
        "server_kills": deaths(),
    }


def conclude(url: str, folder: Path, paths: list[Path]) -> tuple[list[str], list[Op]]:
    """Ask again whatever is open, look at what stands, and judge the whole history."""
    db = Database(url, SystemClock())
    try:
        for path in paths:
            Client(db, path, "end", "").finish()
        last = folder / "last"
        witness = Client(db, last, "end", "")
        for item in range(ITEMS):
            witness.ask(Op(new_id(db.clock.now()), item, "read", 0.0))
        found = list(db.read_now(prove).problems)
    finally:
        db.close()
    history = [op for path in (*paths, last) for op, _ in read(path)]
    return check(history, OPENED) + found, history


@contextmanager
def nemesis(server: Postgres | None, seed: int) -> Iterator[Callable[[], int]]:
    """Kill the server again and again for the time of the block; gives the number of deaths."""
    rng, over, deaths = Random(seed), threading.Event(), [0]

    def haunt() -> None:
        while server is not None and not over.wait(rng.uniform(*PEACE)):
            server.kill()
            server.start()
            deaths[0] += 1

    ghost = threading.Thread(target=haunt)
    ghost.start()
    try:
        yield lambda: deaths[0]
    finally:
        over.set()
        ghost.join()
