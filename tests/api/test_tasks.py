"""Tasks through REST: the inbox, the baton, and the whole flow of goods through the doors."""

from __future__ import annotations

from tests.api.room import Room


async def test_the_baton_goes_from_hand_to_hand(room: Room) -> None:
    task = await room.task_of("warehouse", "receive")
    path = f"/api/tasks/{task['id']}"
    claimed = await room.do("warehouse", f"{path}/claim", {"generation": task["generation"]})
    assert claimed["holder"]["name"] == "warehouse 某"
    assert claimed["version"] > task["version"]
    back = await room.do("warehouse", f"{path}/put-back")
    assert back["holder"] is None
    await room.do("warehouse", f"{path}/comments", {"body": "车还没到"})
    snoozed = await room.do("warehouse", f"{path}/snooze", {"until": "2026-03-02T11:00:00+08:00"})
    assert snoozed["state"] == "snoozed"
    to = {"to_person": room.ids.people["north"], "note": "你来"}
    over = await room.do("warehouse", f"{path}/hand-over", to)
    assert room.ids.people["north"] in over["people"]
    paused = await room.do("north", f"{path}/pause", {"why": "等叉车"})
    assert paused["state"] == "paused"
    resumed = await room.do("north", f"{path}/resume")
    assert resumed["state"] != "paused"
    found = await room.ask("supervisor", path)
    assert [each["body"] for each in found["comments"]] == ["车还没到"]
    assert len(found["history"]) >= 6


async def test_an_old_card_is_refused_with_what_is_true_now(room: Room) -> None:
    task = await room.task_of("supplier", "confirm_order")
    press = {"action": "confirm", "generation": task["generation"] + 7}
    answer = await room.send("supplier", f"/api/tasks/{task['id']}/act", press)
    assert answer.status_code == 409
    assert answer.json()["code"] == "stale_card"


async def test_the_second_answer_hears_who_was_first(room: Room) -> None:
    task = await room.task_of("supplier", "confirm_order")
    press = {"action": "confirm", "generation": task["generation"]}
    path = f"/api/tasks/{task['id']}/act"
    done = await room.do("supplier", path, press)
    assert done["task"]["state"] == "done"
    again = await room.send("supplier", path, press)
    assert again.status_code == 409
    assert "supplier 某" in again.json()["detail"]


async def test_the_board_filters_and_pages(room: Room) -> None:
    whole = await room.ask("supervisor", "/api/tasks")
    kinds = {each["kind"] for each in whole["items"]}
    assert {"receive", "confirm_order"} <= kinds
    only = await room.ask("supervisor", "/api/tasks", kind="receive")
    assert {each["kind"] for each in only["items"]} == {"receive"}
    seen, cursor = [], ""
    while cursor is not None:
        page = await room.ask("supervisor", "/api/tasks", limit=1, cursor=cursor)
        seen += [each["id"] for each in page["items"]]
        cursor = page["next"]
    assert seen == [each["id"] for each in whole["items"]]
    assert (await room.get("supervisor", "/api/tasks", state="nonsense")).status_code == 422


async def test_goods_come_in_are_judged_shelved_counted_and_go_out(room: Room) -> None:
    ids = room.ids
    arrive = {
        "order_id": ids.orders["N"],
        "lines": [{"order_line_id": ids.lines["N"], "quantity": "288", "lot_code": "L-7"}],
    }
    receipt = await room.do("warehouse", "/api/receipts", arrive)
    line = receipt["lines"][0]
    assert (line["quantity"], line["to_inspect"]) == ("288", "288")
    assert (await room.ask("warehouse", f"/api/receipts/{receipt['id']}"))["order_code"] == "PO-N"
    judged = {"receipt_line_id": line["id"], "accepted": "280", "rejected": "8", "reason": "破损"}
    inspection = await room.do("warehouse", "/api/inspections", judged)
    assert inspection["rejected"] == "8"
    bins = await room.ask(
        "warehouse",
        "/api/putaways/suggest",
        item_id=line["item_id"],
        lot_id=line["lot_id"],
        quantity="280",
        warehouse_id=ids.warehouses["N"],
    )
    assert bins["items"][0]["why"]
    shelf = {
        "item_id": line["item_id"],
        "lot_id": line["lot_id"],
        "quantity": "280",
        "from_location": ids.places["N-DOCK"],
        "to_location": bins["items"][0]["location_id"],
    }
    await room.do("warehouse", "/api/putaways", shelf)
    decide = {"inspection_id": inspection["id"], "decision": "return", "reason": "破损"}
    await room.do("buyer", "/api/decisions", decide)
    out = {
        "item_id": line["item_id"],
        "quantity": "10",
        "from_location": bins["items"][0]["location_id"],
        "lot_id": line["lot_id"],
    }
    await room.do("warehouse", "/api/issues", out)
    count = await room.do(
        "warehouse", "/api/counts", {"code": "C-1", "warehouse_id": ids.warehouses["N"]}
    )
    sheet = await room.ask("warehouse", f"/api/counts/{count['count_id']}/sheet")
    assert sheet["items"]
    assert "expected" not in sheet["items"][0], "the count is blind"
    assert (await room.do("admin", "/api/prove"))["ok"]


