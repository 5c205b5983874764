"""Several statements in one round trip: what a hot path asks of the database at once.

A `Trip` sends its statements and makes its result of what came back. On PostgreSQL all trips of
one call travel together (core/courier.py); SQLite runs them one after the other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection, Dialect, Select

from core.ahead import AheadConnection

COURIER = "courier"  # where a connection that has one keeps it
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
    if isinstance(conn, AheadConnection):
        conn.forget_ahead()
    courier = conn.info.get(COURIER)
    if courier is None:
        driver: Any = conn.connection.driver_connection
        sent = [trip.send(driver, conn.dialect) for trip in trips]
    else:
        courier.begin()
        try:
            sent = [trip.send(courier, conn.dialect) for trip in trips]
        except BaseException:
            courier.drop()
            raise
        courier.deliver()
    return [trip.made(cursors) for trip, cursors in zip(trips, sent, strict=True)]


@lru_cache(maxsize=64)
def sql_of(statement: Select[Any], dialect: Dialect) -> str:
    """A statement without parameters as text for the driver; kept, so pass the same one again."""
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
