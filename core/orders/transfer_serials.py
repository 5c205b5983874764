"""Sending goods that are kept by serial number: whoever loads them names the pieces, no more."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from core import catalog
from core.errors import AppError
from core.orders.transfer import SendLine
from core.orders.transfer_book import Transfer, TransferLine
from core.quantity import ONE
from core.stock import refusals, serials_of


def send_lines(conn: Connection, made: Transfer, codes: Sequence[str]) -> tuple[SendLine, ...]:
    """One line for each named piece, from where the books have it.

    Raises:
        AppError(serial_unknown): no goods that are still to be sent have this serial.
    """
    left = {line.id: line.quantity - line.sent for line in made.lines}
    found = []
    for code in dict.fromkeys(codes):
        line, place, lot_id = _piece(conn, made, left, code)
        left[line.id] -= ONE
        found.append(SendLine(line.id, place, ONE, lot_id, (code,)))
    return tuple(found)


def _piece(
    conn: Connection, made: Transfer, left: dict[str, int], code: str
) -> tuple[TransferLine, int, int]:
    """The line that wants the piece, the location id and the lot id where it stands."""
    wanted = [line for line in made.lines if catalog.item(conn, line.item_id).tracking == "serial"]
    open_first = sorted(wanted, key=lambda line: left[line.id] <= 0)
    for line in open_first:
        for row in serials_of(conn, line.item_id, code=code, limit=1):
            return line, row.location_id, row.lot_id
    item = catalog.item(conn, (wanted or made.lines)[0].item_id)
    raise AppError(refusals.SERIAL_UNKNOWN, item=item.code, serial=code[:64])
