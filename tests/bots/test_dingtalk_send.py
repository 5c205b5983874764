"""Sending and changing cards against the simulator: tokens, repeats, fallbacks, honest answers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bots.dingtalk import Account, DingTalk, callbacks_of, channel_of
from bots.dingtalk.robot import GROUP_PER_MINUTE
from bots.dingtalk.verdict import verdict
from bots.simulator.dingtalk import CannotPress, Fault
from core.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from core.config import Settings
from core.outbox.channel import Channel, SendResult
from tests.bots.conftest import CARD, ENDED, delivery
from tests.bots.dingtalk_firm import BASE, CLIENT_ID, GROUP, SECRET, TEMPLATE, Firm, open_firm

CREATE = "card/instances/createAndDeliver"
BATCH = "robot/oToMessages/batchSend"


@pytest.fixture
async def firm(clock: ManualClock) -> AsyncIterator[Firm]:
    async with open_firm(clock) as found:
        yield found


@pytest.fixture
async def plain(clock: ManualClock) -> AsyncIterator[Firm]:
    """The same without a card template."""
    async with open_firm(clock, account=Account(CLIENT_ID, SECRET)) as found:
        yield found


async def _sent(firm: Firm, number: int = 1) -> dict[str, Any]:
    result = await firm.channel.send(delivery(number))
    assert result.kind == "sent", result
    assert result.handle is not None
    return result.handle


def _words(firm: Firm, user_id: str = "WangFang") -> str:
    """Everything the newest card of this person shows."""
    blocks = firm.sim.vendor.blocks(firm.sim.pane(user_id)[-1])
    return "\n".join(each["text"] for each in blocks if each["type"] != "button")


def test_it_is_a_channel_that_says_what_it_can(clock: ManualClock) -> None:
    def made(template_id: str) -> DingTalk:
        account = Account("c", "s", template_id=template_id)
        return DingTalk(account, httpx.AsyncClient(), clock, page_of=lambda _: "")

    channel: Channel = made("t")
    assert channel.name == "dingtalk"
    assert channel.capabilities.buttons == 6
    assert channel.capabilities.inputs == {"choice"}
    assert not channel.capabilities.receipts
    assert not channel.capabilities.pictures
    without = made("").capabilities
    assert (without.buttons, without.inputs, without.edit) == (0, frozenset(), True)


async def test_a_card_arrives_and_its_handle_holds_what_an_edit_needs(firm: Firm) -> None:
    handle = await _sent(firm)
    (view,) = firm.sim.pane("WangFang")
    assert view.content["title"] == CARD.title
    assert CARD.lead in _words(firm)
    assert handle["ref"] == handle["track"] == delivery().card_id == view.track
    assert not view.closed


# -- the token -----------------------------------------------------------------------------------
async def test_eight_sends_at_once_fetch_one_token(firm: Firm) -> None:
    results = await asyncio.gather(*(firm.channel.send(delivery(n)) for n in range(1, 9)))
    assert {each.kind for each in results} == {"sent"}
    assert firm.sim.calls("oauth2/accessToken") == 1


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_ozhera_74_a_token_that_dies_early_is_replaced_once(firm: Firm, status: int) -> None:
    """In the wild a dead token is told as 400, on the page as 401."""
    firm.sim.vendor.bad_token_status = status
    await _sent(firm)
    firm.clock.advance(MINUTE)
    firm.sim.vendor.expire_tokens()
    results = await asyncio.gather(*(firm.channel.send(delivery(n)) for n in range(2, 9)))
    assert {each.kind for each in results} == {"sent"}
    assert firm.sim.calls("oauth2/accessToken") == 2
    assert len(firm.sim.pane("WangFang")) == 8


async def test_langbot_986_a_token_is_renewed_before_it_expires(firm: Firm) -> None:
    await _sent(firm)
    firm.clock.advance(2 * HOUR)
    await _sent(firm, 2)
    assert firm.sim.calls("oauth2/accessToken") == 2
    assert firm.sim.calls(CREATE) == 2


async def test_tokens_refused_for_ever_cost_a_bounded_number_of_calls(firm: Firm) -> None:
    firm.sim.vendor.refuse_tokens = True
    for round_ in range(5):
        results = await asyncio.gather(
            *(firm.channel.send(delivery(10 * round_ + n)) for n in range(1, 9))
        )
        assert {(each.kind, each.scope) for each in results} == {("later", "account")}
    assert firm.sim.calls("oauth2/accessToken") == 1
    assert firm.sim.calls(CREATE) <= 80


async def test_a_wrong_secret_is_asked_for_once_a_minute(firm: Firm) -> None:
    firm.sim.vendor.client_secret = "changed in the console"
    for number in range(1, 6):
        result = await firm.channel.send(delivery(number))
        assert (result.kind, result.scope) == ("later", "account")
        assert "JIELI_DINGTALK_CLIENT_ID" in result.reason
    assert firm.sim.calls("oauth2/accessToken") == 1
    firm.clock.advance(MINUTE)
    firm.sim.vendor.client_secret = SECRET
    assert (await firm.channel.send(delivery(9))).kind == "sent"


# -- changing a card -----------------------------------------------------------------------------
async def test_an_edit_changes_the_same_card_as_often_as_wanted(firm: Firm) -> None:
    handle = await _sent(firm)
    for number in range(9):
        lead = f"李四 正在处理 {number}"
        assert (await firm.edit(handle, replace(CARD, lead=lead))).kind == "sent"
        assert lead in _words(firm)
    (view,) = firm.sim.pane("WangFang")
    assert view.edited
    assert not view.closed


async def test_closing_takes_the_buttons_and_says_who_won(firm: Firm) -> None:
    handle = await _sent(firm)
    await firm.edit(handle, ENDED)
    (view,) = firm.sim.pane("WangFang")
    assert view.closed
    assert ENDED.result in _words(firm)
    assert CARD.footer not in _words(firm)
    with pytest.raises(CannotPress):
        await firm.sim.press("WangFang", "让步接收")


async def test_an_edit_takes_back_what_one_person_alone_was_told(firm: Firm) -> None:
    handle = await _sent(firm)
    card = firm.sim.vendor.cards[handle["track"]]
    card.private["WangFang"] = {"note": "这一步要有质检权限。"}
    await firm.edit(handle, replace(CARD, lead="改派给你"))
    assert "质检权限" not in _words(firm)


async def test_a_card_that_is_gone_is_told_anew(firm: Firm) -> None:
    handle = await _sent(firm)
    firm.sim.vendor.cards.clear()
    firm.sim.vendor.views.clear()
    open_again = await firm.edit(handle, replace(CARD, lead="换人了"), rev=4)
    assert open_again.handle is not None
    assert open_again.handle["track"] == delivery().card_id + "@4"
    assert "换人了" in _words(firm)
    firm.sim.vendor.cards.clear()
    firm.sim.vendor.views.clear()
    ended = await firm.edit(open_again.handle, ENDED, rev=5)
    assert ended.kind == "sent"
    (view,) = firm.sim.pane("WangFang")
    assert ENDED.result in view.content["text"]


# -- never two cards -----------------------------------------------------------------------------
async def test_accepted_then_silent_is_ambiguous_and_the_repetition_shows_no_second_card(
    firm: Firm,
) -> None:
    firm.sim.order(Fault(CREATE, after=True))
    assert (await firm.channel.send(delivery())).kind == "ambiguous"
    changed = replace(delivery(), again=True, card=replace(CARD, lead="还剩 45 小时"))
    second = await firm.channel.send(changed)
    assert second.kind == "sent"
    assert len(firm.sim.pane("WangFang")) == 1
    assert "还剩 45 小时" in _words(firm)
    assert firm.sim.calls(CREATE) == 1
    assert (await firm.edit(second.handle or {}, ENDED)).kind == "sent"
    assert firm.sim.pane("WangFang")[0].closed


async def test_a_repetition_of_what_never_arrived_makes_the_card(firm: Firm) -> None:
    result = await firm.channel.send(replace(delivery(), again=True))
    assert result.kind == "sent"
    assert len(firm.sim.pane("WangFang")) == 1


async def test_silence_while_looking_for_the_card_leaves_no_doubt_behind(firm: Firm) -> None:
    firm.sim.order(Fault(CREATE, after=True))
    await firm.channel.send(delivery())
    firm.sim.order(Fault("PUT card/instances", after=True))
    looked = await firm.channel.send(replace(delivery(), again=True))
    assert looked.kind == "later", "an update shows nothing: trying it again is harmless"
    assert (await firm.channel.send(replace(delivery(), again=True))).kind == "sent"
    assert len(firm.sim.pane("WangFang")) == 1


async def test_a_card_that_was_made_but_not_shown_is_shown_by_the_next_attempt(firm: Firm) -> None:
    firm.sim.order(Fault(CREATE, undelivered="SYSTEM_ERROR"))
    first = await firm.channel.send(delivery())
    assert (first.kind, first.code) == ("later", "dingtalk_undelivered")
    assert firm.sim.pane("WangFang") == []
    second = await firm.channel.send(delivery(card=replace(CARD, lead="还剩 45 小时")))
    assert second.kind == "sent"
    assert len(firm.sim.pane("WangFang")) == 1
    assert "还剩 45 小时" in _words(firm)
    assert firm.sim.calls("card/instances/deliver") == 1


# -- without a card ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "fault",
    [
        Fault(CREATE, status=400, code="param.templateNotExist"),
        Fault(CREATE, status=400, code="param.templateUnpublished"),
        Fault(CREATE, undelivered="card template not found"),
    ],
)
async def test_a_refused_template_does_not_keep_the_news_back(firm: Firm, fault: Fault) -> None:
    firm.sim.order(replace(fault))
    result = await firm.channel.send(delivery())
    assert result.kind == "sent"
    (view,) = firm.sim.pane("WangFang")
    assert view.kind == "sampleActionCard"
    assert CARD.title in view.content["text"]
    assert view.content["singleURL"].endswith(delivery().task_id)


async def test_without_a_template_people_get_messages_and_news_replaces_them(plain: Firm) -> None:
    handle = await _sent(plain)
    changed = await plain.edit(handle, replace(CARD, lead="李四 正在处理"))
    assert changed.kind == "sent"
    ended = await plain.edit(changed.handle or {}, ENDED, rev=3)
    assert ended.kind == "sent"
    first, second, third = plain.sim.pane("WangFang")
    assert (first.gone, second.gone, third.gone) == (True, True, False)
    assert third.kind == "sampleMarkdown"
    assert ENDED.result in third.content["text"]
    assert plain.sim.calls(CREATE) == 0


async def test_a_message_older_than_a_day_stays(plain: Firm) -> None:
    handle = await _sent(plain)
    plain.clock.advance(2 * DAY)
    assert (await plain.edit(handle, ENDED)).kind == "sent"
    assert [view.gone for view in plain.sim.pane("WangFang")] == [False, False]
    assert plain.sim.calls("robot/otoMessages/batchRecall") == 0


async def test_a_person_who_left_is_gone_and_one_who_is_slowed_is_later(plain: Firm) -> None:
    plain.sim.leaves("LiSi")
    left = await plain.channel.send(delivery(user="LiSi"))
    assert (left.kind, left.gone, left.code) == ("never", True, "dingtalk_invalid_staff")
    unknown = await plain.channel.send(delivery(user="Nobody"))
    assert (unknown.kind, unknown.gone) == ("never", True)
    plain.sim.vendor.flow_controlled.add("WangFang")
    slowed = await plain.channel.send(delivery())
    assert (slowed.kind, slowed.scope, slowed.retry_after_s) == ("later", "person", 60)
    assert plain.sim.pane("WangFang") == []


# -- answers -------------------------------------------------------------------------------------
async def test_somebody_who_left_is_never_and_gone(firm: Firm) -> None:
    handle = await _sent(firm)
    firm.sim.leaves("WangFang")
    for result in (await firm.channel.send(delivery(2)), await firm.edit(handle, ENDED)):
        assert (result.kind, result.gone) == ("never", True)


async def test_twenty_calls_a_second_and_not_one_more(firm: Firm) -> None:
    """QpsLimit comes as 403 and means: in a second."""
    results = [await firm.channel.send(delivery(number)) for number in range(1, 23)]
    assert {each.kind for each in results[:20]} == {"sent"}
    for each in results[20:]:
        assert (each.kind, each.scope, each.retry_after_s) == ("later", "account", 1)
    firm.clock.advance(SECOND)
    assert (await firm.channel.send(delivery(21))).kind == "sent"


@pytest.mark.parametrize(
    ("fault", "kind", "scope"),
    [
        (
            Fault(CREATE, status=403, code="Forbidden.AccessDenied.QpsLimitForApi"),
            "later",
            "account",
        ),
        (
            Fault(CREATE, status=403, code="Forbidden.AccessDenied.AccessTokenPermissionDenied"),
            "later",
            "account",
        ),
        (
            Fault(CREATE, status=403, code="Forbidden.AccessDenied.IpNotInWhiteList"),
            "later",
            "account",
        ),
        (Fault(CREATE, status=400, code="param.contentUnsafe"), "never", "person"),
        (Fault(CREATE, status=400, code="param.invalid"), "never", "person"),
        (Fault(CREATE, status=400, code="invalid.chatbotId"), "later", "account"),
        (Fault(CREATE, status=404, code=""), "later", "account"),
        (Fault(CREATE, status=429, code=""), "later", "account"),
        (Fault(CREATE, status=500, code="system.busy"), "ambiguous", "person"),
        (Fault(CREATE, status=503, code=""), "later", "account"),
        (Fault("oauth2/accessToken", status=500, code=""), "later", "account"),
    ],
)
async def test_every_trouble_is_answered_and_nothing_is_shown(
    firm: Firm, fault: Fault, kind: str, scope: str
) -> None:
    firm.sim.order(replace(fault))
    result = await firm.channel.send(delivery())
    assert (result.kind, result.scope) == (kind, scope)
    assert result.reason
    assert (result.retry_after_s > 0) == (kind == "later")
    assert firm.sim.pane("WangFang") == []


def test_a_limit_says_how_long() -> None:
    assert verdict(429, "", "", "7").retry_after_s == 7
    assert verdict(429, "", "", "x" * 50).retry_after_s == 60


async def test_no_network_is_later_and_rubbish_is_ambiguous(clock: ManualClock) -> None:
    async def attempt(answer: Any) -> SendResult:
        def vendor(request: httpx.Request) -> httpx.Response:
            if "accessToken" in request.url.path:
                return httpx.Response(200, json={"accessToken": "t", "expireIn": 7200})
            if isinstance(answer, Exception):
                raise answer
            return httpx.Response(200, content=answer)

        async with httpx.AsyncClient(transport=httpx.MockTransport(vendor)) as client:
            account = Account(CLIENT_ID, SECRET, template_id=TEMPLATE)
            channel = DingTalk(account, client, clock, page_of=lambda _: "")
            return await channel.send(delivery())

    assert (await attempt(httpx.ConnectError("refused"))).kind == "later"
    assert (await attempt(httpx.ReadTimeout("slow"))).kind == "ambiguous"
    assert (await attempt(httpx.RemoteProtocolError("cut"))).kind == "ambiguous"
    for rubbish in (b"<html>", b"[]", b"", b'{"success":true}'):
        assert (await attempt(rubbish)).kind == "ambiguous"
    punished = await attempt(b'{"status":1111,"wait":5,"punish":"deny"}')
    assert (punished.kind, punished.scope, punished.retry_after_s) == ("later", "account", 300)


async def test_a_card_that_breaks_a_limit_is_not_sent(firm: Firm) -> None:
    result = await firm.channel.send(delivery(user="a;IM_GROUP.cid"))
    assert (result.kind, result.code) == ("never", "card_invalid")
    assert firm.sim.calls(CREATE) == 0


# -- pictures ------------------------------------------------------------------------------------
async def test_a_picture_is_uploaded_once_a_day(firm: Firm) -> None:
    card = replace(CARD, picture="f1")
    await firm.channel.send(delivery(1, card=card))
    await firm.channel.send(delivery(2, card=card))
    assert firm.sim.calls("media/upload") == 1
    media = firm.sim.pane("WangFang")[0].content["picture"]
    assert firm.sim.picture(media) == b"\xff\xd8picture of f1"
    firm.clock.advance(DAY)
    await firm.channel.send(delivery(3, card=card))
    assert firm.sim.calls("media/upload") == 2


async def test_a_card_does_not_wait_for_a_picture_that_cannot_be_had(firm: Firm) -> None:
    firm.sim.order(Fault("media/upload", errcode=40009))
    result = await firm.channel.send(delivery(card=replace(CARD, picture="f1")))
    assert result.kind == "sent"
    assert firm.sim.pane("WangFang")[0].content["picture_show"] == ""


async def test_the_upload_gets_a_new_token_too(firm: Firm) -> None:
    await _sent(firm)
    firm.clock.advance(MINUTE)
    firm.sim.vendor.expire_tokens()
    assert await firm.channel.api.upload("p.jpg", b"\xff\xd8") in firm.sim.vendor.media


# -- DING, groups, words -------------------------------------------------------------------------
async def test_a_ding_reaches_everybody_who_is_there(firm: Firm) -> None:
    firm.sim.add_person("ZhaoMin", "赵敏")
    firm.sim.leaves("ZhaoMin")
    result = await firm.channel.ding(["WangFang", "ZhaoMin"], "质检不合格，没人处理")
    assert result.kind == "sent"
    assert [view.kind for view in firm.sim.pane("WangFang")] == ["ding"]
    nobody = await firm.channel.ding(["ZhaoMin"], "x")
    assert (nobody.kind, nobody.code) == ("never", "ding_failed")
    assert (await firm.channel.ding([], "x")).kind == "never"
    firm.sim.order(Fault("ding/send", status=400, code="ding.serverquota.insufficient"))
    assert (await firm.channel.ding(["WangFang"], "x")).kind == "later"


async def test_crocodile_37_the_signature_is_made_for_each_message(firm: Firm) -> None:
    """Made once at the start, it is refused an hour later."""
    for _ in range(3):
        assert (await firm.channel.group("有人吗")).kind == "sent"
        firm.clock.advance(2 * HOUR)
    assert firm.sim.groups[GROUP.token].said == ["有人吗"] * 3


async def test_a_group_never_gets_the_21st_message_of_a_minute(firm: Firm) -> None:
    for _ in range(GROUP_PER_MINUTE):
        assert (await firm.channel.group("x")).kind == "sent"
        firm.clock.advance(SECOND)
    held = await firm.channel.group("x")
    assert (held.kind, held.code) == ("later", "group_full")
    assert firm.sim.calls("robot/send") == GROUP_PER_MINUTE, "it would be silenced for 10 minutes"
    firm.clock.advance(held.retry_after_s * SECOND)
    assert (await firm.channel.group("x")).kind == "sent"
    firm.sim.order(Fault("robot/send", errcode=130101))
    limited = await firm.channel.group("x")
    assert (limited.kind, limited.retry_after_s) == ("later", 600)


async def test_a_wrong_robot_code_is_named(plain: Firm) -> None:
    """Told as 404, which is no wrong address."""
    plain.sim.vendor.robot_code = "dingother"
    for result in (
        await plain.channel.send(delivery()),
        await plain.channel.ding(["WangFang"], "x"),
    ):
        assert (result.kind, result.scope) == ("later", "account")
        assert "JIELI_DINGTALK_ROBOT_CODE" in result.reason


async def test_without_a_group_robot_nothing_is_sent(clock: ManualClock) -> None:
    channel = DingTalk(Account("c", "s"), httpx.AsyncClient(), clock, page_of=lambda _: "")
    assert (await channel.group("x")).code == "no_group_robot"
    await channel.aclose()


async def test_plain_words_reach_a_person(firm: Firm) -> None:
    assert (await firm.channel.tell("LiSi", "没找到 JL-203。")).kind == "sent"
    (view,) = firm.sim.pane("LiSi")
    assert view.content == {"content": "没找到 JL-203。"}


async def test_the_configured_account_speaks_to_the_simulator(firm: Firm) -> None:
    settings = Settings(
        dingtalk_client_id=CLIENT_ID,
        dingtalk_client_secret=SecretStr(SECRET),
        dingtalk_card_template_id=TEMPLATE,
        dingtalk_api_base=BASE + "/",
        dingtalk_oapi_base=BASE,
        public_url="http://127.0.0.1:8600/",
    )
    channel = channel_of(settings, firm.clock, httpx.ASGITransport(firm.app))
    card = replace(CARD, buttons=())
    assert (await channel.send(delivery(card=card))).kind == "sent"
    firm.sim.order(Fault(CREATE, status=400, code="param.templateNotExist"))
    assert (await channel.send(delivery(2, card=card))).kind == "sent"
    link = firm.sim.pane("WangFang")[-1].content["singleURL"]
    assert link == f"http://127.0.0.1:8600/tasks/{delivery(2).task_id}"
    await channel.aclose()
    assert callbacks_of(settings, firm.clock)


def test_starting_costs_no_vendor_library() -> None:
    code = "import sys, bots.dingtalk; sys.exit('websockets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
