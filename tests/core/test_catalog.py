"""Items, packs, barcodes, lots, places and partners."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from core import audit
from core.catalog import (
    Barcode,
    Check,
    NewItem,
    NewLocation,
    NewPartner,
    add_barcode,
    add_item,
    add_location,
    add_locations,
    add_pack,
    add_partner,
    add_warehouse,
    barcodes_of,
    check_digit,
    ensure_lot,
    find_barcode,
    is_gtin,
    item,
    item_by_code,
    item_by_code_or_none,
    items_by_id,
    location,
    location_by_code,
    locations_by_id,
    locations_of,
    lot,
    lot_by_code,
    lots_by_id,
    lots_of,
    packs_of,
    partner_by_code,
    remove_barcode,
    search_items,
    search_partners,
    seed_locations,
    set_location_active,
    stored_form,
    update_item,
    update_lot,
    update_partner,
    warehouse_by_code,
    warehouses,
)
from core.db import Database, Tx
from core.errors import AppError
from core.people import Actor
from core.quantity import ONE, Factor

ADMIN = Actor(1, "管理员", frozenset({"admin"}))
VIEWER = Actor(2, "只读", frozenset({"viewer"}))


def new_item(db: Database, code: str = "A-001", **more: object) -> int:
    made = NewItem(code, f"货品{code}", **more)  # type: ignore[arg-type]
    return db.write_now(lambda tx: add_item(tx, ADMIN, made))


def refused(db: Database, command: object, code: str) -> AppError:
    with pytest.raises(AppError) as refusal:
        db.write_now(command)  # type: ignore[arg-type]
    assert refusal.value.code == code
    return refusal.value


def test_an_item_keeps_everything_it_was_given(db: Database) -> None:
    checks = (Check("look", "外观"), Check("temp", "温度", "number", -18 * ONE, -12 * ONE))
    made = NewItem(
        "A-001",
        "低糖基料",
        unit="千克",
        tracking="lot",
        shelf_life_days=180,
        needs_inspection=True,
        checklist=checks,
        zone="冷藏",
        over_receipt_percent=5,
    )
    item_id = db.write_now(lambda tx: add_item(tx, ADMIN, made))
    stored = db.read_now(lambda c: item(c, item_id))
    assert stored.checklist == checks
    assert (stored.unit, stored.tracking, stored.zone, stored.active) == (
        "千克",
        "lot",
        "冷藏",
        True,
    )
    assert db.read_now(lambda c: item_by_code(c, "A-001")) == stored
    assert db.read_now(lambda c: items_by_id(c, [item_id, 999])) == {item_id: stored}
    assert db.read_now(lambda c: item_by_code_or_none(c, "a-001")) is None
    with pytest.raises(AppError, match="没找到货品 X"):
        db.read_now(lambda c: item_by_code(c, "X"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": ""},
        {"code": " A"},
        {"code": "A\n1"},
        {"code": "x" * 65},
        {"name": " "},
        {"unit": ""},
        {"zone": "区" * 33},
        {"name": "甲\n乙"},
        {"name_en": "a\x00"},
        {"tracking": "batch"},
        {"tracking": "none", "shelf_life_days": 10},
        {"over_receipt_percent": -1},
        {"checklist": (Check("a", "甲"), Check("a", "乙"))},
        {"checklist": (Check("a", "甲", "range"),)},
        {"checklist": (Check("a", "甲", "number", 2, 1),)},
    ],
)
def test_an_item_that_makes_no_sense_is_refused(db: Database, wrong: dict[str, object]) -> None:
    values: dict[str, Any] = {"code": "A", "name": "甲"} | wrong
    refused(db, lambda tx: add_item(tx, ADMIN, NewItem(**values)), "invalid")


def test_changing_an_item_is_audited_and_unit_and_tracking_are_fixed(db: Database) -> None:
    item_id = new_item(db)
    new_item(db, "A-002")
    changed = db.write_now(lambda tx: update_item(tx, ADMIN, item_id, {"name": "新名"}))
    assert changed == db.read_now(lambda c: item(c, item_id))
    line = db.read_now(audit.search)[0]
    assert (line.before, line.after) == ({"name": "货品A-001"}, {"name": "新名"})
    for change in ({"unit": "箱"}, {"tracking": "lot"}):
        refused(db, lambda tx, c=change: update_item(tx, ADMIN, item_id, c), "item_not_changeable")
    refused(db, lambda tx: update_item(tx, ADMIN, item_id, {"code": "A-002"}), "code_taken")
    refused(db, lambda tx: update_item(tx, VIEWER, item_id, {"name": "x"}), "forbidden")
    refused(db, lambda tx: add_item(tx, ADMIN, NewItem("A-002", "重复")), "code_taken")


def test_searching_by_code_name_and_barcode(db: Database) -> None:
    one, two = new_item(db, "A-001"), new_item(db, "B_%01")
    db.write_now(lambda tx: add_barcode(tx, ADMIN, one, "6901234567892"))

    def found(text: str) -> list[int]:
        return [each.id for each in db.read_now(lambda c: search_items(c, text))]

    assert found("A-") == [one]
    assert found("货品") == [one, two]
    assert found(" 6901234567892 ") == [one]
    assert found("B_%") == [two]
    assert found("_") == [two], "wildcards are letters"
    assert found("A-001") == [one], "a whole code is meant as a code"
    assert found("A-0") == found("a-0") == [one], "in small letters, on both databases"
    assert found("001") == [one], "in the name"
    db.write_now(lambda tx: update_item(tx, ADMIN, two, {"active": False}))
    assert found("货品") == [one]


@given(st.sampled_from((8, 12, 13, 14)), st.integers(0, 10**13 - 1))
def test_a_right_check_digit_is_a_gtin_and_any_single_wrong_digit_is_not(
    length: int, number: int
) -> None:
    body = str(number).zfill(14)[-(length - 1) :]
    code = body + check_digit(body)
    assert is_gtin(code)
    assert is_gtin(stored_form(code)), "padding keeps the check digit right"
    for place in range(length):
        wrong = code[:place] + str((int(code[place]) + 1) % 10) + code[place + 1 :]
        assert not is_gtin(wrong)


@pytest.mark.parametrize(
    "code", ["96385074", "012345678905", "6901234567892", "16901234567899", "4006381333931"]
)
def test_known_good_barcodes(code: str) -> None:
    assert is_gtin(code)


@pytest.mark.parametrize("code", ["", "123", "6901234567893", "69012345678９2", "٦901234567892"])
def test_known_bad_barcodes(code: str) -> None:
    assert not is_gtin(code)


def test_a_box_scans_as_its_pack_with_any_number_of_leading_zeros(db: Database) -> None:
    item_id = new_item(db)
    pack_id = db.write_now(
        lambda tx: add_pack(tx, ADMIN, item_id, "箱", Factor(12), gtin="012345678905")
    )
    box = Barcode("00012345678905", item_id, pack_id, "箱", Factor(12))
    with_zeros = ["12345678905", "012345678905", "0012345678905", "00012345678905", " 012345678905"]
    assert db.read_now(lambda c: [find_barcode(c, each) for each in with_zeros]) == [box] * 5
    db.write_now(lambda tx: add_barcode(tx, ADMIN, item_id, "96385074"))
    piece = db.read_now(lambda c: find_barcode(c, "0000096385074"))
    assert piece is not None
    assert (piece.pack_id, piece.factor) == (None, Factor(1))


def test_our_own_numbers_and_item_codes_scan_too(db: Database) -> None:
    item_id = new_item(db)
    pack_id = db.write_now(lambda tx: add_pack(tx, ADMIN, item_id, "托", Factor(480)))
    db.write_now(lambda tx: add_barcode(tx, ADMIN, item_id, "TP-0001", pack_id=pack_id))
    db.write_now(lambda tx: add_barcode(tx, ADMIN, item_id, "10000001"))  # in-house, 8 digits
    pallet = db.read_now(lambda c: find_barcode(c, "TP-0001"))
    assert pallet is not None
    assert pallet.factor == Factor(480)
    in_house = db.read_now(lambda c: find_barcode(c, "10000001"))
    assert in_house is not None
    assert in_house.pack_id is None
    by_code = db.read_now(lambda c: find_barcode(c, "A-001"))
    assert by_code is not None
    assert (by_code.item_id, by_code.factor) == (item_id, Factor(1))
    assert db.read_now(lambda c: find_barcode(c, "ZZZ")) is None
    assert db.read_now(lambda c: find_barcode(c, "")) is None


def test_a_barcode_with_a_wrong_check_digit_or_a_second_owner_is_refused(db: Database) -> None:
    one, two = new_item(db, "A-001"), new_item(db, "A-002")
    db.write_now(lambda tx: add_barcode(tx, ADMIN, one, "6901234567892"))
    refused(db, lambda tx: add_barcode(tx, ADMIN, one, "6901234567893"), "invalid")
    problem = refused(db, lambda tx: add_barcode(tx, ADMIN, two, "06901234567892"), "barcode_taken")
    assert "A-001" in problem.say()
    refused(
        db,
        lambda tx: add_pack(tx, ADMIN, two, "箱", Factor(12), gtin="6901234567892"),
        "barcode_taken",
    )
    assert db.read_now(lambda c: packs_of(c, two)) == []
    db.write_now(lambda tx: remove_barcode(tx, ADMIN, "6901234567892"))
    db.write_now(lambda tx: remove_barcode(tx, ADMIN, "6901234567892"))
    db.write_now(lambda tx: add_pack(tx, ADMIN, two, "箱", Factor(12), gtin="6901234567892"))
    assert db.read_now(lambda c: barcodes_of(c, two)) == ["06901234567892"]
    db.write_now(lambda tx: remove_barcode(tx, ADMIN, "6901234567892"))
    assert [pack.gtin for pack in db.read_now(lambda c: packs_of(c, two))] == [None]


def test_a_plate_is_400_square_feet_is_100_pounds_and_back(db: Database) -> None:
    """Museum: erpnext #40218, where 0.0025 and 0.25 rounded and the plate came back short."""
    item_id = new_item(db, "PLATE", unit="块")

    def packs(tx: Tx) -> None:
        add_pack(tx, ADMIN, item_id, "平方英尺", Factor(1, 400))
        add_pack(tx, ADMIN, item_id, "磅", Factor(2, 200))

    db.write_now(packs)
    feet, pounds = (pack.factor for pack in db.read_now(lambda c: packs_of(c, item_id)))
    assert pounds == Factor(1, 100)
    assert feet.from_base(1 * ONE) == 400 * ONE
    assert pounds.to_base(100 * ONE) == ONE
    assert pounds.from_base(feet.to_base(400 * ONE)) == 100 * ONE
    for plates in range(1, 200):
        assert feet.to_base(feet.from_base(plates * ONE)) == plates * ONE
        assert pounds.from_base(feet.to_base(plates * 400 * ONE)) == plates * 100 * ONE