async def test_goods_travel_between_warehouses(room: Room) -> None:
    ids = room.ids
    ask = {
        "code": "T-1",
        "from_warehouse": ids.warehouses["N"],
        "to_warehouse": ids.warehouses["S"],
        "lines": [{"item_id": ids.items["BOLT"], "quantity": "50"}],
    }
    made = await room.do("warehouse", "/api/transfers", ask)
    sent = await room.do("warehouse", "/api/transfers/send", {"transfer_id": made["id"]})
    assert sent["loads"][0]["quantity"] == "50"
    got = await room.do("warehouse", "/api/transfers/receive", {"transfer_id": made["id"]})
    assert got["loads"][0]["received"] == "50"
    assert await room.on_hand("S-DOCK") == "50"
    assert (await room.ask("south", f"/api/transfers/{made['id']}"))["code"] == "T-1"


async def test_a_transfer_that_does_not_come_whole_is_closed(room: Room) -> None:
    ids = room.ids
    ask = {
        "code": "T-2",
        "from_warehouse": ids.warehouses["N"],
        "to_warehouse": ids.warehouses["S"],
        "lines": [{"item_id": ids.items["BOLT"], "quantity": "50"}],
    }
    made = await room.do("warehouse", "/api/transfers", ask)
    sent = await room.do("warehouse", "/api/transfers/send", {"transfer_id": made["id"]})
    load = {"load_id": sent["loads"][0]["id"], "quantity": "48", "to_location": ids.places["S-A1"]}
    came = {"transfer_id": made["id"], "loads": [load]}
    await room.do("warehouse", "/api/transfers/receive", came)
    body = {"transfer_id": made["id"], "reason": "途中丢失", "lost": True}
    refused = await room.send("warehouse", "/api/transfers/close", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "loss_needs_approval")
    closed = await room.do("admin", "/api/transfers/close", body)
    assert (closed["state"], closed["unsent"], closed["written_off"]) == ("closed", "0", "2")
    assert await room.on_hand("S-A1") == "1048"
    assert (await room.do("admin", "/api/prove"))["ok"]


async def test_a_holiday_and_a_policy_are_published_through_the_doors(room: Room) -> None:
    days = [{"day": "2027-01-01", "workday": False, "name": "元旦"}]
    body = {"days": days, "publish": [2027], "source": "国办发明电〔2026〕X 号"}
    await room.do("supervisor", "/api/calendars/cn/days", body)
    year = await room.ask("viewer", "/api/calendars/cn/2027")
    assert year["published"]
    assert year["items"][0]["name"] == "元旦"
    policy = (await room.ask("supervisor", "/api/policies"))["items"][0]
    code = policy.pop("code")
    policy["respond_within"] = policy["respond_within"] * 2
    shown = await room.do("supervisor", f"/api/policies/{code}", {"body": policy})
    assert shown["respond_within"] == policy["respond_within"]
    bad = await room.send("supervisor", f"/api/policies/{code}", {"body": {"rungs": 3}})
    assert bad.status_code == 422
    leave = {
        "person_id": room.ids.people["buyer"],
        "from_at": "2026-03-02T00:00:00+08:00",
        "to_at": "2026-03-09T00:00:00+08:00",
        "substitute_id": room.ids.people["supervisor"],
    }
    made = await room.do("supervisor", "/api/leaves", leave)
    await room.do("supervisor", f"/api/leaves/{made['id']}/end")


async def test_the_catalog_through_the_doors(room: Room) -> None:
    made = await room.do("buyer", "/api/items", {"code": "NUT", "name": "螺母", "unit": "个"})
    item = f"/api/items/{made['id']}"
    pack = {"name": "箱", "numerator": 100, "gtin": "06901234567892"}
    packed = await room.do("buyer", f"{item}/packs", pack)
    assert packed["factor"] == {"numerator": 100, "denominator": 1}
    await room.do("buyer", f"{item}/barcodes", {"code": "OWN/77"})
    found = await room.ask("warehouse", "/api/barcodes/OWN/77")
    assert found["item_id"] == made["id"]
    lot = await room.do("buyer", f"{item}/lots", {"code": "L1", "expires_on": "2026-06-30"})
    change = {"expires_on": "2026-07-31", "why": "供应商更正"}
    mended = await room.send("buyer", f"/api/lots/{lot['id']}", change, method="PATCH")
    assert mended.json()["expires_on"] == "2026-07-31"
    hits = await room.ask("warehouse", "/api/items", q="螺")
    assert {each["code"] for each in hits["items"]} == {"NUT", "BOLT"}
    whole = await room.ask("warehouse", item)
    assert whole["packs"][0]["name"] == "箱"
    new = {
        "code": "N-B1",
        "kind": "bin",
        "warehouse_id": room.ids.warehouses["N"],
        "capacity": "9.5",
    }
    place = await room.do("supervisor", "/api/locations", new)
    assert place["capacity"] == "9.5"
    closed = await room.do("supervisor", f"/api/locations/{place['id']}/active", {"active": False})
    assert closed["active"] is False
    partner = await room.send(
        "buyer", f"/api/partners/{room.ids.partners['ACME']}", {"phone": "0512"}, method="PATCH"
    )
    assert partner.json()["phone"] == "0512"
    changed = await room.send("buyer", item, {"name": "六角螺母"}, method="PATCH")
    assert changed.json()["name"] == "六角螺母"
