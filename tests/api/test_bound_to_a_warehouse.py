"""Who is bound to a warehouse sees and moves nothing of another, whichever door is tried."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from core import catalog, people
from core.catalog import NewItem
from core.clock import DAY, iso
from core.db import Tx
from core.ids import new_id
from core.orders.count import OpenCount, open_count
from core.people import ENGINE, NewPerson
from core.quantity import ONE
from core.stock import Line, Posting, post
from tests.api.chat_room import ChatRoom
from tests.api.room import PASSWORD, Room


def hire(room: Room, login: str, role: str, warehouse: str) -> None:
    """One more person of that warehouse."""
    new = NewPerson(
        login,
        login,
        (role,),
        warehouse_ids=(room.ids.warehouses[warehouse],),
        password_hash=people.hash_secret(PASSWORD),
    )
    room.ids.people[login] = room.jieli.db.write_now(lambda tx: people.add_person(tx, ENGINE, new))


def counted(room: Room, warehouse: str) -> str:
    ask = OpenCount(f"count-{warehouse}-1", f"PD-{warehouse}", room.ids.warehouses[warehouse])
    return room.jieli.db.write_now(lambda tx: open_count(tx, ENGINE, ask))


def moved(room: Room, op_id: str, *ways: tuple[str, str]) -> None:
    """One posting, a line of five bolts for each way."""
    ids = room.ids
    lines = tuple(
        Line(ids.items["BOLT"], 5 * ONE, ids.places[start], ids.places[to]) for start, to in ways
    )
    room.jieli.db.write_now(lambda tx: post(tx, ENGINE, Posting(op_id, "transfer", lines)))


async def status(room: Room, login: str, path: str, **query: Any) -> int:
    return (await room.get(login, path, **query)).status_code


async def test_the_sheet_and_the_review_of_a_count(room: Room) -> None:
    hire(room, "south-boss", "supervisor", "S")
    hire(room, "north-boss", "supervisor", "N")
    count_id = counted(room, "S")
    assert await status(room, "north", f"/api/counts/{count_id}/sheet") == 403
    assert await status(room, "south", f"/api/counts/{count_id}/sheet") == 200
    assert await status(room, "warehouse", f"/api/counts/{count_id}/sheet") == 200
    assert await status(room, "north-boss", f"/api/counts/{count_id}/review") == 403
    assert await status(room, "south-boss", f"/api/counts/{count_id}/review") == 200
    assert await status(room, "supervisor", f"/api/counts/{count_id}/review") == 200
    assert await status(room, "south", "/api/counts/nothing/sheet") == 404


async def test_a_posting_is_seen_by_whoever_it_touches(room: Room) -> None:
    assert await status(room, "north", "/api/postings/opening-S") == 403
    assert await status(room, "north", "/api/postings/opening-N") == 200
    moved(room, "between-1", ("S-A1", "N-A2"), ("S-A1", "S-A2"))
    for login, lines in (("north", 1), ("south", 2), ("warehouse", 2)):
        found = await room.ask(login, "/api/postings/between-1")
        assert len(found["moves"]) == lines, login


async def test_the_card_of_an_item(room: Room) -> None:
    """A move between two warehouses is on the card of both ends, and pages are full."""
    moved(room, "inside-s-1", ("S-A1", "S-A2"))
    moved(room, "between-1", ("S-A1", "N-A2"))
    moved(room, "inside-s-2", ("S-A1", "S-A2"))
    card = f"/api/items/{room.ids.items['BOLT']}/movements"
    north = await room.ask("north", card)
    assert [each["op_id"] for each in north["items"]] == ["between-1", "opening-N"]
    south = [each["op_id"] for each in (await room.ask("south", card))["items"]]
    assert south == ["inside-s-2", "between-1", "inside-s-1", "opening-S"]
    assert len((await room.ask("viewer", card))["items"]) == 5
    first = await room.ask("north", card, limit=1)
    assert [each["op_id"] for each in first["items"]] == ["between-1"]
    second = await room.ask("north", card, limit=1, cursor=first["next"])
    assert [each["op_id"] for each in second["items"]] == ["opening-N"]


async def test_what_stood_where(room: Room) -> None:
    path = f"/api/items/{room.ids.items['BOLT']}/as-of"
    at = iso(room.clock.now() + DAY)

    async def places(login: str) -> set[int]:
        return {each["location_id"] for each in (await room.ask(login, path, at=at))["items"]}

    assert room.ids.places["S-A1"] in await places("viewer")
    assert room.ids.places["S-A1"] not in await places("north")
    assert room.ids.places["N-A1"] in await places("north")


async def test_what_may_be_promised_is_that_of_the_own_warehouse(room: Room) -> None:
    path = f"/api/items/{room.ids.items['BOLT']}/promise"
    assert (await room.ask("viewer", path))["available"] == "2000"
    assert (await room.ask("north", path))["available"] == "1000"
    south = room.ids.warehouses["S"]
    assert await status(room, "north", path, warehouse_id=south) == 403


async def test_what_expires_soon_is_not_crowded_out_by_other_warehouses(room: Room) -> None:
    """Two hundred lots of the south come first; the north's one is on its page all the same."""

    def stock(tx: Tx) -> None:
        item = catalog.add_item(tx, ENGINE, NewItem("SOON", "快到期的", tracking="lot"))
        lines = []
        for number in range(201):
            at = "S-A1" if number < 200 else "N-A1"
            day = "2026-03-03" if number < 200 else "2026-03-04"
            lot = catalog.ensure_lot(tx, item, f"L-{number}", expires_on=day)
            source, target = room.ids.places["SUPPLIER"], room.ids.places[at]
            lines.append(Line(item, ONE, source, target, lot_id=lot))
        post(tx, ENGINE, Posting("soon-0001", "opening", tuple(lines)))

    room.jieli.db.write_now(stock)
    found = await room.ask("north", "/api/near-expiry", on_date="2026-03-02")
    assert [each["lot_code"] for each in found["items"]] == ["L-200"]


