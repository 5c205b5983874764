"""The doors of the shortcuts: open, launch, stale, define, measure."""

from __future__ import annotations

from typing import Any

from tests.api.room import Room, Wire

FORM = "/api/shortcuts/urgent_transfer/propose"
LAUNCH = "/api/shortcuts/urgent_transfer/launch"


async def opened(room: Room, login: str, missing: str, **more: Any) -> Wire:
    body = {"situation": {"item": "BOLT", "missing": missing}} | more
    answer = await room.send(login, FORM, body)
    assert answer.status_code == 201, answer.text
    found: Wire = answer.json()
    return found


def values(form: Wire) -> dict[str, str]:
    return {each["key"]: each["value"] for each in form["fields"]}


async def test_each_role_sees_what_it_may_launch(room: Room) -> None:
    for login, keys in (
        ("warehouse", ["buy_request", "count_request", "urgent_transfer"]),
        ("buyer", ["buy_request"]),
    ):
        found = await room.ask(login, "/api/shortcuts")
        assert [each["key"] for each in found["items"]] == keys
    assert (await room.get("viewer", "/api/shortcuts")).status_code == 403
    answer = await room.send("buyer", FORM, {"situation": {"item": "BOLT"}})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_form_is_opened_filled_and_launched_once(room: Room) -> None:
    form = await opened(room, "south", "12")
    assert values(form) | {"requester": "", "deadline": ""} == {
        "item": "BOLT",
        "to": "S",
        "from": "N",
        "unit": "件",
        "quantity": "12",
        "reason": "现场（S 仓）缺 12 件",
        "requester": "",
        "deadline": "",
        "approver": "supervisor 某",
    }
    assert form["ready"]
    assert form["told"]
    body, key = {"run_id": form["run_id"]}, room.key()
    first = await room.send("south", LAUNCH, body, key=key)
    again = await room.send("south", LAUNCH, body, key=key)
    assert first.status_code == 201, first.text
    assert first.json() == again.json()
    other = await room.send("south", LAUNCH, body)
    assert (other.status_code, other.json()["code"]) == (409, "shortcut_launched")
    made = await room.ask("admin", f"/api/transfers/{first.json()['id']}")
    assert (made["urgent"], made["lines"][0]["quantity"]) == (True, "12")
    wrong = await room.send("south", "/api/shortcuts/buy_request/launch", body)
    assert wrong.status_code == 404


async def test_who_comes_second_gets_the_form_filled_anew(room: Room) -> None:
    """North has 1000: two people want 600 each, both forms were honest when they were opened."""
    mine, yours = await opened(room, "south", "600"), await opened(room, "warehouse", "600")
    yours = await opened(
        room, "warehouse", "600", given={"to": "S", "reason": "客户在等"}, again=yours["run_id"]
    )
    assert (await room.send("south", LAUNCH, {"run_id": mine["run_id"]})).status_code == 201
    late = await room.send("warehouse", LAUNCH, {"run_id": yours["run_id"]})
    problem = late.json()
    assert (late.status_code, problem["code"]) == (409, "shortcut_stale")
    assert "N 仓的 螺栓 M8 现在只给得出 400 件，你要 600 件" in problem["detail"]
    fresh = problem["facts"]["fresh"]
    assert values(fresh)["quantity"] == "400"
    assert values(fresh)["reason"] == "客户在等"
    body = {"situation": {"item": "BOLT", "missing": "600"}, "given": problem["facts"]["kept"]}
    anew = await room.send("warehouse", FORM, body | {"again": yours["run_id"]})
    assert anew.json() == fresh
    done = await room.send("warehouse", LAUNCH, {"run_id": fresh["run_id"]})
    assert done.status_code == 201, done.text


async def test_definitions_are_read_and_changed_by_those_who_may(room: Room) -> None:
    found = await room.ask("supervisor", "/api/shortcuts/definitions")
    assert {each["key"] for each in found["verbs"]} == {"transfer.ask", "task.open", "count.open"}
    body = next(each for each in found["items"] if each["key"] == "urgent_transfer")
    body["settings"]["near"] = {"S": ["N"]}
    where = "/api/shortcuts/definitions/urgent_transfer"
    assert (await room.send("warehouse", where, {"body": body})).status_code == 403
    saved = await room.send("admin", where, {"body": body, "why": "按路程"})
    assert (saved.status_code, saved.json()["version"]) == (200, 1), saved.text
    versions = (await room.ask("admin", where))["items"]
    assert [each["version"] for each in versions] == [1, 0]
    audit = (await room.ask("admin", "/api/audit", thing="shortcut:urgent_transfer"))["items"]
    assert audit[0]["why"] == "按路程"
    assert audit[0]["before"]["settings"]["near"] == {}
    assert audit[0]["after"]["settings"]["near"] == {"S": ["N"]}
    broken = await room.send("admin", where, {"body": body | {"verb": "rm -rf"}})
    assert (broken.status_code, broken.json()["code"]) == (422, "invalid")
    form = await opened(room, "south", "12")
    donor = next(each for each in form["fields"] if each["key"] == "from")
    assert donor["why"] == "N 仓可用 1,000 件，离这里最近且够发"


async def test_the_month_is_told_by_shortcut(room: Room) -> None:
    form = await opened(room, "south", "12")
    await room.send("south", LAUNCH, {"run_id": form["run_id"], "values": {"quantity": "13"}})
    await opened(room, "south", "12")
    [used] = (await room.ask("director", "/api/shortcuts/usage"))["items"]
    assert (used["shortcut"], used["opened"], used["launched"]) == ("urgent_transfer", 2, 1)
    assert (used["fields"], used["untouched"], used["percent"]) == (9, 8, 88)
    assert (used["changeable"], used["changeable_untouched"]) == (6, 5)
    assert (await room.ask("director", "/api/shortcuts/usage", month="2026-02"))["items"] == []
    assert (await room.get("director", "/api/shortcuts/usage", month="3 月")).status_code == 422
