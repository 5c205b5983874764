"""Work that was given up on a scanner is on record on the server: who, what and why, once."""

from __future__ import annotations

from typing import Any

from core import audit, events
from core.audit import Entry, Filter
from core.events import Event
from tests.pda.floor import Floor, Scanner
from tests.pda.test_facts import line_of, opened

GONE = {"t": "submit", "id": "p-given-up-1", "flow": "transfer", "action": "move"}


async def give_up(gun: Scanner, told: dict[str, Any], op_id: str = "p-audit-01") -> dict[str, Any]:
    frame = {"t": "submit", "id": op_id, "flow": "queue", "action": "abandon"}
    return await gun.do(frame | {"inputs": told})


def record(floor: Floor) -> list[Entry]:
    wanted = Filter(verb="operation.abandoned")
    return floor.db.read_now(lambda conn: audit.search(conn, wanted))


def told(floor: Floor) -> list[Event]:
    found = floor.db.read_now(lambda conn: events.read_after(conn, 0, limit=500))
    return [each for each in found if each.kind == "operation.abandoned"]


async def test_who_gave_up_what_and_why_is_on_record_once(floor: Floor, gun: Scanner) -> None:
    said = {"id": GONE["id"], "what": "移库 · 纸箱 · 4", "reason": "扫错了", "op": GONE}
    first = await give_up(gun, said)
    assert first["ok"], first
    assert first["message"]["text"].startswith("放弃已留痕")
    assert await give_up(gun, said) == first
    assert (await give_up(gun, said, "p-audit-02"))["ok"], "told by another frame: a second tab"
    [line] = record(floor)
    zhang = floor.person("zhang").person_id
    assert (line.actor, line.face, line.why) == (f"person:{zhang}", "pda", "扫错了")
    assert line.device_id
    assert line.thing == f"operation:d{line.device_id}:{GONE['id']}"
    assert line.after is not None
    assert (line.after["what"], line.after["booked"]) == ("移库 · 纸箱 · 4", False)
    [event] = told(floor)
    assert (event.subject, event.payload["reason"]) == (line.thing, "扫错了")


async def test_what_was_booked_before_it_was_given_up_stays_and_is_said(
    floor: Floor, gun: Scanner
) -> None:
    """The answer got lost, the person thought nothing had happened."""
    line = line_of(await opened(gun), "B-002")
    facts = {"order_id": line["order_id"], "line_id": line["id"], "quantity": "4", "bin": "B-01"}
    op = {"t": "submit", "id": "p-lost-0001", "flow": "receive", "action": "confirm"}
    assert (await gun.do(op | {"inputs": facts}))["ok"]
    said = await give_up(gun, {"id": op["id"], "what": "收货", "reason": "重复了"})
    assert said["message"]["level"] == "warn"
    assert "已入账" in said["message"]["text"]
    assert told(floor)[0].payload["booked"] is True


async def test_without_a_reason_nothing_is_on_record(floor: Floor, gun: Scanner) -> None:
    refused = await give_up(gun, {"id": GONE["id"], "what": "移库", "reason": ""})
    assert (refused["ok"], refused["message"]["code"]) == (False, "invalid")
    nonsense = await gun.do({"t": "submit", "id": "p-odd-00001", "flow": "queue", "action": "eat"})
    assert not nonsense["ok"]
    scanned = await gun.do({"t": "scan", "id": "p-odd-00002", "flow": "queue", "code": "A-01"})
    assert not scanned["ok"]
    assert record(floor) == []
