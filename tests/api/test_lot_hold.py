"""A lot is held and let go at the doors: what waits for inspection waits on."""

from __future__ import annotations

from tests.api.room import Room, Wire


async def arrived(room: Room) -> Wire:
    """288 bottles of lot L-7 on the dock, which nobody has looked at."""
    line = {"order_line_id": room.ids.lines["N"], "quantity": "288", "lot_code": "L-7"}
    ask = {"order_id": room.ids.orders["N"], "lines": [line]}
    made = await room.do("warehouse", "/api/receipts", ask)
    received: Wire = made["lines"][0]
    return received


async def statuses(room: Room) -> dict[str, str]:
    found = await room.ask("admin", "/api/stock", item_id=room.ids.items["MILK"])
    return {each["status"]: each["on_hand"] for each in found["items"]}


async def test_a_hold_and_a_release_leave_inspection_alone(room: Room) -> None:
    line = await arrived(room)
    lot = f"/api/lots/{line['lot_id']}"
    answer = await room.send("supervisor", f"{lot}/release", {"reason": "没事"})
    assert (answer.status_code, answer.json()["code"]) == (409, "lot_not_held"), answer.text
    await room.do("supervisor", f"{lot}/hold", {"reason": "疑似"})
    key = room.key()
    first = await room.do("supervisor", f"{lot}/release", {"reason": "没事"}, key=key)
    assert await room.do("supervisor", f"{lot}/release", {"reason": "没事"}, key=key) == first
    assert await statuses(room) == {"inspect": "288"}


async def test_goods_of_a_receipt_are_not_judged_at_the_door_of_returns(room: Room) -> None:
    line = await arrived(room)
    ask = {
        "item_id": line["item_id"],
        "lot_id": line["lot_id"],
        "location_id": room.ids.places["N-DOCK"],
        "quantity": "288",
        "good": True,
    }
    answer = await room.send("warehouse", "/api/returns/judge", ask)
    assert (answer.status_code, answer.json()["code"]) == (409, "return_not_waiting"), answer.text
    assert await statuses(room) == {"inspect": "288"}
