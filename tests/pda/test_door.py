"""The door of the scanners: who gets in, who is put out, and with which words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from core import catalog, people
from core.clock import HOUR, MINUTE, SECOND, ManualClock
from core.db import Tx
from core.tasks import talk
from pda.outlet import MOST_WAITING, HangUp, Outlet
from pda.protocol import (
    CLOSE_AGAIN,
    CLOSE_BAD_FRAME,
    CLOSE_DEVICE,
    CLOSE_SIGNED_OUT,
    CLOSE_SILENT,
    CLOSE_SLOW,
    CLOSE_TOO_BIG,
    HEARTBEAT_SECONDS,
)
from tests.pda.floor import PIN, Floor, Scanner, open_floor
from tests.pda.socket import Closed, Socket


def hello(token: str, **more: object) -> dict[str, object]:
    return {"t": "hello", "v": 1, "device_token": token} | more


async def test_a_scanner_enrols_with_a_code_that_works_once(floor: Floor) -> None:
    boss = floor.person("boss")
    code = floor.db.write_now(lambda tx: people.make_enrol_code(tx, boss, "3 号枪"))
    async with floor.socket() as wire:
        wire.send({"t": "enrol", "v": 1, "code": code})
        enrolled = await wire.frame()
        welcome = await wire.frame()
    assert enrolled["device"]["name"] == "3 号枪"
    assert welcome["t"] == "welcome"
    assert welcome["person"] is None
    async with floor.socket() as wire:
        wire.send(hello(enrolled["device_token"]))
        assert (await wire.frame())["t"] == "welcome"
    async with floor.socket() as wire:
        wire.send({"t": "enrol", "v": 1, "code": code})
        assert (await wire.frame())["code"] == "enrol_code_void"


async def test_badge_and_pin_sign_in_and_the_inbox_follows(floor: Floor) -> None:
    gun = await floor.scanner().connect()
    assert {task["kind"] for task in gun.inbox.values()} == {"receive"}
    await gun.leave()


async def test_five_wrong_pins_lock_the_device_for_five_minutes(
    floor: Floor, clock: ManualClock
) -> None:
    async with floor.socket() as wire:
        wire.send(hello(floor.enrol()))
        await wire.frame()
        ask = {"t": "sign_in", "badge": "BADGE-ZHANG"}
        for number in range(5):
            wire.send(ask | {"id": f"sign-in-{number}", "pin": "0000"})
            assert (await wire.frame())["code"] == "wrong_pin"
        wire.send(ask | {"id": "sign-in-6", "pin": PIN})
        assert (await wire.frame())["code"] == "too_many"
        clock.advance(5 * MINUTE)
        wire.send(ask | {"id": "sign-in-7", "pin": PIN})
        assert (await wire.frame())["t"] == "signed_in"


async def test_a_pin_never_comes_back_in_an_error(floor: Floor) -> None:
    async with floor.socket() as wire:
        wire.send(hello(floor.enrol()))
        await wire.frame()
        wire.send({"t": "sign_in", "id": "sign-in-1", "badge": "B", "pin": "9876543210" * 9})
        refusal = await wire.frame()
    assert refusal["code"] == "bad_frame"
    assert "9876543210" not in str(refusal)


async def test_without_hello_nothing_goes(floor: Floor) -> None:
    async with floor.socket() as wire:
        wire.send({"t": "scan", "id": "scan-0001", "code": "PO-1"})
        assert (await wire.frame())["code"] == "hello_first"
        assert (await wire.closed()).code == CLOSE_BAD_FRAME


async def test_another_version_is_told_to_reload(floor: Floor) -> None:
    async with floor.socket() as wire:
        wire.send(hello(floor.enrol(), v=2))
        refusal = await wire.frame()
        assert refusal["code"] == "bad_version"
        assert "刷新" in refusal["message"]["text"]
        assert (await wire.closed()).code == CLOSE_BAD_FRAME


async def test_an_unknown_device_is_put_out(floor: Floor) -> None:
    async with floor.socket() as wire:
        wire.send(hello("stolen"))
        assert (await wire.frame())["code"] == "device_revoked"
        assert (await wire.closed()).code == CLOSE_DEVICE


async def test_a_revoked_device_is_put_out_within_a_second(floor: Floor, gun: Scanner) -> None:
    assert gun.wire is not None
    boss = floor.person("boss")
    device = floor.db.read_now(people.all_devices)[0]
    async with asyncio.timeout(1):
        await floor.db.write(lambda tx: people.revoke_device(tx, boss, device.id, "丢了"))
        end = await gun.wire.closed()
    assert (end.code, end.reason) == (CLOSE_DEVICE, "device_revoked")


async def test_a_page_of_another_site_cannot_open_the_socket(floor: Floor) -> None:
    for path in ("/ws/pda", "/ws/desk"):
        with pytest.raises(Closed):
            await floor.socket(path, {"origin": "https://evil.example"}).__aenter__()
    with pytest.raises(Closed):  # a desk page is always a browser: no Origin, no door
        await floor.socket("/ws/desk").__aenter__()
    async with floor.socket(headers={"origin": "http://127.0.0.1:8600"}) as wire:
        wire.send({"t": "ping"})
        assert (await wire.frame())["code"] == "hello_first"


async def test_silence_ends_the_connection(seeded: str, clock: ManualClock) -> None:
    async with (
        open_floor(seeded, clock, silence_seconds=0.01) as floor,
        floor.socket() as wire,
    ):
        assert (await wire.closed()).code == CLOSE_SILENT


async def test_a_ping_is_answered_with_the_cursor(floor: Floor, gun: Scanner) -> None:
    assert gun.wire is not None
    gun.wire.send({"t": "ping", "n": 7})
    pong = await gun.take("pong")
    assert (pong["n"], pong["seq"]) == (7, gun.cursor)


async def test_an_idle_session_is_over_after_ten_minutes(
    floor: Floor, gun: Scanner, clock: ManualClock
) -> None:
    clock.advance(9 * MINUTE)
    assert (await gun.scan("PO-1"))["ok"]
    clock.advance(10 * MINUTE)
    late = await gun.scan("PO-1")
    assert late["message"]["code"] == "signed_out"
    assert "PIN" in late["message"]["text"]


async def test_the_heartbeat_notices_that_the_person_left(
    floor: Floor, gun: Scanner, clock: ManualClock
) -> None:
    assert gun.wire is not None
    admin = floor.person("admin")
    await floor.db.write(lambda tx: people.deactivate(tx, admin, gun.person_id))
    clock.advance(HEARTBEAT_SECONDS * SECOND)
    gun.wire.send({"t": "ping"})
    assert (await gun.take("signed_out"))["message"]["code"] == "signed_out"


async def test_who_left_hears_nothing_more_even_from_a_page_that_never_pings(
    floor: Floor, gun: Scanner, clock: ManualClock
) -> None:
    await floor.db.write(lambda tx: people.deactivate(tx, people.ENGINE, gun.person_id, "离职"))
    assert gun.wire is not None
    clock.advance(30 * SECOND)
    gun.wire.send({"t": "ack", "seq": 1})
    assert (await gun.take("signed_out"))["message"]["code"] == "signed_out"


@pytest.mark.postgres  # SQLite is a file: it is not away
async def test_a_database_that_is_away_costs_no_scanner_its_enrolment(
    floor: Floor, gun: Scanner
) -> None:
    """It is told to come again; with `device_revoked` the page would throw its token away."""
    await gun.leave()
    with nobody_gets_in(floor.db.url):
        async with floor.socket() as wire:
            wire.send(hello(gun.token, session=gun.session))
            assert (await wire.frame())["code"] == "busy"
            end = await wire.closed()
    assert (end.code, end.reason) == (CLOSE_AGAIN, "busy")
    await gun.connect()


@contextmanager
def nobody_gets_in(url: str) -> Iterator[None]:
    """The server of the database takes no connection to it, and has none."""
    name = url.rpartition("/")[2]
    with psycopg.connect(f"{url.rpartition('/')[0]}/postgres", autocommit=True) as other:
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            (name,),
        )
        try:
            yield
        finally:
            other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


async def test_a_queued_scan_is_posted_only_for_who_made_it(floor: Floor) -> None:
    gun = await floor.scanner("li").connect()
    zhang = floor.person("zhang").person_id
    reply = await gun.scan("PO-1", by=zhang)
    assert reply["message"]["code"] == "other_person"
    await gun.leave()


async def test_a_doubled_frame_gets_the_same_answer(floor: Floor, gun: Scanner) -> None:
    frame = {"t": "scan", "id": "scan-0001", "code": "PO-1"}
    first = await gun.do(dict(frame))
    floor.clock.advance(SECOND)
    assert await gun.do(frame | {"at": "2026-03-02T09:00:09Z"}) == first


async def test_an_id_used_for_something_else_is_refused(gun: Scanner) -> None:
    await gun.do({"t": "scan", "id": "scan-0001", "code": "PO-1"})
    other = await gun.do({"t": "scan", "id": "scan-0001", "code": "A-01"})
    assert other["message"]["code"] == "key_reused"


async def test_a_client_that_does_not_read_is_put_out_and_loses_nothing(floor: Floor) -> None:
    gun = await floor.scanner().connect()
    assert gun.wire is not None
    gun.wire.reading.clear()
    for number in range(MOST_WAITING + 10):
        gun.wire.send({"t": "ping", "n": number})
    await gun.wire.ended()
    await gun.leave()
    await gun.connect()
    assert (await gun.scan("PO-1"))["ok"]
    await gun.leave()


async def test_a_socket_that_breaks_under_a_push_does_not_silence_the_others(floor: Floor) -> None:
    guns = [await floor.scanner().connect() for _ in range(3)]
    for gun in guns[:2]:
        assert gun.wire is not None
        gun.wire.broken = True
    task = next(iter(guns[2].inbox))
    actor = floor.person("boss")
    await floor.db.write(lambda tx: talk.comment(tx, actor, task, "在路上"))
    assert (await guns[2].take("event"))["task"]["id"] == task
    for gun in guns[:2]:
        assert gun.wire is not None
        await gun.wire.ended()
    await guns[2].leave()


def test_the_last_words_to_a_slow_client_tell_it_to_resume() -> None:
    outlet = Outlet()
    for number in range(MOST_WAITING + 1):
        outlet.put(str(number))
    assert "slow_consumer" in str(outlet.take())
    assert outlet.take() == HangUp(CLOSE_SLOW, "slow_consumer")


BAD = [
    "{",
    "[]",
    "null",
    '"hello"',
    '{"t":"dance"}',
    '{"t":"scan"}',
    '{"t":"scan","id":"x","code":"PO-1"}',
    '{"t":"scan","id":"scan-0001","code":12}',
    '{"t":"scan","id":"scan-0001","code":"PO-1","admin":true}',
    '{"t":"ack","seq":-1}',
    '{"t":"ack","seq":99999999999999999999}',
    '{"t":"act","id":"act-0001","task_id":"","action":"x"}',
    "[" * 5000,
    b"\xff\xfe",
    "\ud800",
]


@pytest.mark.parametrize("raw", BAD, ids=repr)
async def test_a_malformed_frame_is_answered_not_a_crash(gun: Scanner, raw: str | bytes) -> None:
    assert gun.wire is not None
    gun.wire.send(raw)
    refusal = await gun.take("error")
    assert refusal["code"] == "bad_frame"
    assert refusal["message"]["text"]
    assert (await gun.scan("PO-1"))["ok"]


async def test_a_frame_of_a_megabyte_ends_the_connection(gun: Scanner) -> None:
    assert gun.wire is not None
    gun.wire.send('{"t":"scan","id":"scan-0001","code":"' + "9" * 1_000_000 + '"}')
    assert (await gun.take("error"))["code"] == "bad_frame"
    assert (await gun.wire.closed()).code == CLOSE_TOO_BIG


async def test_nonsense_without_end_is_put_out(gun: Scanner) -> None:
    assert gun.wire is not None
    for _ in range(20):
        gun.wire.send("{")
    assert (await gun.wire.closed()).code == CLOSE_BAD_FRAME


async def test_no_token_ever_stands_in_an_address(floor: Floor) -> None:
    token = floor.enrol()
    async with Socket(floor.app, "/ws/pda") as wire:
        wire.send({"t": "ping"})
        assert (await wire.frame())["code"] == "hello_first", token


async def test_desk_gets_board_deltas_with_its_cookie(floor: Floor, gun: Scanner) -> None:
    buyer = floor.person("buyer").person_id
    session = floor.db.write_now(lambda tx: people.open_session(tx, buyer, "desk"))
    headers = {"origin": "http://127.0.0.1:8600", "cookie": f"jieli={session}"}
    async with floor.socket("/ws/desk", headers) as desk:
        desk.send({"t": "hello", "v": 1})
        assert (await desk.frame())["t"] == "welcome"
        start = await desk.frame()
        assert start["t"] == "resync"
        task = next(iter(gun.inbox.values()))
        await gun.do(
            {"t": "act", "task_id": task["id"], "action": "close_short"}
            | {"inputs": {"reason": "供应商断货"}, "generation": task["generation"]}
        )
        event = await desk.until("event")
        assert event["after"] == start["seq"]
        assert event["task"]["id"] == task["id"]
    async with floor.socket("/ws/desk", headers) as desk:
        desk.send({"t": "hello", "v": 1, "epoch": start["epoch"], "cursor": start["seq"]})
        again = await desk.until("event")
        assert again == event
        assert (await desk.until("resumed"))["seq"] >= event["seq"]


def at_the_desk(floor: Floor, person_id: int) -> Socket:
    """The board of somebody who signs in now."""
    session = floor.db.write_now(lambda tx: people.open_session(tx, person_id, "desk"))
    headers = {"origin": "http://127.0.0.1:8600", "cookie": f"jieli={session}"}
    return floor.socket("/ws/desk", headers)


async def close_short(gun: Scanner) -> None:
    """Something happens that the whole board hears of."""
    task = next(iter(gun.inbox.values()))
    press = {"t": "act", "task_id": task["id"], "action": "close_short"}
    press |= {"inputs": {"reason": "供应商断货"}, "generation": task["generation"]}
    assert (await gun.do(press))["ok"]


@pytest.mark.parametrize("how", ["left", "signed out", "twelve hours"])
async def test_who_is_signed_out_hears_nothing_more_at_the_desk(
    floor: Floor, clock: ManualClock, how: str
) -> None:
    buyer = floor.person("buyer").person_id
    async with at_the_desk(floor, buyer) as desk:
        desk.send({"t": "hello", "v": 1})
        await desk.until("resync")
        if how == "left":
            await floor.db.write(lambda tx: people.deactivate(tx, people.ENGINE, buyer, "离职"))
        elif how == "signed out":
            await floor.db.write(lambda tx: people.close_sessions_of(tx, buyer))
        clock.advance(13 * HOUR if how == "twelve hours" else 20 * SECOND)
        desk.send({"t": "ping", "n": 1})
        assert (await desk.frame())["code"] == "signed_out"
        with pytest.raises(Closed) as end:
            await desk.frame()
    assert (end.value.code, end.value.reason) == (CLOSE_SIGNED_OUT, "signed_out")


async def test_who_may_no_longer_read_the_board_is_hung_up_on(
    floor: Floor, clock: ManualClock
) -> None:
    buyer = floor.person("buyer").person_id
    async with at_the_desk(floor, buyer) as desk:
        desk.send({"t": "hello", "v": 1})
        await desk.until("resync")
        supplier = floor.db.read_now(lambda conn: catalog.partner_by_code(conn, "S-1"))
        changes = {"roles": ("supplier",), "partner_id": supplier.id}
        await floor.db.write(lambda tx: people.update_person(tx, people.ENGINE, buyer, changes))
        clock.advance(20 * SECOND)
        desk.send({"t": "ack", "seq": 1})
        end = await desk.closed()
    assert (end.code, end.reason) == (CLOSE_SIGNED_OUT, "forbidden")


async def test_other_warehouses_count_at_the_desk_from_the_next_heartbeat_on(
    floor: Floor, gun: Scanner, clock: ManualClock
) -> None:
    """The page is told to fetch the board anew, which now is another one."""
    boss = floor.person("boss").person_id
    async with at_the_desk(floor, boss) as desk:
        desk.send({"t": "hello", "v": 1})
        await desk.until("resync")

        def move(tx: Tx) -> None:
            other = catalog.add_warehouse(tx, people.ENGINE, "PD", "浦东仓")
            people.update_person(tx, people.ENGINE, boss, {"warehouse_ids": (other,)})

        await floor.db.write(move)
        clock.advance(20 * SECOND)
        desk.send({"t": "ping", "n": 1})
        assert [(await desk.frame())["t"] for _ in range(2)] == ["resync", "pong"]
        await close_short(gun)
        desk.send({"t": "ping", "n": 2})
        assert (await desk.frame())["t"] == "pong", "nothing of a warehouse that is not his"


async def test_desk_without_a_cookie_is_turned_away(floor: Floor) -> None:
    wire = floor.socket("/ws/desk", {"origin": "http://127.0.0.1:8600"})
    async with wire:
        assert (await wire.closed()).reason == "signed_out"
