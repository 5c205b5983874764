"""Packing and handing over on one screen, real server: scans, boxes, labels, no network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from api.demo.selling import open_sales
from core.orders.sales.book import Sale, sale, sale_by_code_or_none
from core.orders.sales.boxes import Package, packages_of
from core.orders.sales.pick import PickRest, pick_rest
from core.stock import prove
from tests.web.house import BOX, UNIT, Gun, House

pytestmark = pytest.mark.sqlite  # about the page; the flows behind it run on both databases

LIDS, STRAWS, SYRUP = UNIT["JL-201"], UNIT["JL-203"], UNIT["JL-002"]


def order(house: House, code: str = "XS-0301") -> Sale:
    found = house.db.read_now(lambda conn: sale_by_code_or_none(conn, code))
    assert found is not None
    return found


def boxes(house: House, code: str = "XS-0301") -> list[Package]:
    made = order(house, code)
    return house.db.read_now(lambda conn: packages_of(conn, made.id))


@pytest.fixture
def packer(house: House, browser: Browser) -> Iterator[Gun]:
    """赵刚 with a scanner; the first wave is picked and waits to be packed."""
    house.db.write_now(open_sales)
    wave_id = order(house).wave_id
    assert wave_id
    boss = house.boss()
    house.db.write_now(lambda tx: pick_rest(tx, boss, PickRest("pick-rest-1", wave_id)))
    gun = Gun.take(house, browser).begin()
    yield gun
    gun.leave()
    assert house.db.read_now(prove).problems == ()


def fill(gun: Gun, item: str, pieces: str) -> None:
    """Count a row by hand: five hundred lids are not scanned one by one."""
    row = gun.page.locator("[data-test=row]", has_text=item)
    row.get_by_role("button", name="改数量").click()
    gun.type(pieces)


def test_an_order_is_packed_in_two_boxes_and_handed_over_by_their_labels(
    packer: Gun, house: House
) -> None:
    gun = packer
    gun.scan("XS-0301")
    gun.page.locator("h1", has_text="XS-0301").wait_for()
    before = gun.switches()
    gun.scan(LIDS)
    gun.sees("箱里 1，还差 499 只")
    fill(gun, "杯盖", "500")
    gun.page.get_by_role("button", name="关箱").click()
    gun.settled()
    expect(gun.page.locator("[data-test=box]")).to_contain_text("待交接")
    fill(gun, "吸管", "200")
    gun.tap("更多")
    gun.tap("称重")
    gun.type("3.5")
    gun.page.get_by_role("button", name="关箱").click()
    gun.sees("都装好了，等交接")
    expect(gun.page.locator("[data-test=box]", has_text="待交接")).to_have_count(2)
    gun.settled()
    found = boxes(house)
    assert [each.code for each in found] == ["XS-0301-1", "XS-0301-2"]
    assert found[1].weight_micro == 3_500_000
    gun.scan(found[0].code)
    gun.sees("还有 1 箱没扫")
    gun.scan(found[1].code)
    gun.page.get_by_role("button", name="交给承运商 · 2 箱").click()
    expect(gun.page.locator("[data-test=box]", has_text="已交接")).to_have_count(2)
    gun.settled()
    assert order(house).state == "shipped"
    assert gun.switches() == before, "one screen"


def test_what_does_not_belong_into_the_box_stops_hard(packer: Gun, house: House) -> None:
    gun = packer
    gun.scan("XS-0301")
    gun.page.locator("h1", has_text="XS-0301").wait_for()
    gun.scan(SYRUP)
    expect(gun.page.locator("#stop")).to_contain_text("黑糖浆 2.5kg 不是 XS-0301 的货")
    gun.scan(LIDS)  # nothing counts while the stop is up
    gun.tap("知道了")
    expect(gun.page.locator("[data-test=row]").first).to_contain_text("0 / ")
    gun.scan(BOX["JL-201"])
    expect(gun.page.locator("#stop")).to_contain_text("只剩 500 只 要装")
    gun.tap("知道了")


def test_packed_and_handed_over_without_a_network_the_books_are_right_afterwards(
    packer: Gun, house: House
) -> None:
    gun = packer
    gun.in_charge()
    card = gun.page.locator(".task", has_text="XS-0301")
    card.get_by_role("button", name="开始打包").click()
    gun.page.locator("h1", has_text="XS-0301").wait_for()
    gun.offline()
    fill(gun, "杯盖", "500")
    gun.page.get_by_role("button", name="关箱").click()
    gun.sees("待入账")
    gun.page.reload()
    gun.page.locator("h1", has_text="XS-0301").wait_for()
    fill(gun, "吸管", "200")
    gun.page.get_by_role("button", name="关箱").click()
    gun.page.get_by_role("button", name="交给承运商 · 2 箱").click()
    gun.sees("已交给承运商")
    assert boxes(house) == []
    gun.offline(False)
    expect(gun.page.locator("[data-test=box]", has_text="待入账")).to_have_count(0)
    gun.settled()
    assert [each.state for each in boxes(house)] == ["shipped", "shipped"]
    made = order(house)
    assert house.db.read_now(lambda conn: sale(conn, made.id)).state == "shipped"


def test_the_label_of_a_closed_box_opens_as_pdf_and_is_what_the_scanner_reads(
    packer: Gun, house: House
) -> None:
    gun = packer
    gun.scan("XS-0301")
    gun.page.locator("h1", has_text="XS-0301").wait_for()
    fill(gun, "杯盖", "500")
    gun.page.get_by_role("button", name="关箱").click()
    gun.settled()
    with (
        gun.context.expect_page() as opened,
        gun.page.expect_response("**/api/labels") as answered,
    ):
        gun.page.locator("[data-test=box]").get_by_role("button", name="打印标签").click()
    assert answered.value.headers["content-type"] == "application/pdf"
    opened.value.wait_for_url("blob:**")
    gun.sees("标签已打开")
    opened.value.close()
    gun.tap("更多")
    gun.tap("任务")
    gun.sees("扫任意码开始")
    gun.scan("XS-0301-1")
    gun.page.locator("h1", has_text="XS-0301").wait_for()
    expect(gun.page.locator("[data-test=box]")).to_contain_text("已核对")
