"""One operation id, one effect, one answer."""

from __future__ import annotations

import asyncio

import pytest

from core.errors import CATALOGUE
from tests.api.room import Room


async def test_a_posting_sent_a_hundred_times_moves_stock_once(room: Room) -> None:
    body = {"kind": "transfer", "lines": [room.line("12.5")]}
    key = room.key()
    answers = await asyncio.gather(
        *(room.send("warehouse", "/api/postings", body, key=key) for _ in range(100))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1, "byte for byte the same answer"
    assert await room.on_hand("N-A2") == "12.5"
    assert await room.on_hand("N-A1") == "987.5"


async def test_the_same_key_with_other_content_is_refused(room: Room) -> None:
    key = room.key()
    await room.do(
        "warehouse", "/api/postings", {"kind": "transfer", "lines": [room.line("1")]}, key=key
    )
    other = {"kind": "transfer", "lines": [room.line("2")]}
    answer = await room.send("warehouse", "/api/postings", other, key=key)
    assert answer.status_code == 422
    assert answer.json()["code"] == "key_reused"
    assert await room.on_hand("N-A2") == "1"


async def test_an_ordinary_write_repeats_its_first_answer(room: Room) -> None:
    key, body = room.key(), {"code": "NUT", "name": "螺母"}
    first = await room.send("buyer", "/api/items", body, key=key)
    again = await room.send("buyer", "/api/items", body, key=key)
    assert first.content == again.content
    other = await room.send("buyer", "/api/items", body | {"name": "螺帽"}, key=key)
    assert other.json()["code"] == "key_reused"


async def test_one_key_cannot_serve_two_operations(room: Room) -> None:
    key = room.key()
    await room.do("admin", "/api/warehouses", {"code": "W", "name": "西仓"}, key=key)
    answer = await room.send("admin", "/api/partners", {"code": "W", "name": "西仓"}, key=key)
    assert answer.json()["code"] == "key_reused"


async def test_two_people_may_use_the_same_key(room: Room) -> None:
    key = room.key()
    await room.do("buyer", "/api/items", {"code": "A-1", "name": "甲"}, key=key)
    await room.do("supervisor", "/api/items", {"code": "B-1", "name": "乙"}, key=key)


async def test_a_refused_write_may_be_mended_under_the_same_key(room: Room) -> None:
    key = room.key()
    body = {"kind": "transfer", "lines": [room.line("5000")]}
    refused = await room.send("warehouse", "/api/postings", body, key=key)
    assert refused.json()["code"] == "not_enough"
    body = {"kind": "transfer", "lines": [room.line("1000")]}
    assert (await room.send("warehouse", "/api/postings", body, key=key)).status_code == 201


@pytest.mark.parametrize(
    ("key", "code"),
    [("", "key_missing"), ("short", "invalid"), ("x" * 97, "invalid"), ("bad key!", "invalid")],
)
async def test_a_write_needs_a_good_key(room: Room, key: str, code: str) -> None:
    headers = room.auth("warehouse") | ({"Idempotency-Key": key} if key else {})
    body = {"kind": "transfer", "lines": [room.line("1")]}
    answer = await room.http.post("/api/postings", json=body, headers=headers)
    assert answer.json()["code"] == code
    assert answer.status_code == CATALOGUE[code].status


async def test_many_people_post_at_once_and_one_bad_line_fails_alone(room: Room) -> None:
    good = {"kind": "transfer", "lines": [room.line("1")]}
    bad = {"kind": "transfer", "lines": [room.line("99999")]}
    answers = await asyncio.gather(
        *(room.send("warehouse", "/api/postings", bad if n % 5 == 0 else good) for n in range(50))
    )
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(201) == 40
    assert statuses.count(409) == 10
    assert await room.on_hand("N-A2") == "40"


async def test_a_posting_can_be_asked_for_and_undone_once(room: Room) -> None:
    key = room.key()
    body = {"kind": "transfer", "lines": [room.line("3")]}
    made = await room.do("warehouse", "/api/postings", body, key=key)
    assert await room.ask("warehouse", f"/api/postings/{key}") == made
    assert (await room.get("warehouse", "/api/postings/unknown-key")).status_code == 404
    undo = f"/api/postings/{key}/reverse"
    await room.do("warehouse", undo, {"reason": "扫错库位"})
    assert await room.on_hand("N-A2") == "0"
    again = await room.send("warehouse", undo, {"reason": "再来一次"})
    assert again.json()["code"] == "already_reversed"


async def test_reserve_fulfil_and_release_through_the_doors(room: Room) -> None:
    wish = {"item_id": room.ids.items["BOLT"], "quantity": "100", "for": "order:7"}
    wish["warehouse_id"] = room.ids.warehouses["N"]
    made = await room.do("warehouse", "/api/reservations", wish)
    assert made["quantity"] == "100"
    assert made["for"] == "order:7"
    path = f"/api/reservations/{made['reservation_id']}"
    out = {"to_location": room.ids.places["CUSTOMER"], "quantity": "30"}
    await room.do("warehouse", f"{path}/fulfil", out)
    left = await room.do("warehouse", f"{path}/release", {"reason": "客户取消"})
    assert left["state"] != "open"
    promise = await room.ask("warehouse", f"/api/items/{wish['item_id']}/promise")
    assert promise["available"] == "1970"
    card = await room.ask("warehouse", f"/api/items/{wish['item_id']}/movements")
    assert card["items"][0]["quantity"] == "30"


async def test_a_day_is_kept_as_days_are_compared(room: Room) -> None:
    """「20260303」 is a day too; as a text it comes after every 「2026-…」."""
    wish = {"item_id": room.ids.items["BOLT"], "quantity": "1", "ship_on": "20260303"}
    made = await room.do("warehouse", "/api/reservations", wish)
    assert made["ship_on"] == "2026-03-03"
    body = {
        "code": "PO-D",
        "supplier_id": room.ids.partners["ACME"],
        "warehouse_id": room.ids.warehouses["N"],
        "lines": [{"item_id": room.ids.items["BOLT"], "quantity": "1"}],
        "due_on": "2026-W10-1",
        "buyer_id": room.ids.people["buyer"],
    }
    assert (await room.do("buyer", "/api/orders", body))["due_on"] == "2026-03-02"
