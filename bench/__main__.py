"""`python -m bench`: measure everything, print one table, keep it under bench/results.

`--on sqlite` or `--on postgres`; `--only postings,push` picks parts; `--rounds N` repeats the
interleaved rounds. What each part measures is in its file's first lines and docs/performance.md.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench import pg, push, timers
from bench.across import across
from bench.arena import Arena, prepare
from bench.chat import chat
from bench.day import day
from bench.far import far
from bench.growth import SIZES, growth
from bench.lots import lots
from bench.machine import describe
from bench.partitions import partitions
from bench.peers import peers
from bench.pg import Pgbench
from bench.postings import postings
from bench.replica import replica
from bench.scanners import scans
from bench.selling import selling
from bench.table import Result, printed
from bench.waking import waking
from core.clock import SystemClock, to_datetime
from core.outbox import queue
from tests.servers import redis_server

RESULTS = Path(__file__).parent / "results"


@dataclass(slots=True)
class Run:
    """One run on one kind of database: makes what a part asks for."""

    folder: Path
    server: Pgbench | None
    on: str
    rounds: int
    moves: int
    minutes: float
    pace: float

    @property
    def of_ours(self) -> Pgbench | None:
        """The server that our database is on; None on SQLite."""
        return self.server if self.on == "postgres" else None

    def url(self, name: str) -> str:
        """A fresh, empty database."""
        if self.on == "sqlite":
            return f"sqlite:///{self.folder}/{name}.db"
        return self.on_server(name)

    def on_server(self, name: str) -> str:
        """A fresh, empty database on PostgreSQL, whatever the run is on."""
        return self.pg.database(name)

    @property
    def pg(self) -> Pgbench:
        """The server of this run."""
        assert self.server is not None, "no PostgreSQL is installed"
        return self.server

    def arena(self, name: str, items: int = 1_000) -> Arena:
        """A furnished database in a folder of its own."""
        folder = self.folder / name
        folder.mkdir()
        return prepare(folder, items, self.url(name))


def between_processes(run: Run) -> list[Result]:
    """By NOTIFY and by Redis; PostgreSQL, whatever the run is on."""
    found = []
    with redis_server() as redis:
        for hints, address in (("NOTIFY", ""), ("Redis", redis.url)):
            folder = run.folder / hints
            folder.mkdir()
            arena = prepare(folder, 1, run.on_server(f"across_{hints.lower()}"))
            found.append(across(arena, hints, address))
    return found


PARTS: dict[str, Callable[[Run], list[Result]]] = {
    "postings": lambda run: postings(run.arena("postings"), run.server, run.rounds),
    "scans": lambda run: scans(run.arena("scans")),
    "push": lambda run: [
        *push.fan_out(run.arena("push1000"), 1_000, 10, 4.0),
        *push.fan_out(run.arena("push5000"), 5_000, 4, 1.0),
        *push.one_to_one(run.arena("single")),
    ],
    "across": between_processes,
    "growth": lambda run: growth(run.folder, run.url("growth"), run.of_ours, run.moves),
    "lots": lambda run: lots(run.arena("lots"), run.of_ours),
    "day": lambda run: day(run.arena("day", 0), run.of_ours, run.minutes, run.pace),
    "selling": lambda run: selling(run.arena("selling", 0), run.of_ours, run.minutes, run.pace),
    "waking": lambda run: waking(run.arena("waking", 0)),
    "chat": lambda run: chat(run.folder, run.url("chat"), run.rounds),
    "far": lambda run: far(run.on_server("near"), run.on_server("far")),
    "partitions": lambda run: partitions(run.folder, run.on_server("partitions")),
    "replica": lambda run: replica(run.folder, run.pg),
    "peers": lambda run: peers(
        prepare(run.folder, 1_000, run.on_server("ours")), run.pg, run.rounds
    ),
    "timers": lambda run: [
        *timers.lateness(run.url("lateness")),
        *timers.overdue(run.url("overdue")),
    ],
}


def main(
    *,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds per figure")] = 3,
    only: Annotated[str, typer.Option(help="Parts, comma separated")] = ",".join(PARTS),
    on: Annotated[str, typer.Option(help="sqlite or postgres, the same server as pgbench")] = (
        "sqlite"
    ),
    moves: Annotated[int, typer.Option(help="Size of the largest ledger of `growth`")] = SIZES[-1],
    minutes: Annotated[float, typer.Option(help="How much of the `day`; all of it is 60")] = 10,
    pace: Annotated[float, typer.Option(help="1: the `day` in an hour; 6: in ten minutes")] = 1,
    write: Annotated[bool, typer.Option(help="Keep the result in bench/results")] = True,
) -> None:
    """Measure this machine."""
    wanted = only.split(",")
    queue.configure("bench")
    lines: list[Result] = []
    for name in wanted:  # a fresh server for each: no part pays for another's dead rows
        with tempfile.TemporaryDirectory(prefix="jieli-bench-") as folder, pg.server() as server:
            lines += PARTS[name](Run(Path(folder), server, on, rounds, moves, minutes, pace))
    print(f"machine: {describe()}\n{printed(lines)}")
    if write:
        found = {
            "machine": describe(),
            "command": f"python -m bench --on {on} --rounds {rounds} --only {only} --moves {moves} "
            f"--minutes {minutes} --pace {pace}",
            "lines": [line.to_json() for line in lines],
        }
        day = f"{to_datetime(SystemClock().now()):%Y-%m-%d-%H%M}"
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps(found, ensure_ascii=False, indent=1)
        (RESULTS / f"{day}-{on}.json").write_text(text + "\n")


if __name__ == "__main__":
    typer.run(main)
