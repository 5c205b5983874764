"""A process that archives and is killed again and again: forks itself when told, like worker.py.

`python -m tests.torture.archiver FOLDER [hasty]`. `hasty` is the mutant that must be caught: it
removes the rows before their file is there.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from core.archive import AUDIT, EVENTS, Archiving, Log, drop_anchor, next_piece, write_piece
from core.clock import DAY, Instant, ManualClock
from core.db import Database
from tests.databases import MONDAY_0900

LATER: Instant = MONDAY_0900 + 100 * DAY
DAYS = 31
PIECE = 20


class Hasty(Archiving):
    """The mutant: the anchor first, then the rows go, and the file comes last."""

    async def _archive(self, log: Log, before: Instant) -> int:
        piece = await self._db.read(lambda conn: next_piece(conn, log, before, self.piece))
        if piece is None:
            return 0
        written = write_piece(self._folder / "elsewhere", piece)
        await self._db.write(lambda tx: drop_anchor(tx, piece, written))
        await self._remove(log)
        write_piece(self._folder, piece)
        return len(piece.rows)


def archiving(db: Database, folder: Path, kind: type[Archiving] = Archiving) -> Archiving:
    """The step as these tests run it: small files, a hundred days later."""
    step = kind(db, ManualClock(LATER), folder, DAYS)
    step.piece = PIECE
    return step


async def finish(db: Database, folder: Path) -> None:
    """Archive all that is old."""
    step = archiving(db, folder)
    while await step.run():
        pass


async def _work(url: str, folder: Path, hasty: bool, says: int) -> None:
    db = Database(url, ManualClock(LATER))
    step = archiving(db, folder, Hasty if hasty else Archiving)
    await db.read(lambda conn: next_piece(conn, EVENTS, LATER, 1))
    await db.read(lambda conn: next_piece(conn, AUDIT, LATER, 1))
    os.write(says, b"up")
    while await step.run():
        pass
    signal.pause()


def main() -> None:
    """One line in: a database; one line out: the pid. "kill PID" kills."""
    folder, hasty = Path(sys.argv[1]), "hasty" in sys.argv
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
                asyncio.run(_work(words[0], folder, hasty, says))
            finally:
                os._exit(1)
        os.close(says)
        os.read(hears, 2)
        os.close(hears)
        print(pid, flush=True)  # the protocol


if __name__ == "__main__":
    main()
