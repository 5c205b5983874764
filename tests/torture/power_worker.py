"""People at work on a database whose power will be cut: they ask, and write down what was answered.

`python -m tests.torture.power_worker` is a launcher. Each line on its stdin, a `Shift` in JSON,
forks a child and answers its pid; `kill PID` ends it. Each asks one thing at a time and now
and then sends a photo; all share one Database, so their commits are shared too.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path

import orjson

from core import checkpoint, sqlite
from core.clock import SystemClock
from core.db import Database
from core.ids import new_id
from core.outbox import queue
from core.people import ENGINE
from core.tasks import files
from tests.torture.worker import Child

IMPORTED = (sqlite,)
PHOTOS = 0.05  # of what people do


@dataclass(frozen=True, slots=True)
class Shift:
    """`people` at work in `mount`; their journals lie in `journals`, where power never fails."""

    mount: str
    journals: str
    seed: int
    people: int
    synchronous: str = "FULL"
    checkpoint: int = 0  # pages of log after which the writer writes it back; 0: as shipped
    beside: int = 0  # rows changed after which that is done beside the writer; 0: as shipped


def work(shift: Shift) -> None:
    """Until the power is cut, and a moment longer: what fails then is asked again."""
    checkpoint.ROWS = shift.beside or checkpoint.ROWS
    db = Database(f"sqlite:///{shift.mount}/jieli.db", SystemClock(), shift.synchronous)
    sound = db.read_now(lambda conn: conn.exec_driver_sql("PRAGMA quick_check").scalar())
    if sound != "ok":
        (Path(shift.journals) / "corrupt.error").write_text(str(sound))
        return
    if shift.checkpoint:
        pragma = f"PRAGMA wal_autocheckpoint={shift.checkpoint}"
        db.write_now(lambda tx: tx.conn.exec_driver_sql(pragma).close())
    crew = [
        threading.Thread(target=_at_work, args=(db, shift, number), daemon=True)
        for number in range(shift.people)
    ]
    for each in crew:
        each.start()
    for each in crew:
        each.join()


def _at_work(db: Database, shift: Shift, number: int) -> None:
    child = Child(db, Path(shift.journals) / f"worker-{number}", shift.seed * 7919 + number)
    for key, kind in list(child.open.items()):
        child.do(kind, key)
    while True:
        if child.rng.random() < PHOTOS:
            _send_photo(db, shift)
        child.do_one()


def _send_photo(db: Database, shift: Shift) -> None:
    """The bytes, then the row; its digest is written down when both were said to be kept."""
    content = new_id(db.clock.now()).encode() * 300
    digest = files.keep(Path(shift.mount) / "files", content)
    new = files.NewFile(digest, "text/plain", len(content), "photo")
    db.write_now(lambda tx: files.register(tx, ENGINE, new))
    with (Path(shift.journals) / "photos").open("a") as journal:
        journal.write(f"{digest}\n")


def _child(shift: Shift) -> None:
    """What it says once the power is gone is noise, kept for whoever looks for a standstill."""
    log = os.open(Path(shift.journals) / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 2)
    try:
        work(shift)
    except Exception:  # noqa: BLE001  # the power was cut while it began
        traceback.print_exc()
    finally:
        os._exit(1)


def main() -> None:
    """Fork and kill as told."""
    queue.configure("torture")
    print("warm", flush=True)  # the protocol
    for line in sys.stdin:
        if line.startswith("kill "):
            pid = int(line.split()[1])
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            print("dead", flush=True)  # the protocol
            continue
        shift = Shift(**orjson.loads(line))
        pid = os.fork()
        if pid == 0:
            _child(shift)
        print(pid, flush=True)  # the protocol


if __name__ == "__main__":
    main()
