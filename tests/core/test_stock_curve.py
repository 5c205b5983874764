"""Day ends: what the books said each evening, however the goods moved."""

from __future__ import annotations

import pytest

from core.clock import DAY, HOUR, ManualClock
from core.db import Database
from core.stock.curve import DayEnd, day_ends
from core.stock.queries import as_of
from tests.core.stock_yard import Yard


@pytest.fixture
def yard(db: Database) -> Yard:
    return Yard(db)


def ends(yard: Yard, item: int, days: int) -> list[DayEnd]:
    return yard.db.read_now(lambda conn: day_ends(conn, item, yard.db.clock.now(), days))


def test_each_evening_is_what_the_books_said_then(yard: Yard, clock: ManualClock) -> None:
    milk = yard.item("MILK")
    evenings = []
    for day in range(6):
        clock.advance(2 * HOUR)
        yard.move(milk, str(10 + day), "SUPPLIER>A-1")
        clock.advance(5 * HOUR)
        if day % 2:
            yard.move(milk, "7", "A-1>CUSTOMER", kind="issue")
            yard.move(milk, "1", "A-1>SCRAP", kind="scrap")
        yard.move(milk, "2", "A-1>A-2")
        rows = yard.db.read_now(lambda conn: as_of(conn, milk, clock.now()))
        there = {yard.places["A-1"], yard.places["A-2"]}
        evenings.append(sum(row.on_hand for row in rows if row.location_id in there))
        clock.advance(DAY - 7 * HOUR)
    found = [each.on_hand for each in ends(yard, milk, 7)]
    assert found == [*evenings, evenings[-1]]


def test_an_item_without_moves_is_flat(yard: Yard) -> None:
    milk = yard.item("MILK")
    found = ends(yard, milk, 3)
    assert [each.on_hand for each in found] == [0, 0, 0]
    assert found[-1].day == "03-02"
    assert len(ends(yard, milk, 10**6)) == 366
