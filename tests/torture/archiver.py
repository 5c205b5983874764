"""A process that archives and is killed again and again: a launcher like tests/torture/worker.py.

`python -m tests.torture.archiver [hasty]`. `hasty` is the mutant that must be caught: it removes
the rows before their file is there.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from core.archive import AUDIT, EVENTS, Archiving, Log, drop_anchor, next_piece, write_piece
from core.clock import DAY, Instant, ManualClock
from core.db import Database
from tests.databases import MONDAY_0900
from tests.torture import worker

LATER: Instant = MONDAY_0900 + 100 * DAY
DAYS = 31
PIECE = 20


class Hasty(Archiving):
    """The mutant: the anchor first, then the rows go, and the file comes last.

    It dawdles in between: on a fast machine it was done before any kill had found it there.
    """

    async def _archive(self, log: Log, before: Instant) -> int:
        piece = await self._db.read(lambda conn: next_piece(conn, log, before, self.piece))
        if piece is None:
            return 0
        written = write_piece(self._folder / "elsewhere", piece)
        await self._db.write(lambda tx: drop_anchor(tx, piece, written))
        await self._remove(log)
        await asyncio.sleep(0.02)
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


class Archivist:
    """One life; see tests/torture/worker.py. `folder` is where the files go."""

    def __init__(self, url: str, folder: Path, _seed: int, mutant: str) -> None:
        self._db = Database(url, ManualClock(LATER))
        self._step = archiving(self._db, folder, Hasty if mutant == "hasty" else Archiving)

    def warm_up(self) -> None:
        for log in (EVENTS, AUDIT):
            self._db.read_now(lambda conn, log=log: next_piece(conn, log, LATER, 1))  # type: ignore[misc]

    def work(self) -> None:
        asyncio.run(self._archive())
        signal.pause()

    async def _archive(self) -> None:
        while await self._step.run():
            pass


if __name__ == "__main__":
    worker.main(Archivist)
