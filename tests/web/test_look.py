"""P6: every screen, light and dark, can be read, and hit with gloves on; measured, not believed.

Contrast from computed styles (≥ 6:1), targets from boxes (≥ 56 px, the primary one ≥ 64 px).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from core.orders.sales.pick import PickRest, pick_rest
from core.orders.sales.ship import Ship, ship
from tests.web.house import UNIT, Gun, House, label
from tests.web.outbound import sold

pytestmark = pytest.mark.sqlite  # about the page

MEASURE = """() => {
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const shown = node => node.getClientRects().length > 0 && node.id !== 'scan-catcher'
    && getComputedStyle(node).visibility === 'visible' && getComputedStyle(node).opacity !== '0';
  const pale = [], small = [], wide = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || !shown(node) || ['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(node.tagName))
      continue;
    const a = light(rgb(getComputedStyle(node).color)), b = light(ground(node));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 6) pale.push([text.data.trim().slice(0, 20), ratio.toFixed(2)]);
  }
  for (const node of document.querySelectorAll('button, .btn, input, textarea, a')) {
    if (!shown(node) || node.id === 'strip') continue;
    const box = node.getBoundingClientRect(), least = node.matches('.foot .btn.main') ? 64 : 56;
    if (box.height < least - 0.5 || box.width < 56)
      small.push([node.textContent.trim().slice(0, 12), box.width, box.height]);
    if (box.right > innerWidth + 0.5 || box.left < -0.5) wide.push(node.textContent.trim());
  }
  if (document.documentElement.scrollWidth > innerWidth) wide.push('the page');
  return {pale, small, wide};
}"""


@pytest.fixture(params=["light", "dark"])
def seen(request: pytest.FixtureRequest, house: House, browser: Browser) -> Iterator[Gun]:
    """A scanner whose system is light or dark, not yet bound."""
    gun = Gun.take(house, browser, color_scheme=request.param)
    yield gun
    gun.leave()


def measure(gun: Gun, screen: str) -> None:
    found: dict[str, Any] = gun.page.evaluate(MEASURE)
    assert found == {"pale": [], "small": [], "wide": []}, screen


def test_the_screens_of_goods_out_can_be_read_and_hit(seen: Gun, house: House) -> None:
    """Walking, packing, one tap, coming back; with the longest name the demo has."""
    walk, boss = sold(house, "XS-8", ("JL-201", 2), ("JL-001", 12)), house.boss()
    gun = seen.begin()
    gun.scan(walk.code)
    gun.page.locator("[data-test=bin]").wait_for()
    measure(gun, "walk")
    gun.tap("货不够")
    measure(gun, "short")
    house.db.write_now(lambda tx: pick_rest(tx, boss, PickRest("all-picked", walk.id)))
    gun.page.evaluate(f"location.hash = '#/pack/sale:{walk.lines[0].sale_id}'")
    gun.page.locator("h1", has_text="XS-8").wait_for()
    gun.scan(UNIT["JL-201"])
    gun.scan(UNIT["JL-201"])
    measure(gun, "pack")
    gun.page.get_by_role("button", name="关箱").click()
    gun.page.locator("[data-test=box]").wait_for()
    measure(gun, "boxes")
    gun.settled()  # the page shows its own box before the server has it
    sale_id = walk.lines[0].sale_id
    house.db.write_now(lambda tx: ship(tx, boss, Ship("all-gone", sale_id)))
    gun.page.evaluate(f"location.hash = '#/back/sale:{sale_id}'")
    gun.page.locator("h1", has_text="客户退货").wait_for()
    gun.scan(UNIT["JL-201"])
    gun.tap("完好")
    measure(gun, "came back")
    gun.page.evaluate("location.hash = '#/back/place:ZJ-D-02-1'")
    gun.page.locator("h1", has_text="ZJ-D-02-1").wait_for()
    gun.scan(UNIT["JL-203"])
    gun.tap("退供应商")
    measure(gun, "goes away")
    gun.page.evaluate("location.hash = '#/urgent?item=JL-102'")
    gun.page.locator("[data-test=preview]").wait_for()
    gun.page.locator("[data-field=unit] button").click()
    measure(gun, "one tap")
    gun.page.locator("[data-field=reason] button").click()
    measure(gun, "one tap, writing")
    gun.tap("发起")
    gun.page.locator("h1", has_text="已发起").wait_for()
    measure(gun, "launched")


def test_every_screen_can_be_read_and_hit(seen: Gun, house: House) -> None:
    gun = seen
    gun.sees("登记这台扫码枪")
    measure(gun, "bind")
    gun.scan(house.code())
    gun.sees("扫工牌")
    measure(gun, "sign in")
    gun.scan("B1001")
    for digit in "2580":
        gun.page.get_by_role("button", name=digit, exact=True).click()
    gun.tap("开始作业")
    gun.sees("扫任意码开始")
    measure(gun, "home")
    card = gun.page.locator(".task", has_text="CG-0301")
    card.get_by_role("button", name="剩下的不来了，结案").click()
    measure(gun, "card with inputs")
    card.get_by_role("button", name="开始收货").click()
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    measure(gun, "lines of an order")
    gun.scan(label("JL-001"))
    gun.page.locator("[data-test=quantity]").wait_for()
    measure(gun, "one line")
    gun.tap("✕ 不合格")
    measure(gun, "rejected")
    gun.tap("不合格数量")
    measure(gun, "number pad")
    gun.tap("不改了")
    gun.tap("更多")
    measure(gun, "more")
    gun.tap("任务")
    gun.sees("扫任意码开始")
    gun.scan(UNIT["JL-101"])
    gun.sees("可用 480")
    measure(gun, "what is it")
    for path, words in (("/transfer", "移库"), ("/photo", "拍异常"), ("/queue", "待传与被拒")):
        gun.page.evaluate("path => { location.hash = '#' + path; }", path)
        gun.sees(words)
        measure(gun, path)
    gun.page.evaluate("location.hash = '#/settings'")
    gun.sees("设置与自检")
    measure(gun, "settings")
    gun.tap("特大")
    gun.tap("English")
    gun.sees("Settings and self-test")
    measure(gun, "settings, huge, English")
    gun.tap("Back")
    measure(gun, "huge letters")