def test_a_pack_that_makes_no_sense_is_refused(db: Database) -> None:
    item_id, other = new_item(db), new_item(db, "B")
    pack_id = db.write_now(lambda tx: add_pack(tx, ADMIN, item_id, "箱", Factor(12)))
    refused(db, lambda tx: add_pack(tx, ADMIN, item_id, "箱", Factor(10)), "invalid")
    refused(db, lambda tx: add_pack(tx, ADMIN, item_id, "件", Factor(10)), "invalid")
    refused(db, lambda tx: add_pack(tx, ADMIN, item_id, "大", Factor(10**10)), "invalid")
    refused(db, lambda tx: add_pack(tx, ADMIN, 999, "箱", Factor(10)), "not_found")
    refused(db, lambda tx: add_barcode(tx, ADMIN, other, "X-1", pack_id=pack_id), "invalid")


def test_a_lot_is_made_on_first_sight_and_filled_in_later(db: Database) -> None:
    item_id = new_item(db, tracking="lot", shelf_life_days=180)
    first = db.write_now(lambda tx: ensure_lot(tx, item_id, "L-7"))
    again = db.write_now(lambda tx: ensure_lot(tx, item_id, "L-7", made_on="2026-03-01"))
    assert first == again
    known = db.read_now(lambda c: lot(c, first))
    assert (known.made_on, known.expires_on, known.state) == ("2026-03-01", "2026-08-28", "ok")
    assert db.read_now(lambda c: lot_by_code(c, item_id, "L-7")) == known
    assert db.read_now(lambda c: lots_by_id(c, [first])) == {first: known}
    assert db.read_now(lambda c: lots_of(c, item_id)) == [known]
    db.write_now(lambda tx: ensure_lot(tx, item_id, "L-7", expires_on="2026-08-28"))


