"""A customer cancels after picking, through the doors: cancel, put back, unpack; who may what."""

from __future__ import annotations

import pytest

from core.stock import prove
from tests.api.room import Room, Wire
from tests.api.test_papers import picked, sold

__all__ = ["sold"]


@pytest.fixture
async def boxed(room: Room, sold: Wire) -> Wire:
    """The sale of 100 bolts is picked; 60 of them are in a box."""
    await picked(room, sold)
    lines = [{"item_id": room.ids.items["BOLT"], "quantity": "60"}]
    ask = {"sale_id": sold["id"], "boxes": [{"lines": lines}]}
    done = await room.do("warehouse", "/api/packages", ask)
    assert (done["state"], done["unpacked"]) == ("picked", "40")
    return sold


async def test_cancelled_after_packing_and_put_back_with_one_press(room: Room, boxed: Wire) -> None:
    body, key = {"sale_id": boxed["id"], "reason": "客户不要了"}, room.key()
    before = await room.on_hand("N-A1")
    gone = await room.do("supervisor", "/api/sales/cancel", body, key=key)
    assert await room.do("supervisor", "/api/sales/cancel", body, key=key) == gone
    assert (gone["state"], gone["lines"][0]["cut"], gone["lines"][0]["picked"]) == (
        "cancelled",
        "100",
        "0",
    )
    boxes = await room.ask("warehouse", f"/api/sales/{boxed['id']}/packages")
    assert [each["state"] for each in boxes["items"]] == ["void"]
    task = await room.task_of("warehouse", "put_back")
    assert "XS-1" in task["title"]
    assert await room.on_hand("N-OUT") == "100"
    path, press = f"/api/tasks/{task['id']}/act", {"action": "put_back"}
    done = await room.do("warehouse", path, press)
    assert "已放回 N-A1" in done["sentence"]
    assert int(await room.on_hand("N-A1")) == int(before) + 100
    assert await room.on_hand("N-OUT") == "0"
    card = await room.ask("admin", f"/api/items/{room.ids.items['BOLT']}/movements")
    undo = f"/api/postings/{card['items'][0]['op_id']}/reverse"
    again = await room.send("warehouse", undo, {"reason": "记错了"})
    assert again.json()["code"] == "belongs_to_paper"
    proof = room.jieli.db.read_now(prove)
    assert proof.problems == ()


async def test_what_has_left_stays_sold(room: Room, boxed: Wire) -> None:
    await room.do("warehouse", "/api/shipments", {"sale_id": boxed["id"]})
    body = {"sale_id": boxed["id"], "reason": "剩下的不要了"}
    after = await room.do("supervisor", "/api/sales/cancel", body)
    assert (after["state"], after["lines"][0]["shipped"], after["lines"][0]["cut"]) == (
        "shipped",
        "60",
        "40",
    )
    again = await room.send("supervisor", "/api/sales/cancel", body)
    assert (again.status_code, again.json()["code"]) == (409, "sale_state")


async def test_goods_of_a_live_sale_stay_in_the_stage(room: Room, boxed: Wire) -> None:
    move = {
        "item_id": room.ids.items["BOLT"],
        "quantity": "10",
        "from_location": room.ids.places["N-OUT"],
        "to_location": room.ids.places["N-A2"],
    }
    answer = await room.send("warehouse", "/api/moves", move)
    assert (answer.status_code, answer.json()["code"]) == (409, "stage_taken")
    assert "销售单 XS-1" in answer.json()["detail"]
    body = {"sale_id": boxed["id"], "reason": "客户不要了"}
    await room.do("supervisor", "/api/sales/cancel", body)
    await room.do("warehouse", "/api/moves", move)
    into = {**move, "from_location": move["to_location"], "to_location": move["from_location"]}
    answer = await room.send("warehouse", "/api/moves", into)
    assert answer.json()["code"] == "stage_by_hand"
    assert await room.on_hand("N-OUT") == "90"


async def test_a_box_is_opened_and_its_goods_wait_to_be_packed(room: Room, boxed: Wire) -> None:
    body, key = {"sale_id": boxed["id"], "code": "XS-1-1"}, room.key()
    done = await room.do("warehouse", "/api/packages/unpack", body, key=key)
    assert (done["state"], done["unpacked"]) == ("picked", "100")
    assert await room.do("warehouse", "/api/packages/unpack", body, key=key) == done
    twice = await room.send("warehouse", "/api/packages/unpack", body)
    assert (twice.status_code, twice.json()["code"]) == (409, "box_not_here")
    for login, status in (("viewer", 403), ("buyer", 403), ("south", 403)):
        answer = await room.send(login, "/api/packages/unpack", body)
        assert answer.status_code == status, login
    rest = await room.do("warehouse", "/api/packages/rest", {"sale_id": boxed["id"]})
    assert rest["boxes"][0]["code"] == "XS-1-2"
