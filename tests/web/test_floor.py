"""The other screens against the real server: putaway, transfer, blind count, cards, settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from core.orders.count import OpenCount, open_count
from core.stock import on_hand
from core.tasks.queries import attachments_of
from tests.web.house import UNIT, Gun, House, label

pytestmark = pytest.mark.sqlite  # about the page; the flows behind it run on both databases


def total(house: House, item: str, place: str) -> int:
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    here = (row for row in rows if (row.item_code, row.location_code) == (item, place))
    return sum(row.on_hand for row in here) // 1_000_000


def test_goods_left_on_the_dock_are_put_away_by_two_scans(gun: Gun, house: House) -> None:
    card = gun.page.locator(".task", has_text="CG-0303")
    card.get_by_role("button", name="开始收货").click()
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    gun.scan(UNIT["JL-201"])
    gun.tap("更多")
    gun.tap("先收，晚点上架")
    gun.tap("先收，晚点上架")
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    gun.settled()
    gun.tap("更多")
    gun.tap("任务")
    gun.page.locator(".task", has_text="上架").get_by_role("button", name="去上架").click()
    gun.page.locator("h1", has_text="杯盖").wait_for()
    gun.scan(UNIT["JL-201"])
    gun.says("ok", "货对")
    gun.scan("ZJ-D-03-3")
    gun.says("ask", "建议的是")
    gun.scan("ZJ-D-03-3")
    gun.sees("扫任意码开始")
    gun.settled()
    assert total(house, "JL-201", "ZJ-D-03-3") == 1


def test_a_problem_is_photographed_and_hangs_on_its_task(
    gun: Gun, house: House, tmp_path: Path
) -> None:
    picture = tmp_path / "dent.jpg"
    Image.new("RGB", (1200, 900), "#4a4a46").save(picture)
    card = gun.page.locator(".task", has_text="CG-0301")
    task = (card.get_attribute("id") or "").removeprefix("task-")
    gun.tap("更多")
    gun.tap("拍异常")
    gun.page.locator("input[type=file]").set_input_files(picture)
    expect(gun.page.locator(".thumb img")).to_be_visible()
    gun.page.get_by_label("怎么了？（一句话）").fill("托盘压坏")
    gun.page.get_by_role("button", name="收货 · 低糖基料").click()
    gun.tap("记录")
    gun.says("ok", "照片 1 张")
    expect(gun.page.locator("#strip")).not_to_contain_text("照片")
    found = house.db.read_now(lambda conn: attachments_of(conn, task))
    assert [each.note for each in found] == ["托盘压坏"]


def test_a_pallet_moves_from_place_to_place(gun: Gun, house: House) -> None:
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    source = next(row for row in rows if row.item_code == "JL-201")
    gun.tap("移库")
    gun.page.locator("h1", has_text="扫拿货的库位").wait_for()
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
    gun.page.locator("h1", has_text="扫拿货的库位").wait_for()
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
    gun.page.locator("[data-test=scan-test]").wait_for()
    gun.scan(label("JL-001"))
    gun.sees("配置正确")
    gun.tap("English")
    gun.tap("dark")
    gun.page.reload()
    gun.sees("Settings and self-test")
    assert gun.page.evaluate("document.documentElement.dataset.theme") == "dark"