async def reserved(room: Room, login: str, warehouse: str | None) -> httpx.Response:
    wish: dict[str, Any] = {"item_id": room.ids.items["BOLT"], "quantity": "5", "for": "person:1"}
    if warehouse is not None:
        wish["warehouse_id"] = room.ids.warehouses[warehouse]
    return await room.send(login, "/api/reservations", wish)


async def test_a_reservation(room: Room) -> None:
    made = (await reserved(room, "warehouse", "S")).json()["reservation_id"]
    path = f"/api/reservations/{made}"
    assert await status(room, "north", path) == 403
    assert await status(room, "south", path) == 200
    assert await status(room, "viewer", path) == 200
    assert await status(room, "north", "/api/reservations/4711") == 404


async def test_nothing_is_reserved_in_another_warehouse(room: Room) -> None:
    """Without a warehouse the first that expires would be taken, wherever it lies."""
    moved(room, "emptied-1", *((("N-A1", "S-A2"),) * 200))
    anywhere = await reserved(room, "north", None)
    assert (anywhere.status_code, anywhere.json()["code"]) == (409, "not_enough")
    stock = await room.ask("viewer", "/api/stock", item_id=room.ids.items["BOLT"])
    assert {each["reserved"] for each in stock["items"]} == {"0"}
    assert (await reserved(room, "warehouse", None)).status_code == 201


async def test_a_reservation_is_not_fulfilled_into_another_warehouse(room: Room) -> None:
    made = (await reserved(room, "north", "N")).json()["reservation_id"]
    path = f"/api/reservations/{made}/fulfil"
    south = {"to_location": room.ids.places["S-A2"]}
    assert (await room.send("north", path, south)).status_code == 403
    assert await room.on_hand("S-A2") == "0"
    north = {"to_location": room.ids.places["N-A2"]}
    assert (await room.send("north", path, north)).status_code == 201
    assert await room.on_hand("N-A2") == "5"


