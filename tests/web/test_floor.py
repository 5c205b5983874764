"""The other screens against the real server: putaway, transfer, blind count, cards, settings."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from core.orders.count import OpenCount, open_count
from core.stock import on_hand
from tests.web.house import UNIT, Gun, House, label

pytestmark = pytest.mark.sqlite  # about the page; the flows behind it run on both databases


def total(house: House, item: str, place: str) -> int:
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    here = (row for row in rows if (row.item_code, row.location_code) == (item, place))
    return sum(row.on_hand for row in here) // 1_000_000


def receive_to_the_dock(gun: Gun) -> None:
    """Goods that nobody shelved yet: received with a verdict, no bin."""
    card = gun.page.locator(".task", has_text="CG-0303")
    card.get_by_role("button", name="开始收货").click()
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    gun.scan(UNIT["JL-201"])
    gun.page.locator("h1", has_text="杯盖").wait_for()


def test_a_pallet_moves_from_place_to_place(gun: Gun, house: House) -> None:
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    source = next(row for row in rows if row.item_code == "JL-201")
    gun.tap("移库")
    gun.scan(source.location_code)
    gun.page.locator("h1", has_text="扫货品").wait_for()
    for _ in range(3):
        gun.scan(UNIT["JL-201"])
    expect(gun.page.locator(".card .huge").nth(1)).to_have_text("3 只")
    gun.scan("ZJ-B-04-3")
    gun.page.locator("h1", has_text="扫货品").wait_for()
    gun.settled()
    assert total(house, "JL-201", "ZJ-B-04-3") == 3


def test_more_than_is_there_stops_the_scan_hard(gun: Gun, house: House) -> None:
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    source = next(row for row in rows if row.item_code == "JL-201")
    gun.tap("移库")
    gun.scan(source.location_code)
    gun.page.locator("h1", has_text="扫货品").wait_for()
    gun.scan(UNIT["JL-201"])
    gun.tap("改数量")
    gun.type("20000")
    gun.scan(UNIT["JL-201"])
    gun.page.locator("#stop").wait_for()
    gun.scan(UNIT["JL-201"])
    gun.tap("知道了")
    expect(gun.page.locator("#stop")).to_have_count(0)
    expect(gun.page.locator(".card .huge").nth(1)).to_have_text("20,000 只")


def test_a_blind_count_keeps_strange_codes_and_asks_before_it_says_zero(
    gun: Gun, house: House
) -> None:
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    here = next(row for row in rows if row.item_code == "JL-201")
    assert here.warehouse_id is not None
    boss = house.boss()
    ask = OpenCount("count-open-1", "PD-1", here.warehouse_id, (here.location_id,))
    house.db.write_now(lambda tx: open_count(tx, boss, ask))
    card = gun.page.locator(".task", has_text="盘点").first
    card.get_by_role("button", name="开始盘点").click()
    gun.page.locator("h1", has_text="扫一个库位").wait_for()
    assert "20000" not in gun.page.locator("main").inner_text(), "blind"
    gun.scan(here.location_code)
    gun.tap("盘完这格")
    gun.sees("确实没有，记 0")
    gun.scan("4000000000006")
    gun.sees("不认识的码 1 个")
    gun.scan(UNIT["JL-201"])
    gun.tap("改数量")
    gun.type("20000")
    gun.tap("盘完这格")
    gun.page.locator("h1", has_text="扫一个库位").wait_for()
    gun.tap("提交盘点")
    gun.settled()
    assert total(house, "JL-201", here.location_code) == 20000


def test_a_card_is_answered_with_what_it_asks_for(gun: Gun) -> None:
    card = gun.page.locator(".task", has_text="CG-0303")
    card.get_by_role("button", name="剩下的不来了，结案").click()
    confirm = card.get_by_role("button", name="确认：剩下的不来了，结案")
    if confirm.is_disabled():
        card.locator("input, .two button").first.click()
        gun.page.keyboard.type("供应商停产", delay=60)
    confirm.click()
    gun.settled()
    expect(gun.page.locator(".task", has_text="CG-0303")).to_have_count(0)


def test_settings_hold_after_a_reload_and_the_test_names_the_channel(gun: Gun) -> None:
    gun.tap("更多")
    gun.tap("设置与自检")
    gun.scan(label("JL-001"))
    gun.sees("配置正确")
    gun.tap("English")
    gun.tap("dark")
    gun.page.reload()
    gun.sees("Settings and self-test")
    assert gun.page.evaluate("document.documentElement.dataset.theme") == "dark"
