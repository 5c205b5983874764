"""The page behind a card, in the chat app's own browser: signed, expiring, for one person only."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from api.demo.stage import Stage
from bots.simulator.telegram.signing import init_data, opened
from core.clock import DAY, MINUTE
from core.people import ENGINE, bind_chat
from tests.api.chat_room import ChatRoom
from tests.api.room import HOST
from tests.api.test_chat_photos import picture

WRITES = {"sec-fetch-site": "same-origin"}


def link_on_card(chat: ChatRoom, login: str) -> str:
    """The address behind 「打开任务」 on this person's newest card."""
    buttons = chat.cards(login)[-1].content["button_list"]
    return str(next(each["url"] for each in buttons if each.get("type") == 1))


class Phone:
    """The browser inside one person's chat app."""

    def __init__(self, stage: Stage, held_by: str) -> None:
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(stage.app, raise_app_exceptions=False),
            base_url=HOST,
            follow_redirects=True,
        )
        if held_by:
            self._http.cookies.set("simulated_member", held_by, domain="jieli.test")

    async def open(self, url: str) -> httpx.Response:
        return await self._http.get(url)

    async def press(self, url: str, /, **fields: str | bytes) -> httpx.Response:
        files = {k: ("x.jpg", v, "image/jpeg") for k, v in fields.items() if isinstance(v, bytes)}
        data = {k: v for k, v in fields.items() if isinstance(v, str)}
        return await self._http.post(url, data=data, files=files or None, headers=WRITES)


@pytest.fixture
async def link(chat: ChatRoom) -> str:
    """The warehouse's link to an inspection: how many failed is asked on the page only."""
    warehouse = chat.ids.people["warehouse"]
    chat.jieli.db.write_now(lambda tx: bind_chat(tx, ENGINE, warehouse, "wecom", "warehouse"))
    chat.stage.simulator.add_person("warehouse", "warehouse")
    line = {"order_line_id": chat.ids.lines["N"], "quantity": "288", "lot_code": "L-7"}
    arrive = {"order_id": chat.ids.orders["N"], "lines": [line]}
    await chat.do("supervisor", "/api/receipts", arrive)
    await chat.settle()
    return link_on_card(chat, "warehouse")


async def test_the_member_is_known_without_a_password_and_answers_with_inputs(
    chat: ChatRoom, link: str
) -> None:
    phone = Phone(chat.stage, "warehouse")
    shown = await phone.open(link)
    assert shown.status_code == 200, shown.text
    assert "质检" in shown.text
    assert [each.status_code for each in shown.history] == [303, 302, 303]
    inputs: dict[str, str | bytes]
    inputs = {"fail.rejected": "24", "fail.reason": "整箱发霉，照片在附件", "fail.photo": picture()}
    done = await phone.press(link, action="fail", generation="1", **inputs)
    assert "合格 264" in done.text, done.text
    await chat.settle()
    found = (await chat.ask("admin", "/api/tasks", kind="inspect", state=["done"]))["items"][0]
    assert "企业微信" in found["result"], "said where it was done"
    again = await phone.press(link, action="fail", generation="1", **inputs)
    assert again.status_code == 200
    failures = await chat.ask("admin", "/api/tasks", kind="qc_decide", state=["open"])
    assert len(failures["items"]) == 1, "pressing twice is one deed"
    assert chat.cards("warehouse")[-2].grey, "the card in the chat is closed too"


async def test_a_forwarded_link_is_refused_with_a_sentence(chat: ChatRoom, link: str) -> None:
    shown = await Phone(chat.stage, "director").open(link)
    assert shown.status_code == 403
    assert "这个链接是发给warehouse 某的" in shown.text
    assert (await chat.task_of("warehouse", "inspect"))["state"] == "open"


async def test_somebody_from_outside_is_nobody(chat: ChatRoom, link: str) -> None:
    for held_by in ("", "not-a-member"):
        shown = await Phone(chat.stage, held_by).open(link)
        assert shown.status_code == 401
        assert "只有本企业的成员能打开" in shown.text


async def test_a_link_is_the_same_for_a_repeat_and_ends_after_a_week(
    chat: ChatRoom, link: str
) -> None:
    phone = Phone(chat.stage, "warehouse")
    chat.clock.advance(7 * DAY - MINUTE)
    assert (await phone.open(link)).status_code == 200
    chat.clock.advance(MINUTE)
    late = await phone.open(link)
    assert late.status_code == 403
    assert "已超过一周" in late.text


@pytest.mark.parametrize("spoil", [lambda url: url[:-1], lambda url: url + "x", lambda _: "/h5/a"])
async def test_a_spoilt_link_opens_nothing(chat: ChatRoom, link: str, spoil: object) -> None:
    assert callable(spoil)
    shown = await Phone(chat.stage, "warehouse").open(spoil(link))
    assert shown.status_code == 403


