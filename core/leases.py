"""Leases: one process at a time does what two must not, for longer than a transaction lasts.

A row names the holder and until when; whoever holds it renews it well before, and who stops (or
dies) is replaced when it runs out. For long connections to vendors; steps of the engine use
`Tx.alone`. A holder that stood still may overlap with its successor: what it does must bear that.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, String, Table, bindparam, select

from core.clock import Instant
from core.db import Tx, metadata

leases = Table(
    "lease",
    metadata,
    Column("name", String(48), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("until", BigInteger, nullable=False),
)

_ONE = select(leases).where(leases.c.name == bindparam("name_"))
_TAKE = (
    leases.update()
    .where(leases.c.name == bindparam("name_"))
    .where((leases.c.owner == bindparam("owner_")) | (leases.c.until <= bindparam("now_")))
    .values(owner=bindparam("owner_"), until=bindparam("until_"))
)
_LET_GO = leases.delete().where(
    leases.c.name == bindparam("name_"), leases.c.owner == bindparam("owner_")
)


def take(tx: Tx, name: str, owner: str, until: Instant) -> bool:
    """Get or renew the lease `name` for `owner`; False when somebody else has it."""
    if not tx.alone(f"lease:{name}"):
        return False
    values = {"name_": name, "owner_": owner, "now_": tx.now, "until_": until}
    if tx.execute(_TAKE, values).rowcount:
        return True
    if tx.execute(_ONE, {"name_": name}).first() is not None:
        return False
    tx.add(leases, {"name": name, "owner": owner, "until": until})
    return True


def let_go(tx: Tx, name: str, owner: str) -> None:
    """Give the lease back before it runs out."""
    tx.execute(_LET_GO, {"name_": name, "owner_": owner})


def holder(conn: Connection, name: str, now: Instant) -> str:
    """Who has the lease now; empty when nobody does."""
    row = conn.execute(_ONE, {"name_": name}).first()
    return str(row.owner) if row is not None and row.until > now else ""
