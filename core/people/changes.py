"""What every verb that changes master data ends with: the new row, and the line in the audit."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table

from core import audit
from core.db import Tx
from core.people.permissions import Actor


def record(
    tx: Tx,
    actor: Actor,
    verb: str,
    thing: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    why: str = "",
) -> None:
    """`audit.record` with face and device taken from the actor."""
    audit.record(
        tx,
        actor.label,
        actor.face,
        verb,
        thing,
        before=before,
        after=after,
        why=why,
        device_id=actor.device_id,
    )


def insert_row(tx: Tx, table: Table, values: dict[str, Any]) -> int:
    """Insert one row into a table with a numbered key; answers the number."""
    made = tx.add(table, values).inserted_primary_key
    assert made is not None, f"{table.name} has no numbered key"
    return int(made[0])
