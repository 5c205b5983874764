"""Goods that come back and go away, on one screen against the real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from core.orders.sales.pack import PackRest, pack_rest
from core.orders.sales.pick import PickRest, pick_rest
from core.orders.sales.ship import Ship, ship
from core.stock import on_hand
from tests.web.house import UNIT, Gun, House
from tests.web.outbound import books_are_right, order, sold, told, total

pytestmark = pytest.mark.sqlite  # about the page; the flow behind it runs on both databases


@pytest.fixture
def clerk(house: House, browser: Browser) -> Iterator[Gun]:
    """XS-5 (two lids and twelve bags of base) left for the customer."""
    walk, boss = sold(house, "XS-5", ("JL-201", 2), ("JL-001", 12)), house.boss()
    sale_id = walk.lines[0].sale_id
    house.db.write_now(lambda tx: pick_rest(tx, boss, PickRest("all-picked", walk.id)))
    house.db.write_now(lambda tx: pack_rest(tx, boss, PackRest("all-packed", sale_id)))
    house.db.write_now(lambda tx: ship(tx, boss, Ship("all-gone", sale_id)))
    gun = Gun.take(house, browser).begin()
    yield gun
    gun.leave()
    books_are_right(house)


def picture(folder: Path) -> Path:
    found = folder / "torn.jpg"
    Image.new("RGB", (800, 600), "#8a1c00").save(found)
    return found


def status(house: House, item: str, place: str) -> dict[str, int]:
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    here = [row for row in rows if (row.item_code, row.location_code) == (item, place)]
    return {row.status: row.on_hand // 1_000_000 for row in here}


def test_a_shipped_order_opens_its_return_and_what_nobody_judged_becomes_a_task(
    clerk: Gun, house: House, tmp_path: Path
) -> None:
    gun = clerk
    gun.scan("XS-5")
    gun.page.locator("h1", has_text="客户退货 · XS-5").wait_for()
    gun.scan(UNIT["JL-201"])
    gun.scan(UNIT["JL-201"])
    gun.scan(UNIT["JL-201"])
    expect(gun.page.locator("#stop")).to_contain_text("在 XS-5 最多 2 只")
    gun.tap("知道了")
    gun.tap("待检查")
    gun.tap("破损")
    gun.page.locator("input[type=file]").set_input_files(picture(tmp_path))
    expect(gun.page.locator(".thumb img")).to_be_visible()
    gun.tap("收回 2 只")
    gun.page.locator("p.big", has_text="扫货品标签").wait_for()
    gun.settled()
    assert status(house, "JL-201", "ZJ-DOCK") == {"inspect": 2}
    gun.photos_up()
    assert len(house.photos()) == 1
    gun.tap("更多")
    gun.tap("任务")
    gun.page.locator(".task", has_text="退货检查").wait_for()
    assert sum(line.returned for line in order(house, "XS-5").lines) == 2_000_000


def test_good_goods_come_back_without_a_network_once_and_with_their_photo(
    clerk: Gun, house: House, tmp_path: Path
) -> None:
    gun = clerk
    gun.scan("XS-5-1")  # the box that left
    gun.page.locator("h1", has_text="客户退货 · XS-5").wait_for()
    gun.offline()
    gun.scan(UNIT["JL-201"])
    gun.tap("完好")
    gun.tap("不要了")
    gun.page.locator("input[type=file]").set_input_files(picture(tmp_path))
    expect(gun.page.locator(".thumb img")).to_be_visible()
    gun.tap("收回 1 只")
    gun.page.locator("p.big", has_text="扫货品标签").wait_for()
    gun.scan(UNIT["JL-201"])
    gun.sees("1 / 1")
    gun.offline(False)
    gun.settled()
    expect(gun.page.locator("#strip")).not_to_contain_text("待传")
    gun.photos_up()
    assert total(house, "JL-201", "ZJ-DOCK") == 1
    [came_back] = told(house, "sale.returned")
    assert len(came_back["photos"]) == 1


def test_goods_that_lie_in_a_bin_are_scrapped_and_sent_back_with_a_reason(
    clerk: Gun, house: House
) -> None:
    gun = clerk
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    source = next(
        row for row in rows if row.item_code == "JL-203" and row.location_code.startswith("ZJ-D")
    )
    before = total(house, "JL-203", source.location_code)
    gun.tap("更多")
    gun.tap("退货与报废")
    gun.sees("客户退货：扫销售单号或箱标")
    gun.scan(source.location_code)
    gun.page.locator("h1", has_text=source.location_code).wait_for()
    gun.scan(UNIT["JL-203"])
    gun.tap("报废")
    gun.tap("受潮")
    gun.tap("报废 1 根")
    gun.page.locator("p.big", has_text="扫货品标签").wait_for()
    gun.scan(UNIT["JL-203"])
    gun.tap("改数量")
    gun.type("30")
    gun.tap("退供应商")
    gun.tap("浙江越竹环保包装厂")
    gun.tap("质量问题")
    gun.tap("退供应商 30 根")
    gun.page.locator("p.big", has_text="扫货品标签").wait_for()
    gun.settled()
    gun.sees("退回 浙江越竹环保包装厂")
    assert total(house, "JL-203", source.location_code) == before - 31
