"""A scanner that was stopped and is enrolled again goes on with its work: nothing twice."""

from __future__ import annotations

from typing import Any

from core import audit, people
from core.audit import Entry, Filter
from core.people import Device
from core.people.devices import device_by_token
from pda.protocol import CLOSE_DEVICE
from tests.pda.floor import Floor, Scanner
from tests.pda.test_conflicts import asked
from tests.pda.test_facts import line_of, opened, stock
from tests.pda.test_queue import give_up, told


def device_of(floor: Floor, token: str) -> Device:
    return floor.db.read_now(lambda conn: device_by_token(conn, token))


def revoke(floor: Floor, token: str) -> Device:
    boss, device = floor.person("boss"), device_of(floor, token)
    floor.db.write_now(lambda tx: people.revoke_device(tx, boss, device.id, "换登记"))
    return device


def anew(floor: Floor, gun: Scanner) -> Scanner:
    """The same scanner enrolled again, as its page does it; 张三 signs in on it."""
    return Scanner(floor, floor.enrol(was=gun.token), "zhang")


async def ten_cartons(gun: Scanner) -> dict[str, Any]:
    line = line_of(await opened(gun), "B-002")
    inputs = {"order_id": line["order_id"], "line_id": line["id"], "quantity": "10", "bin": "B-01"}
    frame = {"t": "submit", "id": "s-received-0001", "flow": "receive", "action": "confirm"}
    return frame | {"inputs": inputs, "by": gun.person_id}


async def test_work_sent_again_after_enrolling_anew_is_booked_once(
    floor: Floor, gun: Scanner
) -> None:
    frame = await ten_cartons(gun)
    booked = await gun.do(dict(frame))
    revoke(floor, gun.token)
    again = await anew(floor, gun).connect()
    assert await again.do(dict(frame)) == booked
    assert stock(floor, "B-002") == {("B-01", "ok"): 10}
    await again.leave()
    revoke(floor, again.token)  # and once more: the first device is still what counts
    third = await anew(floor, again).connect()
    assert await third.do(dict(frame)) == booked
    assert stock(floor, "B-002") == {("B-01", "ok"): 10}
    await third.leave()


async def test_what_the_answer_before_showed_goes_on_after_enrolling_anew(
    floor: Floor, gun: Scanner
) -> None:
    first = await gun.scan("PO-1")
    again = await anew(floor, gun).connect()
    found = await again.do({"t": "scan", "code": "4006381333931", "after": first["id"]})
    assert (found["flow"], found["next_state"]) == ("receive", "line"), found["message"]
    await again.leave()


async def test_a_question_to_the_supervisor_is_asked_once_however_often_enrolled(
    floor: Floor, gun: Scanner
) -> None:
    frame = await ten_cartons(gun) | {"late": True}
    frame["inputs"] |= {"quantity": "101"}  # one more than was ordered
    told_first = await gun.do(dict(frame))
    assert told_first["conflict"]
    again = await anew(floor, gun).connect()
    assert await again.do(dict(frame)) == told_first
    assert len(asked(floor)) == 1
    await again.leave()


async def test_giving_up_knows_what_was_booked_before_enrolling_anew(
    floor: Floor, gun: Scanner
) -> None:
    frame = await ten_cartons(gun)
    assert (await gun.do(dict(frame)))["ok"]
    again = await anew(floor, gun).connect()
    said = await give_up(again, {"id": frame["id"], "what": "收货", "reason": "重复了"})
    assert "已入账" in said["message"]["text"]
    assert [each.payload["booked"] for each in told(floor)] == [True]
    await again.leave()


async def test_what_the_scanner_was_before_is_over_and_on_record(
    floor: Floor, gun: Scanner
) -> None:
    """Nobody had stopped it: two devices in use never share their operations."""
    assert gun.wire is not None
    before = device_of(floor, gun.token)
    token = floor.enrol(was=gun.token)
    end = await gun.wire.closed()
    assert (end.code, end.reason) == (CLOSE_DEVICE, "device_revoked")
    lost = floor.enrol(was=gun.token)  # its answer never came, so the page asks with the old one
    found = {each.id: each for each in floor.db.read_now(people.all_devices)}
    now = device_of(floor, lost)
    assert [each.id for each in found.values() if each.state == "active"] == [now.id]
    assert now.first_id == before.id

    def lines(device_id: int) -> list[Entry]:
        wanted = Filter(thing=f"device:{device_id}")
        return floor.db.read_now(lambda conn: audit.search(conn, wanted))

    [stopped] = lines(before.id)
    assert stopped.after == {"state": "revoked"}
    assert stopped.why.startswith("重新登记为 device:")
    assert lines(now.id)[0].after == {"continues": f"device:{before.id}"}
    boss = floor.person("boss").person_id
    assert {each.actor for each in (stopped, *lines(now.id))} == {f"person:{boss}"}
    assert token not in str(lines(now.id))


async def test_a_token_nobody_ever_had_is_no_hint_and_no_error(floor: Floor, gun: Scanner) -> None:
    boss = floor.person("boss")
    code = floor.db.write_now(lambda tx: people.make_enrol_code(tx, boss, "5 号枪"))
    async with floor.socket() as wire:
        wire.send({"t": "enrol", "v": 1, "code": code, "was": "guess"})
        enrolled = await wire.frame()
    fresh = device_of(floor, enrolled["device_token"])
    assert (fresh.state, fresh.first_id, fresh.scope_id) == ("active", None, fresh.id)
    assert device_of(floor, gun.token).state == "active"


async def test_the_socket_takes_the_token_from_before_too(floor: Floor, gun: Scanner) -> None:
    before, boss = device_of(floor, gun.token), floor.person("boss")
    code = floor.db.write_now(lambda tx: people.make_enrol_code(tx, boss, "3 号枪"))
    async with floor.socket() as wire:
        wire.send({"t": "enrol", "v": 1, "code": code, "was": gun.token})
        enrolled = await wire.frame()
    assert device_of(floor, enrolled["device_token"]).scope_id == before.id
