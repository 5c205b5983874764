"""What somebody who owns the database could do: change rows that nobody may change."""

from __future__ import annotations

from sqlalchemy import text

from core.db import Database, Tx


def tamper(db: Database, *statements: str) -> None:
    """Run `statements` with every trigger out of the way."""

    def change(tx: Tx) -> None:
        if tx.conn.dialect.name == "postgresql":
            tx.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            names = tx.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
            for name in names.scalars().all():
                tx.execute(text(f"DROP TRIGGER {name}"))
        for statement in statements:
            tx.conn.exec_driver_sql(statement)

    db.write_now(change)