@pytest.mark.parametrize("path", ["/api/orders/{order}", "/api/receipts/{receipt}"])
async def test_papers_of_goods_in(room: Room, path: str) -> None:
    line = {"order_line_id": room.ids.lines["S"], "quantity": "288", "lot_code": "L-1"}
    ask = {"order_id": room.ids.orders["S"], "lines": [line | {"expires_on": "2026-12-31"}]}
    made = await room.do("south", "/api/receipts", ask, key=new_id(room.clock.now()))
    shown = path.format(order=room.ids.orders["S"], receipt=made["id"])
    assert await status(room, "north", shown) == 403
    assert await status(room, "south", shown) == 200


async def test_lists_of_papers_and_tasks(room: Room) -> None:
    south = room.ids.warehouses["S"]
    for path in ("/api/open-lines", "/api/waiting-lines"):
        assert await status(room, "north", path, warehouse_id=south) == 403, path
    for path in ("/api/orders", "/api/sales", "/api/waves", "/api/tasks"):
        found = (await room.ask("north", path))["items"]
        assert all(each["warehouse_id"] != south for each in found), path


async def test_logs_of_the_whole_company(room: Room) -> None:
    """One chain for all warehouses: it cannot be shown in part, so it is shown to the unbound."""
    hire(room, "north-boss", "supervisor", "N")
    for path in ("/api/audit", "/api/events", "/api/subjects/posting:1/events"):
        assert await status(room, "north-boss", path) == 403, path
        assert await status(room, "supervisor", path) == 200, path


async def test_cards_that_were_given_up(chat: ChatRoom) -> None:
    """Dead letters show titles of tasks: those of the own warehouse."""
    hire(chat, "north-boss", "supervisor", "N")
    hire(chat, "south-boss", "supervisor", "S")
    del chat.stage.simulator.vendor.people["buyer"]
    await chat.fail_inspection()
    for login, letters in (("south-boss", 0), ("north-boss", 1), ("supervisor", 1)):
        found = (await chat.ask(login, "/api/outbox/dead"))["items"]
        assert len(found) == letters, login
    letter = f"/api/outbox/dead/{found[0]['id']}"
    ask: tuple[tuple[str, dict[str, Any]], ...] = (
        ("resend", {}),
        ("reassign", {"person_id": chat.ids.people["supervisor"]}),
        ("drop", {"why": "电话里说过了"}),
    )
    for verb, body in ask:
        assert (await chat.send("south-boss", f"{letter}/{verb}", body)).status_code == 403, verb
    await chat.do("north-boss", f"{letter}/drop", {"why": "电话里说过了"})


async def test_who_is_asked_about_a_card_that_was_given_up(chat: ChatRoom) -> None:
    """The administrators of its warehouse, who may answer; not those of another."""
    hire(chat, "north-admin", "admin", "N")
    hire(chat, "south-admin", "admin", "S")
    del chat.stage.simulator.vendor.people["buyer"]
    await chat.fail_inspection()
    board = (await chat.ask("supervisor", "/api/tasks", kind="dead_letter"))["items"]
    assert len(board) == 1
    asked = set(board[0]["people"])
    assert chat.ids.people["north-admin"] in asked
    assert chat.ids.people["south-admin"] not in asked


async def test_a_count_is_given_up_in_its_warehouse(room: Room) -> None:
    count_id = counted(room, "S")
    ask = {"count_id": count_id, "reason": "明天盘"}
    assert (await room.send("north", "/api/counts/cancel", ask)).status_code == 403
    done = await room.do("south", "/api/counts/cancel", ask)
    assert done["state"] == "cancelled"
    again = await room.send("south", "/api/counts/cancel", ask)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
