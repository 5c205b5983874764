"""P1: receive + inspect + put away on one screen, at 360×640, by every way a scan can come in."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.house import Gun, House, label

pytestmark = pytest.mark.sqlite  # about the page; the flows behind it run on both databases


def start(gun: Gun) -> None:
    """Open the order's screen from its task."""
    card = gun.page.locator(".task", has_text="CG-0301")
    card.get_by_role("button", name="开始收货").click()
    gun.sees("扫货品标签")


def quantity(gun: Gun, words: str) -> None:
    expect(gun.page.locator("[data-test=quantity]")).to_have_text(words)


def test_goods_that_pass_take_two_scans_and_one_tap(gun: Gun, house: House) -> None:
    start(gun)
    before = gun.switches()
    gun.scan(label("JL-001"))
    quantity(gun, "12 袋")
    gun.tap("✓ 合格")
    place = gun.page.locator(".target .huge").inner_text()
    gun.scan(place)
    assert "已记录" in gun.band("ok")
    gun.settled()
    assert house.stock("JL-001") == {(place, "ok"): 12}
    assert gun.switches() == before, "one screen: no page was switched"
    gun.sees("扫货品标签")
