"""What belongs to a sale is refused at the ledger's own doors, with what to do instead."""

from __future__ import annotations

import pytest

from core import catalog
from core.catalog import NewPartner
from core.people import ENGINE
from tests.api.room import Room, Wire


@pytest.fixture
async def sold(room: Room) -> Wire:
    """A sale of 100 bolts, promised; and where its warehouse lets goods out."""
    db = room.jieli.db
    new = NewPartner("SHOP", "徐汇便利店", "customer")
    customer = db.write_now(lambda tx: catalog.add_partner(tx, ENGINE, new))
    out = db.read_now(lambda conn: catalog.location_by_code(conn, "N-OUT"))
    room.ids.places["N-OUT"] = out.id
    body = {
        "code": "XS-1",
        "customer_id": customer,
        "warehouse_id": room.ids.warehouses["N"],
        "seller_id": room.ids.people["supervisor"],
        "ship_on": "2026-03-03",
        "lines": [{"item_id": room.ids.items["BOLT"], "quantity": "100"}],
    }
    return await room.do("supervisor", "/api/sales", body)


async def picked(room: Room, sold: Wire) -> Wire:
    ask = {"warehouse_id": room.ids.warehouses["N"], "sale_ids": [sold["id"]]}
    wave = await room.do("supervisor", "/api/waves", ask)
    await room.do("warehouse", "/api/picks/rest", {"wave_id": wave["id"]})
    return wave


async def refused(room: Room, path: str, body: Wire, code: str = "belongs_to_paper") -> str:
    answer = await room.send("warehouse", path, body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, code), answer.text
    return str(problem["detail"])


async def test_a_promise_to_a_sale_is_neither_taken_nor_let_go(room: Room, sold: Wire) -> None:
    held = f"/api/reservations/{await promised(room)}"
    said = await refused(room, f"{held}/release", {"reason": "不要了"})
    assert "销售单" in said
    assert "取消销售单" in said
    out = {"to_location": room.ids.places["CUSTOMER"], "quantity": "30"}
    await refused(room, f"{held}/fulfil", out)
    wave = await picked(room, sold)
    assert wave["lines"][0]["quantity"] == "100"


async def promised(room: Room) -> int:
    """The one reservation there is."""
    found = await room.get("admin", "/api/reservations/1")
    assert found.json()["for"].startswith("sale_line:"), found.text
    return 1


async def test_a_pick_is_not_reversed_and_no_paper_is_named_by_hand(room: Room, sold: Wire) -> None:
    await picked(room, sold)
    card = await room.ask("admin", f"/api/items/{room.ids.items['BOLT']}/movements")
    taken = card["items"][0]
    assert (taken["kind"], taken["doc"].partition(":")[0]) == ("pick", "sale_line")
    await refused(room, f"/api/postings/{taken['op_id']}/reverse", {"reason": "记错了"})
    named = {"kind": "transfer", "lines": [room.line("5")], "doc": f"sale:{sold['id']}"}
    await refused(room, "/api/postings", named)
    wish = {"item_id": room.ids.items["BOLT"], "quantity": "1", "for": taken["doc"]}
    wish["warehouse_id"] = room.ids.warehouses["N"]
    await refused(room, "/api/reservations", wish)
    mirror = {"kind": "reverse", "reverses": taken["op_id"], "reason": "记错了"}
    await refused(room, "/api/postings", mirror | {"lines": [room.line("100", "N-OUT", "N-A1")]})
    away = {"kind": "issue", "lines": [room.line("5", "N-OUT", "CUSTOMER")]}
    said = await refused(room, "/api/postings", away, "stage_by_hand")
    assert "N-OUT 是出货区" in said
    assert await room.on_hand("N-OUT") == "100"


async def test_a_remark_of_ones_own_is_posted_and_answered_again(room: Room) -> None:
    key = room.key()
    body = {"kind": "transfer", "lines": [room.line("5")], "doc": "整理:三号架"}
    first = await room.do("warehouse", "/api/postings", body, key=key)
    assert await room.do("warehouse", "/api/postings", body, key=key) == first
