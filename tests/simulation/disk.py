"""What survives a crash: one database, fresh for every seed.

A template is migrated and furnished once per process; each seed gets a copy, in memory where that
is possible. The engines stay, so that SQLAlchemy compiles a statement once; connections do not.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from core import postgres as on_postgres
from core import sqlite as on_sqlite
from core.clock import Clock
from core.db import Database, Tx
from core.migrations.run import upgrade
from core.writer import Store
from tests.servers import Postgres, postgres

MEMORY = Path("/dev/shm")  # noqa: S108  # a crash here is the process's, not the power's


class Disk:
    """One shop's database. `wipe` makes it the template again."""

    def __init__(self, on: str, clock: Clock) -> None:
        self._stack = ExitStack()
        self._server: Postgres | None = None
        where = MEMORY if MEMORY.is_dir() else None
        name = self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix="jieli-sim-", dir=where)
        )
        self._folder = Path(name)
        if on == "postgres":
            self._server = self._stack.enter_context(postgres())
            self._template, self.url = self._server.create(), self._server.url("shop")
            self.store: Store = on_postgres.open_store(self.url, clock)
        else:
            self._template, self.url = "template", f"sqlite:///{self._folder}/shop.db"
            self.store = on_sqlite.open_store(self.url, "OFF", clock)

    def furnish(self, clock: Clock, put_in: Callable[[Tx], None]) -> None:
        """Migrate the template and put into it what every day begins with."""
        url = f"sqlite:///{self._folder}/template.db"
        if self._server is not None:
            url = self._server.url(self._template)
        db = Database(url, clock, synchronous="OFF")
        upgrade(db)
        db.write_now(put_in)
        db.close()

    def let_go(self) -> None:
        """The process is gone, and with it every connection and what was not committed."""
        for committer in (*self.store.ordinary, self.store.together):
            if committer is not None:
                committer.close()
        for engine in self.store.engines:
            engine.dispose()

    def wipe(self) -> None:
        """Another day begins."""
        self.let_go()
        if self._server is not None:
            self._server.drop("shop")
            self._server.run(f"CREATE DATABASE shop TEMPLATE {self._template}")
            return
        for tail in ("-wal", "-shm"):
            (self._folder / f"shop.db{tail}").unlink(missing_ok=True)
        shutil.copyfile(self._folder / "template.db", self._folder / "shop.db")

    def close(self) -> None:
        self.let_go()
        self._stack.close()
