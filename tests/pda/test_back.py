"""Goods that come back and go away, on a scanner: by scans, and by facts told later."""

from __future__ import annotations

from typing import Any

import pytest

from core.orders.sales.pack import PackRest, pack_rest
from core.orders.sales.pick import PickRest, pick_rest
from core.orders.sales.ship import Ship, ship
from core.stock import prove
from tests.pda.floor import MILK_BOX, Floor, Scanner
from tests.pda.test_facts import stock, tell
from tests.pda.test_outgoing import CARTON, shelve_goods, sold

SYRUP = f"01{MILK_BOX}1726123110L-7"


@pytest.fixture
def gone(floor: Floor) -> Floor:
    """12 件 of syrup and 2 cartons left for the customer on SO-1."""
    floor.db.write_now(shelve_goods)
    wave = sold(floor, ("A-001", 12), ("B-002", 2))
    boss, sale_id = floor.person("boss"), wave.lines[0].sale_id
    floor.db.write_now(lambda tx: pick_rest(tx, boss, PickRest("all-picked", wave.id)))
    floor.db.write_now(lambda tx: pack_rest(tx, boss, PackRest("all-packed", sale_id)))
    floor.db.write_now(lambda tx: ship(tx, boss, Ship("all-gone", sale_id)))
    return floor


def fact(action: str, op_id: str, **inputs: Any) -> dict[str, Any]:
    return {"t": "submit", "id": op_id, "flow": "back", "action": action, "inputs": inputs}


async def test_a_shipped_order_is_resolved_as_one_that_may_come_back(
    gone: Floor, gun: Scanner
) -> None:
    found = await tell(gun, "lookup", "resolve", code="SO-1")
    assert (found["data"]["kind"], found["data"]["state"]) == ("sale", "shipped")


async def test_a_customers_goods_come_back_by_scans_and_wait_to_be_judged(
    gone: Floor, gun: Scanner
) -> None:
    screen = await gun.scan("SO-1", {"flow": "back", "next_state": "start", "context": {}})
    assert (screen["flow"], screen["next_state"]) == ("back", "sale")
    assert {(row["item_code"], row["lot"], row["quantity"]) for row in screen["data"]["lines"]} == {
        ("A-001", "L-7", "12"),
        ("B-002", "", "2"),
    }
    screen = await gun.scan(CARTON, screen)
    screen = await gun.scan(CARTON, screen)
    assert screen["data"]["hands"]["quantity"] == "2"
    much = await gun.scan(CARTON, screen)
    assert (much["ok"], much["message"]["code"]) == (False, "too_much")
    done = await gun.tap("customer", screen, reason="包装压坏", condition="unknown")
    assert done["message"]["text"] == "纸箱 2 件 退回，待检查"
    assert stock(gone, "B-002")[("ZJ-DOCK", "inspect")] == 2
    while "return_check" not in {each["kind"] for each in gun.inbox.values()}:
        await gun.hear()


async def test_a_return_told_twice_is_booked_once_and_never_exceeds_what_left(
    gone: Floor, gun: Scanner
) -> None:
    pack = (await gun.scan("SO-1", {"flow": "back", "next_state": "", "context": {}}))["data"]
    line = next(row for row in pack["lines"] if row["item_code"] == "A-001")
    facts = {"sale_id": pack["sale"]["id"], "line_id": line["id"], "quantity": "5"}
    facts |= {"condition": "bad", "reason": "渗漏", "lot": "L-7"}
    first = await gun.do(fact("customer", "back-0001", **facts))
    assert first == await gun.do(fact("customer", "back-0001", **facts))
    assert stock(gone, "A-001")[("ZJ-DOCK", "hold")] == 5
    rest = next(row for row in first["data"]["lines"] if row["item_code"] == "A-001")
    assert (rest["quantity"], rest["version"]) == ("7", "5")
    much = await gun.do(fact("customer", "back-0002", **(facts | {"quantity": "8"})))
    assert much["message"]["code"] == "return_too_much"
    nameless = await gun.do(fact("customer", "back-0003", **(facts | {"reason": " "})))
    assert nameless["message"]["code"] == "reason_needed"
    assert gone.db.read_now(prove).problems == ()


async def test_goods_of_a_bin_are_scrapped_by_scans(gone: Floor, gun: Scanner) -> None:
    screen = await gun.scan("A-02", {"flow": "back", "next_state": "", "context": {}})
    assert (screen["next_state"], screen["data"]["actions"]) == ("place", ["supplier", "scrap"])
    screen = await gun.scan(SYRUP, screen)
    assert screen["data"]["hands"] == {"item_code": "A-001", "lot": "L-7", "quantity": "12"}
    done = await gun.tap("scrap", screen, reason="过期")
    assert done["message"]["text"].endswith("报废")
    assert ("A-02", "ok") not in stock(gone, "A-001")
    assert done["data"]["rows"] == []


async def test_goods_of_a_bin_go_back_to_the_supplier_who_is_named(
    gone: Floor, gun: Scanner
) -> None:
    opened = await tell(gun, "back", "open", place="B-01")
    assert {"key": "S-1", "label": "华东食品"} in opened["data"]["suppliers"]
    facts = {"place": "B-01", "item_code": "B-002", "quantity": "20", "reason": "规格不对"}
    done = await gun.do(fact("supplier", "away-0001", **facts, supplier="S-1"))
    assert done["ok"], done
    assert "退回 华东食品" in done["message"]["text"]
    assert stock(gone, "B-002")[("B-01", "ok")] == 30
    lost = await gun.do(fact("supplier", "away-0002", **facts, supplier="S-9"))
    assert lost["message"]["code"] == "not_found"


async def test_more_than_lies_there_is_refused(gone: Floor, gun: Scanner) -> None:
    facts = {"place": "B-01", "item_code": "B-002", "quantity": "51", "reason": "受潮"}
    much = await gun.do(fact("scrap", "away-0003", **facts))
    assert (much["ok"], much["message"]["code"]) == (False, "not_enough")
    assert stock(gone, "B-002")[("B-01", "ok")] == 50


async def test_what_was_thrown_away_offline_and_the_books_refuse_is_a_supervisors_question(
    gone: Floor, gun: Scanner
) -> None:
    facts = {"place": "B-01", "item_code": "B-002", "quantity": "51", "reason": "受潮"}
    late = fact("scrap", "away-0004", **facts) | {"late": True, "at": "2026-03-02T01:00:00Z"}
    asked = await gun.do(late)
    assert asked["conflict"]["mine"] == "B-01 纸箱 51 件 报废：受潮"
    pack = (await gun.scan("SO-1", {"flow": "back", "next_state": "", "context": {}}))["data"]
    line = next(row for row in pack["lines"] if row["item_code"] == "B-002")
    back = {"sale_id": pack["sale"]["id"], "line_id": line["id"], "quantity": "3"}
    back |= {"condition": "good", "reason": "不要了"}
    late = fact("customer", "back-0004", **back) | {"late": True, "at": "2026-03-02T01:00:00Z"}
    asked = await gun.do(late)
    assert asked["conflict"]["mine"] == "SO-1 客户退回 纸箱 3 件"