def test_a_lot_with_another_date_or_supplier_is_a_conflict(db: Database) -> None:
    item_id = new_item(db, tracking="lot")
    one = db.write_now(lambda tx: add_partner(tx, ADMIN, NewPartner("V1", "甲")))
    two = db.write_now(lambda tx: add_partner(tx, ADMIN, NewPartner("V2", "乙")))
    db.write_now(lambda tx: ensure_lot(tx, item_id, "L", expires_on="2026-09-01", supplier_id=one))
    problem = refused(
        db, lambda tx: ensure_lot(tx, item_id, "L", expires_on="2026-09-02"), "lot_conflict"
    )
    assert "2026-09-01" in problem.say()
    refused(db, lambda tx: ensure_lot(tx, item_id, "L", supplier_id=two), "lot_conflict")
    for wrong in ({"expires_on": "1.9.2026"}, {"expires_on": "2026-02-30"}):
        refused(db, lambda tx, w=wrong: ensure_lot(tx, item_id, "M", **w), "invalid")
    refused(
        db,
        lambda tx: ensure_lot(tx, item_id, "M", made_on="2026-03-02", expires_on="2026-03-01"),
        "invalid",
    )
    refused(db, lambda tx: ensure_lot(tx, item_id, ""), "invalid")


def test_correcting_a_lot_needs_the_right_to_it(db: Database) -> None:
    item_id = new_item(db, tracking="lot")
    lot_id = db.write_now(lambda tx: ensure_lot(tx, item_id, "L", made_on="2026-03-01"))
    legal = Actor(3, "法务", frozenset({"legal"}))
    held = db.write_now(lambda tx: update_lot(tx, legal, lot_id, state="held", why="投诉"))
    assert held.state == "held"
    refused(db, lambda tx: update_lot(tx, legal, lot_id, expires_on="2026-09-01"), "forbidden")
    refused(db, lambda tx: update_lot(tx, ADMIN, lot_id, expires_on="2026-01-01"), "invalid")
    db.write_now(lambda tx: update_lot(tx, ADMIN, lot_id, expires_on="2026-09-01"))
    lines = db.read_now(lambda c: audit.search(c, audit.Filter(thing=f"lot:{lot_id}")))
    assert [(line.verb, line.why) for line in lines] == [("item.write", ""), ("stock.hold", "投诉")]


