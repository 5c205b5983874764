"""Picking against the real server: a whole wave by scans, hard stops, a short pick, two workers,
and a wave that is walked without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from api.demo.selling import open_sales
from core import catalog
from core.db import Tx
from core.orders.sales.book import PickLine, Wave, wave
from core.orders.sales.faces import keep_full
from core.orders.sales.pick import Pick, pick
from core.people import ENGINE
from tests.web.house import BOX, UNIT, Gun, House
from tests.web.outbound import books_are_right, order, sold, told, total

pytestmark = pytest.mark.sqlite  # about the page; the flows behind it run on both databases


@pytest.fixture
def walk(house: House) -> Wave:
    """Two lids, and twelve bags of base (one box) of the lot that expires first."""
    return sold(house, "XS-1", ("JL-201", 2), ("JL-001", 12))


@pytest.fixture
def picker(walk: Wave, gun: Gun, house: House) -> Iterator[Gun]:
    yield gun
    books_are_right(house)


def stop_of(house: House, walk: Wave, item: str) -> PickLine:
    lines = house.db.read_now(lambda conn: wave(conn, walk.id)).lines
    return next(each for each in lines if each.item_code == item and each.state == "open")


def goods(stop: PickLine) -> str:
    """The label on what a stop wants."""
    if not stop.lot:
        return UNIT[stop.item_code]
    return f"01{BOX[stop.item_code]}17{stop.expires_on[2:].replace('-', '')}10{stop.lot}"


def open_walk(gun: Gun) -> None:
    card = gun.page.locator(".task", has_text="拣货")
    card.get_by_role("button", name="开始拣货").click()
    gun.page.locator("[data-test=bin]").wait_for()


def at(gun: Gun, place: str) -> None:
    expect(gun.page.locator("[data-test=bin]")).to_have_text(place)


def take(gun: Gun, stop: PickLine, times: int, how: str = "burst") -> None:
    """Walk to a bin and scan its goods."""
    at(gun, stop.bin)
    gun.scan(stop.bin, how)
    gun.page.locator(".card .tag.ok", has_text="✓").wait_for()
    for _ in range(times):
        gun.scan(goods(stop), how)


def test_a_whole_wave_is_picked_by_wedge_scans(picker: Gun, walk: Wave, house: House) -> None:
    gun = picker
    first, second = walk.lines
    times = {"JL-201": 2, "JL-001": 1}
    gun.scan(walk.code)
    gun.page.locator("[data-test=bin]").wait_for()
    before = gun.switches()
    take(gun, first, times[first.item_code])
    take(gun, second, times[second.item_code])
    gun.sees("这一波拣完了")
    gun.settled()
    assert total(house, "JL-001", "ZJ-OUT") == 12
    assert total(house, "JL-201", "ZJ-OUT") == 2
    assert order(house, "XS-1").state == "picked"
    assert gun.switches() == before, "one screen"


def test_an_order_that_is_being_picked_opens_its_wave(picker: Gun, walk: Wave) -> None:
    picker.scan("XS-1")
    picker.page.locator("[data-test=bin]").wait_for()
    picker.sees(walk.code)


def test_a_wrong_bin_wrong_goods_and_a_wrong_lot_block_in_red(
    picker: Gun, walk: Wave, house: House
) -> None:
    gun = picker
    open_walk(gun)
    first, second = walk.lines
    base = stop_of(house, walk, "JL-001")
    stop = gun.page.locator("#stop")
    gun.scan(second.bin)
    expect(stop).to_contain_text(f"要去 {first.bin}")
    gun.scan(first.bin)  # nothing counts while the stop is up
    gun.tap("知道了")
    expect(gun.page.locator(".tag.ok", has_text="✓")).to_have_count(0)
    lids = stop_of(house, walk, "JL-201")
    if first.item_code == "JL-201":
        take(gun, lids, 2)
    at(gun, base.bin)
    gun.scan(base.bin)
    gun.page.locator(".card .tag.ok", has_text="✓").wait_for()
    gun.scan(UNIT["JL-203"])
    expect(stop).to_contain_text("货错")
    gun.tap("知道了")
    gun.scan(f"01{BOX['JL-001']}1727123110L-OTHER")
    expect(stop).to_contain_text("批次 L-OTHER 不对")
    gun.tap("知道了")
    gun.settled()
    assert total(house, "JL-001", "ZJ-OUT") == 0


def test_a_short_pick_gives_its_reason_and_walks_on_to_another_bin(
    picker: Gun, walk: Wave, house: House, tmp_path: Path
) -> None:
    gun = picker
    open_walk(gun)
    lids = stop_of(house, walk, "JL-201")
    if walk.lines[0].item_code != "JL-201":
        take(gun, walk.lines[0], 1)
    at(gun, lids.bin)
    gun.scan(lids.bin)
    gun.page.locator(".card .tag.ok", has_text="✓").wait_for()
    gun.scan(UNIT["JL-201"])
    gun.tap("货不够")
    gun.tap("够不着")
    torn = tmp_path / "blocked.jpg"
    Image.new("RGB", (640, 480), "#4a4a46").save(torn)
    gun.page.locator("input[type=file]").set_input_files(torn)
    expect(gun.page.locator(".thumb img")).to_be_visible()
    gun.page.get_by_role("button", name="记短拣 1 只").click()
    expect(gun.page.locator("[data-test=stop].short")).to_have_count(1)
    expect(gun.page.locator("[data-test=stop]")).to_have_count(3)  # come back for the rest
    gun.settled()
    assert total(house, "JL-201", "ZJ-OUT") == 1
    expect(gun.page.locator("#strip")).not_to_contain_text("照片")
    assert len(told(house, "task.attached")) == 1
    again = stop_of(house, walk, "JL-201")
    if walk.lines[0].item_code == "JL-201":
        take(gun, stop_of(house, walk, "JL-001"), 1)
    take(gun, again, 1)
    gun.sees("这一波拣完了")
    gun.settled()
    assert total(house, "JL-201", "ZJ-OUT") == 2


def test_what_a_colleague_took_on_the_same_walk_turns_grey(
    picker: Gun, walk: Wave, house: House, browser: Browser
) -> None:
    gun = picker
    open_walk(gun)
    other = Gun.take(house, browser).begin("B1002")
    open_walk(other)
    first, second = walk.lines
    take(other, first, {"JL-201": 2, "JL-001": 1}[first.item_code])
    at(other, second.bin)
    other.settled()
    at(gun, first.bin)
    gun.scan(first.bin)
    gun.sees(f"{first.bin} 这一行别人已经处理")
    at(gun, second.bin)
    expect(gun.page.locator("[data-test=stop].picked")).to_contain_text(first.bin)
    other.leave()


def test_a_wave_walked_without_a_network_after_a_reload_is_booked_once(
    picker: Gun, walk: Wave, house: House
) -> None:
    gun = picker
    gun.in_charge()
    open_walk(gun)
    gun.offline()
    gun.page.reload()
    first, second = walk.lines
    times = {"JL-201": 2, "JL-001": 1}
    take(gun, first, times[first.item_code])
    at(gun, second.bin)
    gun.page.reload()
    take(gun, second, times[second.item_code])
    gun.sees("这一波拣完了")
    assert order(house, "XS-1").state == "picking"
    gun.offline(False)
    gun.settled()
    assert order(house, "XS-1").state == "picked"
    assert total(house, "JL-001", "ZJ-OUT") == 12
    assert total(house, "JL-201", "ZJ-OUT") == 2


def test_a_stop_that_was_taken_meanwhile_goes_to_the_supervisor_and_is_shown(
    picker: Gun, walk: Wave, house: House
) -> None:
    gun = picker
    open_walk(gun)
    first = walk.lines[0]
    gun.offline()
    take(gun, first, {"JL-201": 2, "JL-001": 1}[first.item_code])
    boss = house.boss()
    house.db.write_now(lambda tx: pick(tx, boss, Pick("boss-pick-1", first.id, first.quantity)))
    gun.offline(False)
    expect(gun.page.locator("#strip")).to_contain_text("1 条转主管")
    expect(gun.page.locator("[data-test=stop].picked")).to_contain_text(first.bin)
    assert total(house, first.item_code, "ZJ-OUT") == first.quantity // 1_000_000


def test_a_pick_face_that_runs_low_is_filled_from_its_card(gun: Gun, house: House) -> None:
    """One tap is enough: the card names both bins, and the books move what is really there."""

    def low(tx: Tx) -> None:
        open_sales(tx)
        shelf = catalog.location_by_code(tx.conn, "ZJ-D-01-1").id
        keep_full(tx, ENGINE, shelf, catalog.item_by_code(tx.conn, "JL-201").id)

    house.db.write_now(low)
    card = gun.page.locator(".task", has_text="补拣货位")
    card.get_by_role("button", name="已补到 ZJ-D-01-1").click()
    expect(card).to_have_count(0)
    gun.settled()
    assert total(house, "JL-201", "ZJ-D-01-1") == 2_000
    books_are_right(house)
