"""A scanner is sent to a bin that the books call empty: through the real door, blind as ever."""

from __future__ import annotations

from typing import Any

import pytest_asyncio

from core import catalog, people
from core.db import Tx
from core.orders.count import OpenCount, open_count, review
from tests.pda.floor import SYRUP_LABEL, Floor, Scanner
from tests.pda.test_facts import stock, tell

CARTON = "4006381333931"
Counting = tuple[Scanner, dict[str, Any], str]


@pytest_asyncio.fixture
async def counting(floor: Floor, gun: Scanner) -> Counting:
    """A count of A-01, where the books have nothing, and its first screen."""
    boss = floor.person("boss")

    def ask(tx: Tx) -> str:
        place = catalog.location_by_code(tx.conn, "A-01")
        assert place.warehouse_id is not None
        new = OpenCount("count-0001", "PD-1", place.warehouse_id, (place.id,))
        return open_count(tx, boss, new)

    count_id = await floor.db.write(ask)
    while "count" not in {task["kind"] for task in gun.inbox.values()}:
        await gun.hear()
    task = next(each for each in gun.inbox.values() if each["kind"] == "count")
    empty = {"flow": "count", "next_state": "", "context": {}}
    return gun, await gun.tap("open", empty, task_id=task["id"]), count_id


def states(floor: Floor, count_id: str) -> dict[str, str]:
    rows = floor.db.read_now(lambda conn: review(conn, count_id))
    return {each.item_name: each.state for each in rows}


async def test_it_is_really_empty(floor: Floor, counting: Counting) -> None:
    gun, opened, count_id = counting
    assert opened["data"]["places"] == ["A-01"]
    early = await gun.tap("finish", opened)
    assert early["message"]["code"] == "count_unfinished"
    place = await gun.scan("A-01", opened)
    asked = await gun.tap("save", place)
    assert asked["message"]["code"] == "confirmation_required"
    saved = await gun.tap("save", asked)
    assert saved["ok"], saved
    done = await gun.tap("finish", saved)
    assert done["ok"], done
    assert states(floor, count_id) == {"这一格的货": "same"}


async def test_something_lies_there(floor: Floor, counting: Counting) -> None:
    gun, opened, count_id = counting
    place = await gun.scan("A-01", opened)
    tally = await gun.scan(CARTON, place)
    saved = await gun.tap("save", tally)
    assert saved["ok"], saved
    assert states(floor, count_id) == {"这一格的货": "counted", "纸箱": "recount"}
    li = await floor.scanner("li").connect()
    facts = {"count_id": count_id, "place": "A-01"}
    again = await tell(
        li, "count", "place", **facts, seen=[{"item_code": "B-002", "quantity": "1"}]
    )
    assert again["ok"], again
    done = await tell(li, "count", "finish", count_id=count_id)
    assert done["data"]["left"] == 0
    assert states(floor, count_id) == {"这一格的货": "same", "纸箱": "recounted"}
    boss = await floor.scanner("boss").connect()
    agreed = await tell(boss, "count", "finish", count_id=count_id, reason="收发漏记")
    assert agreed["ok"], agreed
    assert stock(floor, "B-002") == {("A-01", "ok"): 1}


async def test_a_scan_that_was_typed_back_to_nothing_leaves_the_question(
    floor: Floor, counting: Counting
) -> None:
    gun, opened, count_id = counting
    place = await gun.scan("A-01", opened)
    tally = await gun.scan(CARTON, place)
    key = tally["data"]["tallies"][0]["key"]
    typed = await gun.tap("set", tally, key=key, quantity="0")
    asked = await gun.tap("save", typed)
    assert asked["message"]["code"] == "confirmation_required"
    saved = await gun.tap("save", asked)
    assert saved["ok"], saved
    assert states(floor, count_id) == {"这一格的货": "counted", "纸箱": "counted"}