def test_a_warehouse_comes_with_dock_and_transit(db: Database) -> None:
    db.write_now(seed_locations)
    db.write_now(seed_locations)
    warehouse_id = db.write_now(lambda tx: add_warehouse(tx, ADMIN, "ZJ", "张江仓"))
    dock = db.read_now(lambda c: location_by_code(c, "ZJ-DOCK"))
    assert (dock.kind, dock.warehouse_id, dock.is_internal) == ("dock", warehouse_id, True)
    assert db.read_now(lambda c: location_by_code(c, "ZJ-TRANSIT")).kind == "transit"
    ends = ("SUPPLIER", "CUSTOMER", "PRODUCTION", "COUNT")
    assert all(db.read_now(lambda c: [location_by_code(c, code).is_virtual for code in ends]))
    scrap = db.read_now(lambda c: location_by_code(c, "SCRAP"))
    assert (scrap.is_virtual, scrap.is_internal) == (False, False)
    assert db.read_now(lambda c: warehouse_by_code(c, "ZJ")).id == warehouse_id
    assert [each.code for each in db.read_now(warehouses)] == ["ZJ"]
    refused(db, lambda tx: add_warehouse(tx, ADMIN, "ZJ", "又一个"), "code_taken")
    refused(db, lambda tx: add_warehouse(tx, VIEWER, "SH", "上海仓"), "forbidden")


