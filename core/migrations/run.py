"""Bring a database to the newest schema, and tell where it stands. Not for data.

Most processes start on a database that is up to date. They are told so by the files' own words:
Alembic, and the migrations as modules, are loaded only where there is something to migrate.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, inspect, select, table

from core.clock import SystemClock
from core.db import Database, Together, Tx
from core.errors import AppError
from core.prefix import is_of_pairs
from core.schema import whole

if TYPE_CHECKING:
    from alembic.config import Config

HERE = Path(__file__).parent
STAMP = table("alembic_version", column("version_num"))
_NAMES = re.compile(r"""^(down_)?revision = ['"](\w+)['"]$""", re.MULTILINE)


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    return config


def newest() -> str:
    """The revision this code expects: the one that no other follows."""
    made: set[str] = set()
    followed: set[str] = set()
    for path in (HERE / "versions").glob("*.py"):
        for down, name in _NAMES.findall(path.read_text()):
            (followed if down else made).add(name)
    (head,) = made - followed
    return head


def current(conn: Connection) -> str | None:
    """The revision the database is at; None when it was never migrated."""
    if not inspect(conn).has_table(STAMP.name):
        return None
    return conn.scalar(select(STAMP.c.version_num))


def upgrade(db: Database, to: str = "head") -> None:
    """Run every missing migration in one transaction of the Writer; harmless when up to date.

    Processes that start together take turns. `to` stops earlier, at a revision that exists.
    """
    if db.read_now(current) == newest():
        return
    from alembic import command

    config = _config()

    def run(tx: Tx, _items: Sequence[None]) -> list[AppError | None]:
        tx.turn("migration")
        config.attributes["connection"] = tx.conn
        command.upgrade(config, to)
        return [None]

    db.write_now(Together(run, None))


def drift(conn: Connection) -> list[str]:
    """What the tables in code have that the migrated database has not, and the reverse."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    opts = {"compare_type": False, "include_name": is_ours}
    context = MigrationContext.configure(conn, opts=opts)
    with warnings.catch_warnings():  # SQLite is told of an index that is PostgreSQL's alone
        warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression")
        return [str(difference) for difference in compare_metadata(context, whole())]


def is_ours(name: str | None, kind: str, _of: object) -> bool:
    """Whether something found in the database should stand in code too (Alembic's question)."""
    return kind != "table" or name is None or not is_of_pairs(name)


def draft(message: str) -> None:
    """`make migration`: draft a migration from the difference; a person must read and mend it."""
    from alembic import command

    with TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/draft.db", SystemClock())
        upgrade(db)
        config = _config()

        def run(conn: Connection) -> None:
            config.attributes["connection"] = conn
            command.revision(config, message=message, autogenerate=True)

        db.write_now(lambda tx: run(tx.conn))
        db.close()
