"""Labels from the look screen: of an item, a lot, a bin. What is asked for, and the PDF."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from core.stock import on_hand
from tests.web.house import BOX, UNIT, Gun, House
from tests.web.outbound import home

pytestmark = pytest.mark.sqlite  # about the page; the printing has its own tests


def printed(gun: Gun) -> dict[str, object]:
    """Tap 打印标签; what the page asked the server for, once the PDF is open."""
    with (
        gun.context.expect_page() as opened,
        gun.page.expect_response("**/api/labels") as answered,
    ):
        gun.tap("打印标签")
    answer = answered.value
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
    opened.value.wait_for_url("blob:**")
    opened.value.close()
    gun.sees("标签已打开")
    asked: dict[str, object] = json.loads(answer.request.post_data or "{}")
    return asked


def test_a_label_of_what_is_on_the_screen_opens_with_one_tap(gun: Gun, house: House) -> None:
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    base = next(row for row in rows if row.item_code == "JL-001" and row.lot_code)
    gun.scan(UNIT["JL-001"])
    gun.page.locator("h1", has_text="低糖基料").wait_for()
    assert printed(gun) == {"kind": "item", "ids": [base.item_id], "format": "pdf"}
    gun.scan(f"01{BOX['JL-001']}10{base.lot_code}")
    gun.page.locator("h1", has_text="低糖基料").wait_for()
    wanted = {"kind": "lot", "codes": [base.lot_code], "item_id": base.item_id, "format": "pdf"}
    assert printed(gun) == wanted
    gun.scan(base.location_code)
    gun.page.locator("h1", has_text=base.location_code).wait_for()
    assert printed(gun) == {"kind": "bin", "codes": [base.location_code], "format": "pdf"}
    home(gun)


def test_without_a_network_it_says_who_draws_labels(gun: Gun) -> None:
    gun.scan(UNIT["JL-001"])
    gun.page.locator("h1", has_text="低糖基料").wait_for()
    gun.offline()
    gun.tap("打印标签")
    assert "标签要服务器来画" in gun.band("error")
    expect(gun.page.locator("#strip")).not_to_contain_text("待传")
