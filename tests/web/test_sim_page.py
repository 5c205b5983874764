"""The demo's chat panes in a browser: whose phone is looked at, words, cards, hours that pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from api.demo.stage import demo_app, furnish
from core.config import Settings
from tests.databases import DATABASES
from tests.web.house import PATIENCE_MS, listening

LONGEST_HOLIDAY_DAYS = 9


@pytest.fixture
def panes(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The page as `make run` shows it, with the demo company behind."""
    url = DATABASES.copy()
    app = demo_app(Settings(database_url=url, files_dir=tmp_path / "files", _env_file=None))
    furnish(app.state.jieli.db)
    with listening(app) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN")
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda problem: problems.append(str(problem)))
        page.goto(address)  # what the README says to open
        yield page
        context.close()
    DATABASES.drop(url)
    assert problems == []


def pane(page: Page, name: str, vendor: str = "企业微信") -> Locator:
    return page.get_by_role("region", name=f"{name} {vendor}")


def test_one_persons_phone_is_looked_at_and_then_everybodys_again(panes: Page) -> None:
    who = panes.get_by_label("看谁的手机")
    expect(pane(panes, "李强")).to_be_visible()
    expect(who.locator("option:checked")).to_have_text("所有人")
    who.select_option("王敏")
    expect(pane(panes, "李强")).to_be_hidden()
    expect(pane(panes, "王敏", "钉钉")).to_be_visible()
    who.select_option("所有人")
    expect(pane(panes, "李强")).to_be_visible()


def test_words_are_answered_and_what_nobody_does_climbs(panes: Page) -> None:
    buyer, boss = pane(panes, "王敏"), pane(panes, "李强")
    buyer.get_by_label("发给接力的话").fill("待办")
    buyer.get_by_role("button", name="发送").click()
    expect(buyer.get_by_text("待办", exact=True)).to_be_visible()
    expect(buyer.locator(".message")).to_have_count(2)
    expect(boss).to_contain_text("还没有消息")
    for _ in range(LONGEST_HOLIDAY_DAYS // 2 + 1):  # the machine's date is any day of the year
        panes.get_by_role("button", name="快进 48 小时").click()
    expect(boss.locator(".card").first).to_be_visible()