async def test_a_sign_in_that_began_elsewhere_does_not_count(chat: ChatRoom, link: str) -> None:
    """The state is bound to the browser: nobody can be signed in as somebody else by a link."""
    code = chat.stage.simulator.vendor.sign_in("warehouse")
    forged = await Phone(chat.stage, "").open(f"{link}/back?code={code}&state=made-up")
    assert forged.status_code == 401
    assert "登录不是从这里开始的" in forged.text
    asked = await chat.http.get(link)
    query = parse_qs(urlsplit(asked.headers["location"]).query)
    assert query["redirect_uri"] == [f"{link}/back"]
    assert query["scope"] == ["snsapi_base"]


async def test_another_site_cannot_press(chat: ChatRoom, link: str) -> None:
    phone = Phone(chat.stage, "warehouse")
    await phone.open(link)
    answer = await phone._http.post(
        link, data={"action": "pass"}, headers={"sec-fetch-site": "cross-site"}
    )
    assert answer.status_code == 403
    assert (await chat.task_of("warehouse", "inspect"))["state"] == "open"


async def test_words_that_belong_to_no_task_lead_to_what_waits(chat: ChatRoom) -> None:
    """「账号已绑定」 has nothing to press: its page lists the person's tasks, a tap away each."""
    await chat.fail_inspection()
    buyer = chat.ids.people["buyer"]
    body = {"channel": "wecom", "user_id": "buyer"}
    await chat.do("admin", f"/api/people/{buyer}/chats", body)
    await chat.settle()
    hello = next(each for each in chat.cards("buyer") if "已绑定" in str(each.content))
    phone = Phone(chat.stage, "buyer")
    shown = await phone.open(str(hello.content["card_action"]["url"]))
    assert shown.status_code == 200
    assert "等我处理" in shown.text
    task = await chat.task_of("buyer", "qc_decide")
    assert f'href="/tasks/{task["id"]}"' in shown.text
    opened = await phone.open(f"/tasks/{task['id']}")
    assert "退回供应商" in opened.text
    assert "等我处理" in (await phone.open("/tasks")).text


async def other_link(chat: ChatRoom, channel: str, user_id: str) -> str:
    """The warehouse's link to an inspection on another app's card."""
    warehouse = chat.ids.people["warehouse"]
    chat.jieli.db.write_now(lambda tx: bind_chat(tx, ENGINE, warehouse, channel, user_id))
    ding, telegram = chat.stage.dingtalk, chat.stage.telegram
    (ding if channel == "dingtalk" else telegram).add_person(user_id, "仓管")
    await chat.stage.register()
    line = {"order_line_id": chat.ids.lines["N"], "quantity": "288", "lot_code": "L-7"}
    arrive = {"order_id": chat.ids.orders["N"], "lines": [line]}
    await chat.do("supervisor", "/api/receipts", arrive)
    await chat.settle()
    if channel == "dingtalk":
        shown = ding.wire(ding.pane(user_id)[-1])
    else:
        shown = telegram.wire(telegram.pane(user_id)[-1])
    found = re.findall(r"http://jieli\.test/h5/[\w.\-]+", str(shown))
    assert found
    return str(found[0])


async def test_dingtalk_says_who_opened_it(chat: ChatRoom) -> None:
    link = await other_link(chat, "dingtalk", "ding-1")
    shown = await Phone(chat.stage, "ding-1").open(link)
    assert shown.status_code == 200, shown.text
    assert "质检" in shown.text
    stranger = await Phone(chat.stage, "ding-2").open(link)
    assert stranger.status_code == 401
    assert "没认出你是谁" in stranger.text


async def test_telegram_says_it_behind_the_sharp_of_the_address(chat: ChatRoom) -> None:
    """The page hands over what Telegram signed; nothing else counts, and nothing older."""
    link = await other_link(chat, "telegram", "70000000")
    phone = Phone(chat.stage, "")
    page = await phone.open(link)
    assert "正在确认身份" in page.text
    vendor = chat.stage.telegram.vendor
    proof = init_data(vendor, "70000000")
    assert "tgWebAppData" in opened(vendor, "70000000", link)
    for wrong in ("", "hash=0", proof[:-1] + ("0" if proof[-1] != "0" else "1"), "a=\udce4"[:2]):
        refused = await phone.press(f"{link}/back", proof=wrong)
        assert refused.status_code == 401, wrong
    shown = await phone.press(f"{link}/back", proof=proof)
    assert shown.status_code == 200, shown.text
    assert "不合格" in shown.text
    chat.clock.advance(2 * 60 * MINUTE)
    late = await Phone(chat.stage, "").press(f"{link}/back", proof=proof)
    assert "已超过一小时" in late.text


async def test_another_person_of_telegram_is_refused(chat: ChatRoom) -> None:
    link = await other_link(chat, "telegram", "70000000")
    chat.stage.telegram.add_person("70000099", "别人")
    proof = init_data(chat.stage.telegram.vendor, "70000099")
    shown = await Phone(chat.stage, "").press(f"{link}/back", proof=proof)
    assert shown.status_code == 403
    assert "这个链接是发给warehouse 某的" in shown.text
