"""What lies where, at the door: by item what is there, by place what is asked for."""

from __future__ import annotations

from tests.api.room import Room, Wire


async def places(room: Room, **asked: int) -> dict[str, str]:
    """On hand by place, of bolts."""
    found: Wire = await room.ask("admin", "/api/stock", **asked)
    return {
        each["location_code"]: each["on_hand"]
        for each in found["items"]
        if each["item_id"] == room.ids.items["BOLT"]
    }


async def test_an_item_lies_where_it_can_be_taken(room: Room) -> None:
    assert await places(room, item_id=room.ids.items["BOLT"]) == {"N-A1": "1000", "S-A1": "1000"}
    line = dict(room.line("1000", to="CUSTOMER"))
    await room.do("admin", "/api/postings", {"kind": "issue", "lines": [line]})
    assert await places(room, item_id=room.ids.items["BOLT"]) == {"S-A1": "1000"}
    assert await places(room, location_id=room.ids.places["N-A1"]) == {}


async def test_what_came_and_went_is_told_of_its_place(room: Room) -> None:
    line = dict(room.line("5", to="CUSTOMER"))
    await room.do("admin", "/api/postings", {"kind": "issue", "lines": [line]})
    for place, amount in (("SUPPLIER", "-2000"), ("CUSTOMER", "5")):
        where = room.ids.places[place]
        assert await places(room, location_id=where) == {place: amount}
        both = await places(room, location_id=where, item_id=room.ids.items["BOLT"])
        assert both == {place: amount}
    assert await places(room, location_id=999_999) == {}
