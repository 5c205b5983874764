"""Bring a database to the newest schema, and tell where it stands. Not for data."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from core.clock import SystemClock
from core.db import Database, Together, Tx
from core.errors import AppError
from core.schema import whole

HERE = Path(__file__).parent


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    return config


def newest() -> str:
    """The revision this code expects."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "there is no migration"
    return head


def current(conn: Connection) -> str | None:
    """The revision the database is at; None when it was never migrated."""
    return MigrationContext.configure(conn).get_current_revision()


def upgrade(db: Database, to: str = "head") -> None:
    """Run every missing migration in one transaction of the Writer; harmless when up to date.

    Processes that start together take turns. `to` stops earlier, at a revision that exists.
    """
    config = _config()

    def run(tx: Tx, _items: Sequence[None]) -> list[AppError | None]:
        tx.turn("migration")
        config.attributes["connection"] = tx.conn
        command.upgrade(config, to)
        return [None]

    db.write_now(Together(run, None))


def drift(conn: Connection) -> list[str]:
    """What the tables in code have that the migrated database has not, and the reverse."""
    context = MigrationContext.configure(conn, opts={"compare_type": False})
    with warnings.catch_warnings():  # SQLite is told of an index that is PostgreSQL's alone
        warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression")
        return [str(difference) for difference in compare_metadata(context, whole())]


def draft(message: str) -> None:
    """`make migration`: draft a migration from the difference; a person must read and mend it."""
    with TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/draft.db", SystemClock())
        upgrade(db)
        config = _config()

        def run(conn: Connection) -> None:
            config.attributes["connection"] = conn
            command.revision(config, message=message, autogenerate=True)

        db.write_now(lambda tx: run(tx.conn))
        db.close()
