"""The page as a program: plain http, old WebViews, updates, speed, many scans, who may enter."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from api.web import PDA
from tests.web.house import UNIT, Gun, House, serving

pytestmark = pytest.mark.sqlite  # about the page

OLD = "Mozilla/5.0 (Linux; Android 8.1.0; TC51) AppleWebKit/537.36 Chrome/61.0.3163.98 Mobile"


def test_an_old_webview_is_told_what_to_do_instead_of_a_blank_page(
    house: House, browser: Browser
) -> None:
    gun = Gun.take(house, browser, user_agent=OLD)
    gun.sees("请升级系统 WebView（≥66），当前 61")
    gun.context.close()


def test_fifty_scans_five_a_second_are_fifty(gun: Gun) -> None:
    card = gun.page.locator(".task", has_text="CG-0303")
    card.get_by_role("button", name="开始收货").click()
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    gun.page.evaluate(FIFTY, UNIT["JL-201"])
    expect(gun.page.locator("[data-test=quantity]")).to_have_text("50 只", timeout=20_000)
    spent: list[float] = gun.page.evaluate("window.__spent")
    assert len(spent) == 50, "how long each took is bench/page.py's"


def test_a_wrong_pin_says_so_and_the_right_one_lets_in(house: House, browser: Browser) -> None:
    gun = Gun.take(house, browser)
    gun.sees("登记这台扫码枪")
    gun.scan(house.code())
    gun.sees("扫工牌")
    gun.scan("B1001")
    for digit in "1111":
        gun.page.get_by_role("button", name=digit, exact=True).click()
    gun.tap("开始作业")
    gun.says("error", "工牌或 PIN 不对")
    for digit in "2580":
        gun.page.get_by_role("button", name=digit, exact=True).click()
    gun.tap("开始作业")
    gun.sees("扫任意码开始")
    gun.leave()


def test_a_scanner_is_bound_by_its_link_and_the_code_does_not_stay(
    house: House, browser: Browser
) -> None:
    gun = Gun.take(house, browser)
    gun.sees("登记这台扫码枪")
    gun.page.goto("about:blank")
    gun.page.goto(f"{house.url}/pda#enrol={house.code('7号枪')}")
    gun.sees("扫工牌")
    assert "enrol" not in gun.page.url
    gun.leave()


def test_the_page_opens_fast_and_again_faster(gun: Gun, house: House) -> None:
    gun.in_charge()
    gun.page.reload()
    gun.sees("扫任意码开始")
    facts: dict[str, float] = gun.page.evaluate(TRAVELLED)
    assert facts["bytes"] == 0, "the shell comes from the device"


def test_a_code_of_a_chat_card_opens_its_task(gun: Gun) -> None:
    card = gun.page.locator(".task", has_text="CG-0301")
    task = (card.get_attribute("id") or "").removeprefix("task-")
    gun.scan(f"JLT:{task}")
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    gun.sees("CG-0301")


def test_plain_http_on_a_lan_works_and_says_what_it_cannot(house: House, browser: Browser) -> None:
    port = house.url.rpartition(":")[2]
    gun = Gun.take(house, browser, origin=f"http://pda.test:{port}")
    gun.sees("未加密（http）")
    assert gun.page.evaluate("[isSecureContext, 'serviceWorker' in navigator]") == [False, False]
    gun.begin()
    card = gun.page.locator(".task", has_text="CG-0303")
    card.get_by_role("button", name="开始收货").click()
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    gun.offline()
    gun.scan(UNIT["JL-201"])
    gun.scan("ZJ-D-01-3")
    gun.sees("已记录")
    gun.offline(False)
    gun.settled()
    assert house.stock("JL-201")[("ZJ-D-01-3", "ok")] == 1
    gun.leave()


def test_a_new_version_waits_for_an_empty_queue_and_a_tap(
    furniture: str, browser: Browser, tmp_path: Path
) -> None:
    dist = tmp_path / "dist"
    shutil.copytree(PDA, dist)
    with serving(furniture, tmp_path / "files", dist) as house:
        gun = Gun.take(house, browser).begin()
        gun.in_charge()
        card = gun.page.locator(".task", has_text="CG-0303")
        card.get_by_role("button", name="开始收货").click()
        gun.page.locator("h1", has_text="扫货品标签").wait_for()
        (dist / "sw.js").write_text((dist / "sw.js").read_text().replace("pda-", "pda-new-", 1))
        page = dist / "index.html"
        page.write_text(page.read_text().replace("扫码枪</title>", "新扫码枪</title>"))
        gun.page.evaluate("navigator.serviceWorker.getRegistration().then(one => one.update())")
        gun.sees("有新版本，点此更新")
        gun.offline()
        gun.scan(UNIT["JL-201"])
        gun.scan("ZJ-D-01-3")
        gun.sees("有新版本，等 1 条传完再更新")
        gun.offline(False)
        gun.settled()
        gun.tap("有新版本，点此更新")
        expect(gun.page).to_have_title("接力 · 新扫码枪")
        assert house.stock("JL-201")[("ZJ-D-01-3", "ok")] == 1
        gun.leave()


FIFTY = """async code => {
  window.__spent = [];
  for (let n = 0; n < 50; n += 1) {
    for (const key of [...code, 'Enter']) document.activeElement.dispatchEvent(
      new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
    window.__spent.push(window.__lastScanMs);
    await new Promise(next => setTimeout(next, 200));
  }
}"""

TRAVELLED = """() => ({bytes: performance.getEntriesByType('resource')
  .filter(each => each.name.includes('/pda/assets/'))
  .reduce((sum, each) => sum + each.transferSize, 0)})"""
