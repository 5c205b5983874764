"""Putaway, transfer, count and lookup through the real door."""

from __future__ import annotations

from typing import Any

import pytest_asyncio

from core import catalog
from core.catalog import update_lot
from core.clock import DAY
from core.db import Tx
from core.orders.count import OpenCount, open_count, review
from core.quantity import ONE
from core.stock import on_hand
from tests.pda.floor import MILK_BOX, SYRUP_LABEL, Floor, Scanner
from tests.pda.test_receive import CARTON, GUN, stock


async def received(gun: Scanner, label: str, bin_code: str, **form: Any) -> dict[str, Any]:
    """One scan of goods onto a shelf (or onto the dock when `bin_code` is empty)."""
    line = await gun.scan(label, flow="receive")
    if not bin_code:
        done = await gun.tap("confirm", line, **form)
    else:
        done = await gun.scan(bin_code, line, inputs=form)
    assert done["ok"], done
    return dict(done)


GOOD = {"accepted": "12", "checks": {"temp": "4"}}


# -- putaway -------------------------------------------------------------------------------------
async def test_putaway_is_goods_then_bin(floor: Floor, gun: Scanner) -> None:
    await received(gun, SYRUP_LABEL, "", **GOOD)
    assert stock(floor, "A-001") == {("ZJ-DOCK", "ok"): 12}
    shown = await gun.scan(SYRUP_LABEL, flow="putaway")
    assert (shown["next_state"], shown["data"]["quantity"]) == ("bin", "12")
    assert shown["data"]["lot"] == "L-7"
    done = await gun.scan(shown["data"]["bins"][0]["code"], shown)
    assert done["ok"], done
    assert stock(floor, "A-001") == {(shown["data"]["bins"][0]["code"], "ok"): 12}
    assert "putaway" not in {task["kind"] for task in gun.inbox.values()}


async def test_putaway_opens_from_its_task(gun: Scanner) -> None:
    await received(gun, SYRUP_LABEL, "", **GOOD)
    task = next(each for each in gun.inbox.values() if each["kind"] == "putaway")
    shown = await gun.tap(
        "open", {"flow": "putaway", "next_state": "", "context": {}}, task_id=task["id"]
    )
    assert shown["data"]["item_code"] == "A-001"


async def test_another_bin_than_suggested_is_scanned_twice(floor: Floor, gun: Scanner) -> None:
    await received(gun, SYRUP_LABEL, "", **GOOD)
    shown = await gun.scan(SYRUP_LABEL, flow="putaway")
    suggested = {each["code"] for each in shown["data"]["bins"]}

    def far_bin(tx: Tx) -> None:
        house = catalog.warehouse_by_code(tx.conn, "ZJ").id
        new = catalog.NewLocation("FAR-9", "bin", warehouse_id=house, zone="Z")
        catalog.add_location(tx, floor.person("admin"), new)

    floor.db.write_now(far_bin)
    assert "FAR-9" not in suggested
    asked = await gun.scan("FAR-9", shown)
    assert asked["message"]["code"] == "confirmation_required"
    assert asked["sound"] == "again"
    assert stock(floor, "A-001") == {("ZJ-DOCK", "ok"): 12}
    done = await gun.scan("FAR-9", asked)
    assert done["ok"], done
    assert stock(floor, "A-001") == {("FAR-9", "ok"): 12}


async def test_part_of_it_can_be_put_away(floor: Floor, gun: Scanner) -> None:
    await received(gun, SYRUP_LABEL, "", **GOOD)
    shown = await gun.scan(SYRUP_LABEL, flow="putaway")
    done = await gun.tap("confirm", shown, bin="A-01", quantity="5")
    assert done["ok"], done
    assert stock(floor, "A-001") == {("ZJ-DOCK", "ok"): 7, ("A-01", "ok"): 5}


async def test_goods_in_inspection_are_not_put_away(gun: Scanner) -> None:
    line = await gun.scan(SYRUP_LABEL, flow="receive")
    await gun.tap("later", line)
    refused = await gun.scan(SYRUP_LABEL, flow="putaway")
    assert refused["message"]["code"] == "nothing_to_put_away"


# -- transfer ------------------------------------------------------------------------------------
async def test_transfer_is_place_goods_place(floor: Floor, gun: Scanner) -> None:
    await received(gun, SYRUP_LABEL, "A-01", **GOOD)
    start = await gun.scan("A-01", flow="transfer")
    assert start["data"]["from"] == "A-01"
    taken = await gun.scan(SYRUP_LABEL, start)
    assert taken["data"]["quantity"] == "12"
    more = await gun.scan(SYRUP_LABEL, taken)
    assert more["message"]["code"] == "too_much_here"
    done = await gun.scan("A-02", more)
    assert done["ok"], done
    assert stock(floor, "A-001") == {("A-02", "ok"): 12}


