"""Fresh databases for tests, on the kind that `--on` asks for; a copy of a template costs little.

One server and one empty template for the whole run of a pytest process; also for the hypothesis
machines, which have no fixtures.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from core import schema
from core.clock import SHANGHAI, ManualClock, instant
from core.db import Database, Together, Tx
from core.errors import AppError
from tests.servers import Postgres, postgres

MONDAY_0900 = instant(datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI))


@dataclass(slots=True)
class Databases:
    """Makes and drops databases; addresses are `JIELI_DATABASE_URL`s."""

    kind: str = "sqlite"
    server: Postgres | None = None
    empty: str = ""
    refused: str = ""  # why nobody may open one now
    _folder: Path = Path()
    _count: int = 0
    _stack: ExitStack = field(default_factory=ExitStack)

    def open(self, kind: str) -> None:
        """Say which kind; the server starts with the first database."""
        self.kind = kind

    def close(self) -> None:
        """Stop the server, remove every file."""
        self._stack.close()
        self.server, self.empty = None, ""

    def blank(self) -> str:
        """A database without any table."""
        self._begin()
        if self.server is None:
            self._count += 1
            return f"sqlite:///{self._folder}/{self._count}.db"
        return self.server.url(self.server.create())

    def copy(self, template: str = "") -> str:
        """A copy of `template`, by default of the one with every table and no row."""
        self._begin()
        if not template:
            template = self._empty()
        if self.server is not None:
            return self.server.url(self.server.create(template.rpartition("/")[2]))
        url = self.blank()
        shutil.copyfile(_path(template), _path(url))
        return url

    def drop(self, url: str, *, at_once: bool = False) -> None:
        """Nobody needs it any more; `at_once`, though somebody does."""
        if self.server is not None:
            gone = self.server.drop if at_once else self.server.leave
            gone(url.rpartition("/")[2])
            return
        for tail in ("", "-wal", "-shm"):
            Path(_path(url) + tail).unlink(missing_ok=True)

    def database(self, clock: ManualClock, template: str = "") -> Database:
        """A copy, opened. synchronous=OFF: tests about power loss open their own."""
        return Database(self.copy(template), clock, synchronous="OFF")

    def _begin(self) -> None:
        assert not self.refused, self.refused
        if self._folder != Path():
            return
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        if self.kind == "postgres":
            self.server = self._stack.enter_context(postgres())

    def _empty(self) -> str:
        if not self.empty:
            self.empty = self.blank()
            db = Database(self.empty, ManualClock(MONDAY_0900), synchronous="OFF")
            db.write_now(Together(_create_all, None))  # an ordinary one locks a table of these
            db.close()
        return self.empty


def _create_all(tx: Tx, _items: Sequence[None]) -> list[AppError | None]:
    schema.whole().create_all(tx.conn)
    return [None]


def _path(url: str) -> str:
    return url.removeprefix("sqlite:///")


DATABASES = Databases()
