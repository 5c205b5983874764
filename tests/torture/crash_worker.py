"""A process that dies where it is told, and another that goes on where it died.

`python -m tests.torture.crash_worker` is a launcher whose imports are done. Each line on its stdin
is an `Order` in JSON; it forks a child that does that and answers `killed`, `done` or `failed`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from core import sqlite
from core.db import Database
from core.outbox import queue
from tests.torture import crash_mutants
from tests.torture.crash_points import FILES, Point, Tracer
from tests.torture.crash_unit import Unit, Wall, once_in_one

IMPORTED = (sqlite,)


@dataclass(frozen=True, slots=True)
class Order:
    """One life: finish `unfinished`, then run `unit`, and die at `fatal`.

    `relapse`: the death may come while the old is being finished. `count`: write every point that
    was reached to `points.json` in `folder`.
    """

    url: str
    folder: str
    unfinished: list[int]
    unit: int | None = None
    fatal: dict[str, Any] | None = None
    relapse: bool = False
    count: bool = False
    mutant: str = ""


def live(order: Order) -> None:
    """Counted are the start, the new unit and the end; in a relapse everything."""
    folder = Path(order.folder)
    mutant = crash_mutants.MUTANTS.get(order.mutant, once_in_one)
    fatal = None if order.fatal is None else Point(**order.fatal)
    files = FILES if not order.mutant else FILES | {crash_mutants.FILE}
    tracer = Tracer(files, fatal)
    if fatal is not None or order.count:
        tracer.install()
    clock = Wall(folder / "clock")
    db = Database(order.url, clock)
    for number in order.unfinished:
        tracer.counting = order.relapse
        asyncio.run(Unit(db, clock, folder, number).run(mutant))
    tracer.counting = True
    if order.unit is not None:
        asyncio.run(Unit(db, clock, folder, order.unit).run(mutant))
    db.close()
    if order.count:
        points = [asdict(each) for each in tracer.points()]
        (folder / "points.json").write_bytes(orjson.dumps(points))


def _child(order: Order) -> None:
    code = 1
    try:
        if order.mutant:
            crash_mutants.break_it(order.mutant)
        live(order)
        code = 0
    except BaseException:  # noqa: BLE001  # whatever it is, the judge reads it
        (Path(order.folder) / f"{order.unit}.error").write_text(traceback.format_exc())
    finally:
        os._exit(code)


def main() -> None:
    """Fork as told."""
    queue.configure("torture")
    print("warm", flush=True)  # the protocol
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _child(Order(**orjson.loads(line)))
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            print("killed", flush=True)  # the protocol
        else:
            print("failed" if status else "done", flush=True)  # the protocol


if __name__ == "__main__":
    main()
