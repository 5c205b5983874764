"""What every step of a transfer keeps: what it is called in the log, where its goods travel."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam

from core import catalog, events
from core.db import Tx
from core.orders.tables import transfers as table
from core.orders.transfer_book import Transfer
from core.people import Actor
from core.quantity import Micro

SAVE = table.update().where(table.c.id == bindparam("transfer_"))


def transit_of(conn: Connection, made: Transfer) -> int:
    """The location id where goods on the way to the receiving warehouse stand."""
    code = catalog.warehouse(conn, made.to_warehouse).code
    return catalog.location_by_code(conn, f"{code}-TRANSIT").id


def say(tx: Tx, actor: Actor, made: Transfer, verb: str, lines: list[tuple[int, Micro]]) -> None:
    """Note a step in the log: `lines` are (item id, micro)."""
    payload = {
        "code": made.code,
        "from_warehouse": made.from_warehouse,
        "to_warehouse": made.to_warehouse,
        "urgent": made.urgent,
        "lines": [list(line) for line in lines],
    }
    events.append(tx, f"transfer.{verb}", f"transfer:{made.id}", actor.label, payload)