def test_a_location_that_makes_no_sense_is_refused(db: Database) -> None:
    warehouse_id = db.write_now(lambda tx: add_warehouse(tx, ADMIN, "ZJ", "张江仓"))
    for wrong, code in (
        (NewLocation("A", "bin"), "invalid"),
        (NewLocation("A", "shelf", warehouse_id=warehouse_id), "invalid"),
        (NewLocation("A", "bin", warehouse_id=99), "not_found"),
        (NewLocation("A", "bin", warehouse_id=warehouse_id, capacity_micro=0), "invalid"),
        (NewLocation("ZJ-DOCK", "dock", warehouse_id=warehouse_id), "code_taken"),
        (NewLocation("", "bin", warehouse_id=warehouse_id), "invalid"),
    ):
        refused(db, lambda tx, w=wrong: add_location(tx, ADMIN, w), code)
    bound = Actor(3, "主管", frozenset({"supervisor"}), warehouse_ids=frozenset({warehouse_id + 1}))
    new = NewLocation("A", "bin", warehouse_id=warehouse_id)
    refused(db, lambda tx: add_location(tx, bound, new), "forbidden")


def plan_of(query: str, conn: Connection) -> str:
    explain = "EXPLAIN QUERY PLAN"
    if conn.dialect.name == "postgresql":
        explain = "EXPLAIN"
        conn.exec_driver_sql("SET LOCAL enable_seqscan = off")  # it is cheaper on ten rows
    return str(conn.exec_driver_sql(f"{explain} {query}").all())


def test_15000_locations_cost_one_index_lookup_each(db: Database) -> None:
    """Museum: odoo #8344, where every scan read them all."""
    warehouse_id = db.write_now(lambda tx: add_warehouse(tx, ADMIN, "ZJ", "张江仓"))
    many = [
        NewLocation(f"A-{n:05d}", "bin", warehouse_id=warehouse_id, zone=f"Z{n % 7}")
        for n in range(15_000)
    ]
    made = db.write_now(lambda tx: add_locations(tx, ADMIN, many))
    assert db.read_now(lambda c: location_by_code(c, "A-14999")).id == made[-1]
    for query in (
        "SELECT * FROM location WHERE code = 'A-14999'",
        "SELECT * FROM location WHERE id = 7",
        "SELECT * FROM barcode WHERE code IN ('1', '00000000000001')",
    ):
        plan = db.read_now(partial(plan_of, query))
        assert "SEARCH" in plan or "Index" in plan
        assert "SCAN" not in plan
        assert "Seq Scan" not in plan
    some = db.read_now(lambda c: locations_of(c, warehouse_id, zone="Z3", limit=10))
    assert [each.zone for each in some] == ["Z3"] * 10
    more = db.read_now(lambda c: locations_of(c, warehouse_id, zone="Z3", after_id=some[-1].id))
    assert more[0].id > some[-1].id
    assert len(db.read_now(lambda c: locations_by_id(c, made[:500]))) == 500


def test_a_closed_location_is_still_there(db: Database) -> None:
    warehouse_id = db.write_now(lambda tx: add_warehouse(tx, ADMIN, "ZJ", "张江仓"))
    bin_id = db.write_now(
        lambda tx: add_location(tx, ADMIN, NewLocation("A", "bin", warehouse_id=warehouse_id))
    )
    db.write_now(lambda tx: set_location_active(tx, ADMIN, bin_id, False))
    assert not db.read_now(lambda c: location(c, bin_id)).active
    assert bin_id not in {each.id for each in db.read_now(lambda c: locations_of(c, warehouse_id))}


def test_partners(db: Database) -> None:
    made = db.write_now(lambda tx: add_partner(tx, ADMIN, NewPartner("V1", "供应商甲", "both")))
    assert db.read_now(lambda c: partner_by_code(c, "V1")).supplies
    db.write_now(lambda tx: update_partner(tx, ADMIN, made, {"kind": "customer"}))
    assert not db.read_now(lambda c: partner_by_code(c, "V1")).supplies
    assert [each.code for each in db.read_now(lambda c: search_partners(c, "甲"))] == ["V1"]
    db.write_now(lambda tx: update_partner(tx, ADMIN, made, {"active": False}))
    assert db.read_now(search_partners) == []
    for wrong, code in (
        (NewPartner("V1", "重复"), "code_taken"),
        (NewPartner("V2", ""), "invalid"),
        (NewPartner("V2", "x", "friend"), "invalid"),
        (NewPartner("V2", "x", phone="1" * 33), "invalid"),
    ):
        refused(db, lambda tx, w=wrong: add_partner(tx, ADMIN, w), code)
    refused(db, lambda tx: add_partner(tx, VIEWER, NewPartner("V2", "x")), "forbidden")
