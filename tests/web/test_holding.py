"""Taking a task on the scanner: everybody sees it, help can be called, no Wi-Fi is needed then."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.web.house import UNIT, Gun, House

pytestmark = pytest.mark.sqlite  # about the page; claiming itself runs on both databases


def test_what_was_taken_can_be_opened_for_the_first_time_without_a_network(
    gun: Gun, house: House
) -> None:
    gun.in_charge()
    card = gun.page.locator(".task", has_text="CG-0303")
    card.get_by_role("button", name="接单").click()
    gun.says("ok", "已接单")
    expect(card).to_contain_text("我在处理")
    gun.until(PACK_IS_HERE)
    gun.offline()
    gun.page.reload()
    gun.page.locator(".task", has_text="CG-0303").get_by_role("button", name="开始收货").click()
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    gun.scan(UNIT["JL-201"])
    gun.scan("ZJ-D-01-3")
    gun.sees("已记录")
    gun.offline(False)
    gun.settled()
    assert house.stock("JL-201")[("ZJ-D-01-3", "ok")] == 1


def test_a_colleague_sees_who_holds_it_until_it_is_put_back(
    gun: Gun, house: House, browser: Browser
) -> None:
    other = Gun.take(house, browser).begin("B1002")
    mine = gun.page.locator(".task", has_text="CG-0303")
    theirs = other.page.locator(".task", has_text="CG-0303")
    mine.get_by_role("button", name="接单").click()
    expect(theirs).to_contain_text("赵刚 在处理")
    expect(theirs.get_by_role("button", name="接单")).to_have_count(0)
    mine.get_by_role("button", name="放回").click()
    expect(theirs.get_by_role("button", name="接单")).to_have_count(1)
    other.leave()


def test_what_a_colleague_did_meanwhile_is_heard_when_the_network_is_back(
    gun: Gun, house: House, browser: Browser
) -> None:
    other = Gun.take(house, browser).begin("B1002")
    mine = gun.page.locator(".task", has_text="CG-0303")
    theirs = other.page.locator(".task", has_text="CG-0303")
    mine.wait_for()
    gun.offline()
    theirs.get_by_role("button", name="接单").click()
    expect(theirs).to_contain_text("我在处理")
    other.leave()
    expect(gun.page.locator("#strip")).to_contain_text("离线")
    expect(mine).not_to_contain_text("在处理")
    gun.offline(False)
    expect(mine).to_contain_text("在处理")


def test_help_is_called_and_the_next_person_up_has_the_task(gun: Gun, house: House) -> None:
    card = gun.page.locator(".task", has_text="CG-0303")
    card.get_by_role("button", name="求助").click()
    gun.says("ok", "已求助")
    boss = house.boss().person_id
    task = (card.get_attribute("id") or "").removeprefix("task-")
    assert boss in house.task(task).people


def test_without_a_network_nobody_takes_a_task(gun: Gun) -> None:
    card = gun.page.locator(".task", has_text="CG-0303")
    card.wait_for()
    gun.offline()
    card.get_by_role("button", name="接单").click()
    gun.says("error", "没有联网")


PACK_IS_HERE = """() => new Promise(resolve => {
  const open = indexedDB.open('jieli');
  open.onsuccess = () => {
    const all = open.result.transaction('shelf').objectStore('shelf').getAll();
    all.onsuccess = () => { open.result.close();
      resolve(all.result.some(row => row.kind === 'pack' && row.key.startsWith('receive/'))); };
  };
})"""
