"""What the page of panes draws for Telegram, from the very JSON that the simulator gives it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bots.simulator.telegram import View
from tests.bots.conftest import CARD, ENDED, delivery
from tests.bots.sdks import Sdk, sdk
from tests.bots.telegram_world import WANG, TelegramWorld

PAGE = Path(__file__).parents[2] / "bots/simulator/page/telegram.js"


@pytest.fixture
async def page() -> AsyncIterator[Sdk]:
    async with sdk("telegram_page.mjs", PAGE=str(PAGE)) as running:
        yield running


async def _drawn(page: Sdk, telegram: TelegramWorld, view: View, **more: str) -> dict[str, Any]:
    person = {"user_id": view.user_id, "name": "王芳"}
    return await page.asked(person=person, message=telegram.sim.wire(view), **more)


def _words(node: Any, tag: str = "") -> list[str]:
    """All text under `node`, or only that of nodes named `tag`."""
    if isinstance(node, str):
        return [] if tag else [node]
    if node["tag"] == tag:
        return ["".join(_words(node))]
    return [word for child in node["children"] for word in _words(child, tag)]


async def test_a_card_is_drawn_pressed_and_closed(page: Sdk, telegram: TelegramWorld) -> None:
    first = delivery(user=WANG)
    handle = await telegram.sent(first)
    (view,) = telegram.sim.pane(WANG)
    drawn = await _drawn(page, telegram, view, press="让步接收")
    assert _words(drawn["tree"], "b") == [CARD.title]
    assert _words(drawn["tree"], "i") == [CARD.footer]
    labels = ["退回供应商：外包装破损", "退回供应商：效期不足", "让步接收"]
    assert _words(drawn["tree"], "button") == labels
    assert drawn["pressed"] == [[WANG, handle["ref"], first.tokens["concede"]]]
    await telegram.sim.press_key(*drawn["pressed"][0])
    await telegram.edit(first, handle, ENDED)
    view.toast, view.alert = "已处理", True
    closed = (await _drawn(page, telegram, view))["tree"]
    assert _words(closed, "button") == []
    assert "已编辑" in _words(closed)
    assert _words(closed)[-1] == "已处理"
    view.gone = True
    assert _words((await _drawn(page, telegram, view))["tree"]) == ["消息已删除"]


async def test_pictures_own_words_and_odd_signs(page: Sdk, telegram: TelegramWorld) -> None:
    card = replace(CARD, picture="f1", title="🙂<b>不是标签</b>", urgent=True)
    await telegram.sent(delivery(1, WANG, card))
    await telegram.sim.say(WANG, "一\n<script>")
    photo, own = telegram.sim.pane(WANG)
    drawn = (await _drawn(page, telegram, photo, media="media/"))["tree"]
    (holder,) = [each for each in drawn["children"] if each["tag"] == "dd"]
    file_id = photo.content["photo"][0]["file_id"]
    assert holder["children"][0]["attributes"]["src"] == f"media/{file_id}"
    assert _words(drawn, "b") == ["【紧急】🙂<b>不是标签</b>"]
    assert "［照片］" in _words((await _drawn(page, telegram, photo))["tree"])
    mine = (await _drawn(page, telegram, own))["tree"]
    assert (mine["attributes"]["class"], _words(mine)) == ("words mine", ["一", "<script>"])