async def test_a_device_says_that_nothing_is_there(floor: Floor, counting: Counting) -> None:
    gun, opened, count_id = counting
    assert opened["data"]["sheet"] == [
        {"place": "A-01", "item_code": "", "item_name": "这一格的货", "lot": "", "state": "open"}
    ]
    facts = {"count_id": count_id, "place": "A-01"}
    unsure = await tell(gun, "count", "place", **facts)
    assert unsure["message"]["code"] == "not_booked"
    sure = await tell(gun, "count", "place", **facts, zero=True)
    assert sure["ok"], sure
    done = await tell(gun, "count", "finish", count_id=count_id)
    assert done["ok"], done
    assert states(floor, count_id) == {"这一格的货": "same"}


async def test_goods_kept_by_lot_need_their_label_there_too(
    floor: Floor, counting: Counting
) -> None:
    gun, opened, _ = counting

    def by_item(tx: Tx) -> str:
        place = catalog.location_by_code(tx.conn, "A-02")
        syrup = catalog.item_by_code(tx.conn, "A-001")
        catalog.ensure_lot(tx, syrup.id, "L-7", expires_on="2026-12-31")
        assert place.warehouse_id is not None
        new = OpenCount("count-0002", "PD-2", place.warehouse_id, (place.id,), (syrup.id,))
        return open_count(tx, floor.person("boss"), new)

    second = floor.db.write_now(by_item)
    screen = opened | {"context": opened["context"] | {"count_id": second}}
    place = await gun.scan("A-02", screen)
    unnamed = await gun.scan("A-001", place)
    assert unnamed["message"]["code"] == "lot_label_wanted"
    tally = await gun.scan(SYRUP_LABEL, place)
    saved = await gun.tap("save", tally)
    assert saved["ok"], saved
    assert saved["message"]["code"] != "confirmation_required", "the lot that was found answers"


async def test_the_pack_knows_a_dock_that_is_counted(floor: Floor, gun: Scanner) -> None:
    """It is no bin, and yet its label has to be recognised without the server."""
    boss = floor.person("boss")

    def ask(tx: Tx) -> str:
        dock = catalog.location_by_code(tx.conn, "ZJ-DOCK")
        assert dock.warehouse_id is not None
        return open_count(tx, boss, OpenCount("count-0003", "PD-3", dock.warehouse_id, (dock.id,)))

    floor.db.write_now(ask)
    while "count" not in {task["kind"] for task in gun.inbox.values()}:
        await gun.hear()
    task = next(each for each in gun.inbox.values() if each["kind"] == "count")
    pack = (await tell(gun, "count", "open", task_id=task["id"]))["data"]
    assert "ZJ-DOCK" in pack["bins"]["codes"]


async def test_a_scanner_of_another_warehouse_is_not_shown_the_sheet(
    floor: Floor, counting: Counting
) -> None:
    """It knows the count's id, from an old screen or by guessing."""
    gun, opened, count_id = counting
    admin, li = floor.person("admin"), floor.person("li").person_id

    def bind(tx: Tx) -> None:
        other = catalog.add_warehouse(tx, admin, "SJ", "松江仓")
        people.update_person(tx, admin, li, {"warehouse_ids": (other,)})

    floor.db.write_now(bind)
    stranger = await floor.scanner("li").connect()
    by_form = await tell(stranger, "count", "set", count_id=count_id)
    by_screen = await stranger.scan("A-01", opened)
    for answer in (by_form, by_screen):
        assert answer["message"]["code"] == "forbidden"
        assert "A-01" not in str(answer["data"])
    assert (await gun.scan("A-01", opened))["ok"]


async def test_a_device_that_tells_the_same_goods_twice_is_asked_for_the_total(
    floor: Floor, counting: Counting
) -> None:
    gun, _, count_id = counting
    heaps = [{"item_code": "B-002", "quantity": "60"}, {"item_code": "B-002", "quantity": "40"}]
    refused = await tell(gun, "count", "place", count_id=count_id, place="A-01", seen=heaps)
    assert refused["message"]["code"] == "count_twice"
    assert "A-01 的 纸箱" in refused["message"]["text"]
    assert states(floor, count_id) == {"这一格的货": "open"}