async def test_transfer_of_goods_that_are_not_there_counts_nothing(gun: Scanner) -> None:
    start = await gun.scan("A-01", flow="transfer")
    refused = await gun.scan(CARTON, start)
    assert refused["message"]["code"] == "nothing_here"
    assert refused["context"] == start["context"]


async def test_two_lots_in_one_place_are_asked_about(floor: Floor, gun: Scanner) -> None:
    await received(gun, SYRUP_LABEL, "A-01", **GOOD)
    await received(gun, f"01{MILK_BOX}1726123110L-8", "A-01", **GOOD)
    start = await gun.scan("A-01", flow="transfer")
    asked = await gun.scan("A-001", start)
    assert asked["next_state"] == "choose_lot"
    lot = next(each for each in asked["data"]["lots"] if each["lot"] == "L-8")
    taken = await gun.tap("lot", asked, lot_id=lot["lot_id"])
    done = await gun.scan("A-02", taken)
    assert done["ok"], done
    rows = floor.db.read_now(on_hand)
    assert {(row.location_code, row.lot_code, row.on_hand // ONE) for row in rows} == {
        ("A-01", "L-7", 12),
        ("A-01", "L-8", 11),
        ("A-02", "L-8", 1),
    }


async def test_other_goods_wait_until_the_first_are_put_down(gun: Scanner) -> None:
    await received(gun, SYRUP_LABEL, "A-01", **GOOD)
    await received(gun, CARTON, "A-01")
    start = await gun.scan("A-01", flow="transfer")
    taken = await gun.scan(SYRUP_LABEL, start)
    refused = await gun.scan(CARTON, taken)
    assert refused["message"]["code"] == "one_at_a_time"
    assert refused["data"]["item_code"] == "A-001"


async def test_a_held_lot_does_not_move(floor: Floor, gun: Scanner) -> None:
    await received(gun, SYRUP_LABEL, "A-01", **GOOD)
    start = await gun.scan("A-01", flow="transfer")
    taken = await gun.scan(SYRUP_LABEL, start)
    boss = floor.person("boss")
    lot = next(row.lot_id for row in floor.db.read_now(on_hand))
    floor.db.write_now(lambda tx: update_lot(tx, boss, lot, state="held", why="召回"))
    refused = await gun.scan("A-02", taken)
    assert refused["message"]["code"] == "lot_held"
    assert stock(floor, "A-001") == {("A-01", "ok"): 12}


async def test_serials_travel_by_name(floor: Floor, gun: Scanner) -> None:
    await received(gun, f"01{GUN}21SN-1", "B-01")
    start = await gun.scan("B-01", flow="transfer")
    bare = await gun.scan(GUN, start)
    assert bare["message"]["code"] == "serial_missing"
    taken = await gun.scan(f"01{GUN}21SN-1", start)
    done = await gun.scan("A-02", taken)
    assert done["ok"], done
    assert stock(floor, "C-003") == {("A-02", "ok"): 1}


# -- lookup --------------------------------------------------------------------------------------
async def test_the_first_screen_routes_every_scan(gun: Scanner) -> None:
    await received(gun, CARTON, "B-01")
    order = await gun.scan("PO-1")
    assert (order["flow"], order["next_state"]) == ("receive", "order")
    place = await gun.scan("B-01")
    assert place["data"]["rows"][0]["quantity"] == "1"
    assert place["data"]["actions"] == ["transfer"]
    gave = await gun.scan("SUPPLIER")
    assert [row["quantity"] for row in gave["data"]["rows"] if row["item_name"] == "纸箱"] == ["-1"]
    goods = await gun.scan(CARTON)
    assert goods["data"]["available"] == "1"
    nothing = await gun.scan("XYZ-404")
    assert nothing["message"]["code"] == "unknown_code"
    assert nothing["sound"] == "error"


# -- count ---------------------------------------------------------------------------------------
@pytest_asyncio.fixture
async def counting(floor: Floor, gun: Scanner) -> tuple[Scanner, dict[str, Any], str]:
    """Syrup in A-01, cartons in B-01, a count of both and its first screen."""
    await received(gun, SYRUP_LABEL, "A-01", **GOOD)
    await received(gun, CARTON, "B-01")
    boss = floor.person("boss")

    def ask(tx: Tx) -> str:
        house = catalog.warehouse_by_code(tx.conn, "ZJ").id
        return open_count(tx, boss, OpenCount("count-0001", "PD-1", house))

    count_id = await floor.db.write(ask)
    while "count" not in {task["kind"] for task in gun.inbox.values()}:
        await gun.hear()
    task = next(each for each in gun.inbox.values() if each["kind"] == "count")
    empty = {"flow": "count", "next_state": "", "context": {}}
    return gun, await gun.tap("open", empty, task_id=task["id"]), count_id


Counting = tuple[Scanner, dict[str, Any], str]


async def test_a_count_is_blind(counting: Counting) -> None:
    gun, opened, _ = counting
    assert opened["data"]["places"] == ["A-01", "B-01"]
    place = await gun.scan("A-01", opened)
    first = await gun.scan(SYRUP_LABEL, place)
    assert first["data"]["tallies"][0]["quantity"] == "12"
    assert "expected" not in str(first["data"])


async def test_a_whole_count_without_difference(floor: Floor, counting: Counting) -> None:
    gun, opened, count_id = counting
    place = await gun.scan("A-01", opened)
    tally = await gun.scan(SYRUP_LABEL, place)
    saved = await gun.tap("save", tally)
    assert saved["ok"], saved
    assert saved["data"]["left"] == 1
    place = await gun.scan("B-01", saved)
    tally = await gun.scan(CARTON, place)
    saved = await gun.tap("save", tally)
    done = await gun.tap("finish", saved)
    assert done["ok"], done
    assert {row.state for row in floor.db.read_now(lambda c: review(c, count_id))} == {"same"}


async def test_what_nobody_found_is_zero_only_after_a_second_tap(counting: Counting) -> None:
    gun, opened, _ = counting
    place = await gun.scan("A-01", opened)
    asked = await gun.tap("save", place)
    assert asked["message"]["code"] == "confirmation_required"
    assert "低糖基料" in asked["message"]["text"]
    saved = await gun.tap("save", asked)
    assert saved["ok"], saved


async def test_leaving_unsaved_scans_asks_first(counting: Counting) -> None:
    gun, opened, _ = counting
    place = await gun.scan("A-01", opened)
    tally = await gun.scan(SYRUP_LABEL, place)
    asked = await gun.scan("B-01", tally)
    assert asked["message"]["code"] == "confirmation_required"
    assert asked["data"]["place"] == "A-01"
    moved = await gun.scan("B-01", asked)
    assert moved["data"]["place"] == "B-01"
    assert moved["data"]["tallies"] == []


async def test_a_typed_quantity_replaces_the_tally(counting: Counting) -> None:
    gun, opened, _ = counting
    place = await gun.scan("B-01", opened)
    tally = await gun.scan(CARTON, place)
    key = tally["data"]["tallies"][0]["key"]
    typed = await gun.tap("set", tally, key=key, quantity="250")
    assert typed["data"]["tallies"][0]["quantity"] == "250"
    refused = await gun.tap("set", tally, key=key, quantity="-3")
    assert refused["message"]["code"] == "bad_quantity"


# -- tasks ---------------------------------------------------------------------------------------
async def test_a_closed_task_says_who_won(floor: Floor, gun: Scanner) -> None:
    li = await floor.scanner("li").connect()
    task = next(iter(gun.inbox.values()))
    press = {"t": "act", "task_id": task["id"], "generation": task["generation"]}
    press |= {"action": "close_short", "inputs": {"reason": "不来了"}}
    won = await gun.do(press | {"id": "act-won-1"})
    assert won["ok"], won
    assert won["data"]["task"]["state"] == "done"
    late = await li.do(press | {"id": "act-late-1"})
    assert late["message"]["code"] == "already_done"
    assert "张三" in late["message"]["text"]
    again = await gun.do(press | {"id": "act-won-1"})
    assert again == won
    assert task["id"] not in gun.inbox
    await li.leave()


async def test_somebody_elses_task_is_refused(floor: Floor) -> None:
    buyer = await floor.scanner("buyer").connect()
    zhang = await floor.scanner("zhang").connect()
    task = next(iter(zhang.inbox.values()))
    press = {"t": "act", "task_id": task["id"], "action": "close_short"}
    refused = await buyer.do(press | {"inputs": {"reason": "试试"}})
    assert refused["message"]["code"] == "forbidden"
    unknown = await buyer.do(press | {"task_id": "0" * 32})
    assert unknown["message"]["code"] == "not_found"
    button = await zhang.do(press | {"action": "explode"})
    assert not button["ok"]
    await buyer.leave()
    await zhang.leave()


async def test_an_expired_lot_can_still_be_set_aside(floor: Floor, gun: Scanner) -> None:
    """It may not leave as good stock, but it must not block its bin either."""
    await received(gun, SYRUP_LABEL, "A-01", **GOOD)
    await gun.leave()
    floor.clock.advance(400 * DAY)
    gun.session = None
    await gun.connect()
    start = await gun.scan("A-01", flow="transfer")
    taken = await gun.scan(SYRUP_LABEL, start)
    done = await gun.scan("A-02", taken)
    assert done["ok"], done
    assert stock(floor, "A-001") == {("A-02", "ok"): 12}
