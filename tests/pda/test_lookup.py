"""Goods that stand in many places: the scanner shows some of the places, and the sum of all."""

from __future__ import annotations

import pytest

from core import catalog
from core.catalog import NewLocation
from core.db import Tx
from core.people import ENGINE, person_by_login, update_person
from core.quantity import ONE
from core.stock import Line, Posting, post
from tests.pda.floor import MILK_BOX, Floor, Scanner

CARTON = "4006381333931"
MANY = 45  # more places than a screen shows


@pytest.fixture
def full_house(floor: Floor) -> Floor:
    """One carton and one piece of syrup in each of 45 bins, and as much in another warehouse."""

    def fill(tx: Tx) -> None:
        source = catalog.location_by_code(tx.conn, "SUPPLIER").id
        syrup, carton = (catalog.item_by_code(tx.conn, code).id for code in ("A-001", "B-002"))
        near = catalog.warehouse_by_code(tx.conn, "ZJ").id
        far = catalog.add_warehouse(tx, ENGINE, "SJ", "松江仓")
        lines = []
        for house, name in ((far, "SJ"), (near, "ZJ")):
            for number in range(MANY):
                place = NewLocation(f"{name}-{number:02d}", "bin", warehouse_id=house)
                there = catalog.add_location(tx, ENGINE, place)
                lot = catalog.ensure_lot(tx, syrup, f"{name}-{number}", expires_on="2026-12-31")
                lines.append(Line(carton, ONE, source, there))
                lines.append(Line(syrup, ONE, source, there, lot_id=lot))
        post(tx, ENGINE, Posting("opening-0001", "opening", tuple(lines)))

    floor.db.write_now(fill)
    return floor


async def test_what_may_go_is_the_sum_of_all_places(full_house: Floor, gun: Scanner) -> None:
    shown = await gun.scan(CARTON)
    assert shown["data"]["available"] == str(2 * MANY)
    assert f"{2 * MANY} " in shown["message"]["text"]
    assert len(shown["data"]["rows"]) == 40


async def test_a_lot_is_found_behind_all_others(full_house: Floor, gun: Scanner) -> None:
    label = f"01{MILK_BOX}1726123110"
    shown = await gun.scan(f"{label}ZJ-44")
    assert [row["lot"] for row in shown["data"]["rows"]] == ["ZJ-44"]
    assert shown["data"]["available"] == "1"
    other = await gun.scan(f"{label}L-GONE")
    assert other["data"]["available"] == str(2 * MANY), "of a lot that is gone: what else there is"


async def test_who_is_bound_to_a_warehouse_sees_its_places_behind_all_others(
    full_house: Floor, gun: Scanner
) -> None:
    def bind(tx: Tx) -> None:
        house = catalog.warehouse_by_code(tx.conn, "ZJ").id
        zhang = person_by_login(tx.conn, "zhang")
        assert zhang is not None
        update_person(tx, ENGINE, zhang.id, {"warehouse_ids": [house]})

    full_house.db.write_now(bind)
    shown = await gun.scan(CARTON)
    assert {row["place"][:2] for row in shown["data"]["rows"]} == {"ZJ"}
    assert shown["data"]["available"] == str(MANY)
