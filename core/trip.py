"""Several statements in one round trip: what a hot path asks of the database at once.

A `Trip` sends its statements on the driver and makes its result of what came back. On PostgreSQL
all trips of one call travel in one pipeline; SQLite runs them one after the other.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection, Dialect

R_co = TypeVar("R_co", covariant=True)


class Trip(Protocol, Generic[R_co]):
    """Statements that travel together with others'."""

    def send(self, driver: Any, dialect: Dialect) -> list[Any]:
        """Execute them; nothing may be read of a cursor yet."""

    def made(self, sent: list[Any]) -> R_co:
        """The result, once everything has come back."""


def one_trip(conn: Connection, *trips: Trip[Any]) -> list[Any]:
    """The result of each trip, in order."""
    if not conn.in_transaction():
        conn.begin()  # the driver would not begin our kind of transaction
    driver: Any = conn.connection.driver_connection
    with pipeline(driver):
        sent = [trip.send(driver, conn.dialect) for trip in trips]
    return [trip.made(cursors) for trip, cursors in zip(trips, sent, strict=True)]


def pipeline(driver: Any) -> AbstractContextManager[Any]:
    """PostgreSQL's pipeline; nothing on SQLite, nor where one is open already."""
    begin = getattr(driver, "pipeline", None)
    if begin is None or driver.pgconn.pipeline_status:
        return nullcontext()
    found: AbstractContextManager[Any] = begin()
    return found
