"""Sending and changing cards against the simulator: tokens, codes, fallbacks, honest answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bots.simulator.wecom import CannotPress, Fault
from bots.wecom import Account, WeCom, callbacks_of, channel_of
from bots.wecom.verdict import http_verdict, verdict
from core.clock import DAY, HOUR, MINUTE, ManualClock
from core.config import Settings
from core.outbox.channel import Channel, SendResult
from core.outbox.surfaces import add_code, merged
from tests.bots.conftest import AES_KEY, AGENT, CARD, CORP, ENDED, SECRET, TOKEN, Corp, delivery


async def _sent(corp: Corp, number: int = 1) -> dict[str, Any]:
    result = await corp.channel.send(delivery(number))
    assert result.kind == "sent", result
    assert result.handle is not None
    return result.handle


def test_it_is_a_channel(clock: ManualClock) -> None:
    channel: Channel = WeCom(
        Account("c", 1, "s"), httpx.AsyncClient(), clock, page_of=lambda sent: sent.task_id
    )
    assert channel.name == "wecom"
    assert channel.capabilities.inputs == {"choice"}
    assert not channel.capabilities.receipts
    assert not channel.capabilities.pictures


async def test_a_card_arrives_and_its_handle_holds_what_an_edit_needs(corp: Corp) -> None:
    handle = await _sent(corp)
    (view,) = corp.sim.pane("WangFang")
    assert view.content["main_title"]["title"] == CARD.title
    assert handle["ref"] == view.msg_id
    assert handle["task_id"] == delivery().card_id
    (code,) = handle["codes"]
    assert code["expires_us"] == corp.clock.now() + 72 * HOUR


# -- the token -----------------------------------------------------------------------------------
async def test_eight_sends_at_once_fetch_one_token(corp: Corp) -> None:
    results = await asyncio.gather(*(corp.channel.send(delivery(n)) for n in range(1, 9)))
    assert {each.kind for each in results} == {"sent"}
    assert corp.sim.calls("gettoken") == 1


async def test_a_token_that_dies_early_is_replaced_once_and_nobody_notices(corp: Corp) -> None:
    await _sent(corp)
    corp.clock.advance(MINUTE)
    corp.sim.vendor.expire_tokens()
    results = await asyncio.gather(*(corp.channel.send(delivery(n)) for n in range(2, 9)))
    assert {each.kind for each in results} == {"sent"}
    assert corp.sim.calls("gettoken") == 2
    assert len(corp.sim.pane("WangFang")) == 8


async def test_a_token_is_renewed_before_it_expires(corp: Corp) -> None:
    await _sent(corp)
    corp.clock.advance(2 * HOUR)
    await _sent(corp, 2)
    assert corp.sim.calls("gettoken") == 2
    assert corp.sim.calls("message/send") == 2


async def test_tokens_refused_for_ever_cost_a_bounded_number_of_calls(corp: Corp) -> None:
    corp.sim.vendor.refuse_tokens = True
    for round_ in range(5):
        results = await asyncio.gather(
            *(corp.channel.send(delivery(10 * round_ + n)) for n in range(1, 9))
        )
        assert {each.kind for each in results} == {"later"}
        assert {each.scope for each in results} == {"account"}
    assert corp.sim.calls("gettoken") == 1
    assert corp.sim.calls("message/send") <= 80


async def test_a_wrong_secret_is_asked_for_once_a_minute(corp: Corp) -> None:
    corp.sim.vendor.secret = "changed in the console"
    for number in range(1, 6):
        result = await corp.channel.send(delivery(number))
        assert (result.kind, result.code) == ("later", "wecom_40001")
        assert "JIELI_WECOM_SECRET" in result.reason
    assert corp.sim.calls("gettoken") == 1
    corp.clock.advance(MINUTE)
    corp.sim.vendor.secret = SECRET
    assert (await corp.channel.send(delivery(9))).kind == "sent"


# -- response codes ------------------------------------------------------------------------------
async def test_an_edit_spends_the_code_and_changes_the_same_card(corp: Corp) -> None:
    handle = await _sent(corp)
    result = await corp.edit(handle, replace(CARD, lead="李四 正在处理"))
    assert result == SendResult("sent", spent=(handle["codes"][0]["code"],))
    (view,) = corp.sim.pane("WangFang")
    assert view.content["main_title"]["desc"] == "李四 正在处理"
    assert view.grey == ""


async def test_closing_greys_the_card_and_says_who_won(corp: Corp) -> None:
    handle = await _sent(corp)
    await corp.edit(handle, ENDED)
    (view,) = corp.sim.pane("WangFang")
    assert view.grey == "已结束"
    assert view.content["main_title"]["desc"] == ENDED.result
    with pytest.raises(CannotPress):
        await corp.sim.press("WangFang", "让步接收")


async def test_no_code_is_ever_sent_twice_even_when_the_handle_forgot(corp: Corp) -> None:
    handle = await _sent(corp)
    await corp.edit(handle, replace(CARD, lead="一"))
    result = await corp.edit(handle, replace(CARD, lead="二"), rev=3)
    assert result.kind == "sent"
    assert result.spent == (handle["codes"][0]["code"],)
    assert corp.sim.calls("message/update_template_card") == 1


async def test_a_clicks_code_serves_one_more_edit(corp: Corp) -> None:
    handle = await _sent(corp)
    await corp.sim.press("WangFang", "让步接收")
    (click,) = corp.clicks()
    handle = add_code(handle, click.code, corp.clock.now() + 72 * HOUR)
    first = await corp.edit(handle, replace(CARD, lead="一"))
    second = await corp.edit(merged(handle, first.handle, first.spent), ENDED, rev=3)
    assert {*first.spent, *second.spent} == {each["code"] for each in handle["codes"]}
    assert corp.sim.calls("message/update_template_card") == 2
    assert corp.sim.calls("message/send") == 1


async def test_a_spent_code_falls_back_to_words_and_takes_the_old_card_away(corp: Corp) -> None:
    handle = await _sent(corp)
    first = await corp.edit(handle, replace(CARD, lead="一"))
    result = await corp.edit(merged(handle, None, first.spent), ENDED, rev=3)
    assert result.kind == "sent"
    (view,) = corp.sim.pane("WangFang")
    assert view.kind == "text"
    assert ENDED.result in view.content["content"]


async def test_after_72_hours_the_news_comes_as_a_text_and_the_code_is_not_tried(
    corp: Corp,
) -> None:
    handle = await _sent(corp)
    corp.clock.advance(72 * HOUR)
    result = await corp.edit(handle, ENDED)
    assert result.kind == "sent"
    assert corp.sim.calls("message/update_template_card") == 0
    assert corp.sim.calls("message/recall") == 0, "recall is possible for 24 hours only"
    assert [view.kind for view in corp.sim.pane("WangFang")] == ["template_card", "text"]


async def test_an_open_task_without_codes_gets_a_new_card_with_a_new_task_id(corp: Corp) -> None:
    handle = await _sent(corp) | {"codes": []}
    result = await corp.edit(handle, replace(CARD, lead="李四 正在处理"), rev=4)
    assert result.handle is not None
    assert result.handle["task_id"] == delivery().card_id + "@4"
    (view,) = corp.sim.pane("WangFang")
    assert view.content["main_title"]["desc"] == "李四 正在处理"
    later = merged(handle, result.handle, result.spent)
    await corp.edit(later, ENDED, rev=5)
    assert view.grey == "已结束", "the new card's own code closes it"


async def test_a_code_the_vendor_refuses_is_dropped_and_the_next_one_used(corp: Corp) -> None:
    handle = await _sent(corp)
    handle["codes"].insert(0, {"code": "bogus", "expires_us": corp.clock.now() + HOUR})
    result = await corp.edit(handle, ENDED)
    assert result.kind == "sent"
    assert len(result.spent) == 2
    assert corp.sim.pane("WangFang")[0].grey == "已结束"


async def test_a_limit_at_the_edit_keeps_the_code(corp: Corp) -> None:
    handle = await _sent(corp)
    corp.sim.order(Fault("update_template_card", errcode=45009))
    result = await corp.edit(handle, ENDED)
    assert (result.kind, result.spent) == ("later", ())
    assert (await corp.edit(handle, ENDED)).kind == "sent"
    assert corp.sim.pane("WangFang")[0].grey == "已结束"


async def test_silence_at_the_edit_spends_the_code(corp: Corp) -> None:
    handle = await _sent(corp)
    corp.sim.order(Fault("update_template_card", after=True))
    result = await corp.edit(handle, ENDED)
    assert result.kind == "ambiguous"
    assert result.spent == (handle["codes"][0]["code"],)


# -- answers -------------------------------------------------------------------------------------
async def test_accepted_then_silent_is_ambiguous_and_the_repetition_does_not_double(
    corp: Corp,
) -> None:
    corp.sim.order(Fault("message/send", after=True))
    first = await corp.channel.send(delivery())
    assert first.kind == "ambiguous"
    second = await corp.channel.send(replace(delivery(), again=True))
    assert second.kind == "sent"
    assert len(corp.sim.pane("WangFang")) == 1
    ended = await corp.edit(second.handle or {}, ENDED)
    assert ended.kind == "sent", "no code came back, so the end is told in words"


async def test_after_the_duplicate_window_a_taken_task_id_becomes_plain_words(corp: Corp) -> None:
    corp.sim.order(Fault("message/send", after=True))
    await corp.channel.send(delivery())
    corp.clock.advance(5 * HOUR)
    result = await corp.channel.send(replace(delivery(), again=True))
    assert result.kind == "sent"
    assert [view.kind for view in corp.sim.pane("WangFang")] == ["template_card", "textcard"]
    card = corp.sim.pane("WangFang")[-1].content
    assert (card["title"], card["btntxt"]) == (CARD.title, "打开任务")


async def test_what_a_textcard_cannot_hold_comes_as_a_text(corp: Corp) -> None:
    corp.sim.order(Fault("message/send", errcode=42045))
    long = replace(CARD, lead="质检员说外包装破损，请决定退货还是让步接收。" * 12)
    assert (await corp.channel.send(delivery(card=long))).kind == "sent"
    (view,) = corp.sim.pane("WangFang")
    assert view.kind == "text"
    assert "打开任务</a>" in view.content["content"]


async def test_somebody_who_is_not_there_is_never(corp: Corp) -> None:
    result = await corp.channel.send(delivery(user="Nobody"))
    assert (result.kind, result.code) == ("never", "wecom_81013")


async def test_somebody_without_a_licence_is_never_although_the_vendor_says_ok(corp: Corp) -> None:
    corp.sim.add_person("ZhaoMin", "赵敏", licensed=False)
    result = await corp.channel.send(delivery(user="ZhaoMin"))
    assert (result.kind, result.code) == ("never", "wecom_unlicensed")


@pytest.mark.parametrize(
    ("fault", "kind", "scope"),
    [
        (Fault("message/send", errcode=-1), "later", "account"),
        (Fault("message/send", errcode=45009), "later", "account"),
        (Fault("message/send", errcode=45033), "later", "account"),
        (Fault("message/send", errcode=60020), "later", "account"),
        (Fault("message/send", errcode=40003), "never", "person"),
        (Fault("message/send", errcode=99999), "never", "person"),
        (Fault("message/send", http=429), "later", "account"),
        (Fault("message/send", http=503), "later", "account"),
        (Fault("message/send", http=500), "ambiguous", "person"),
        (Fault("message/send", http=404), "later", "account"),
        (Fault("gettoken", http=500), "later", "account"),
        (Fault("gettoken", errcode=45009), "later", "account"),
    ],
)
async def test_every_trouble_is_answered_and_nothing_is_shown(
    corp: Corp, fault: Fault, kind: str, scope: str
) -> None:
    corp.sim.order(replace(fault))
    result = await corp.channel.send(delivery())
    assert (result.kind, result.scope) == (kind, scope)
    assert result.reason
    assert (result.retry_after_s > 0) == (kind == "later")
    assert corp.sim.pane("WangFang") == []


def test_an_untrusted_address_is_named() -> None:
    told = verdict(
        60020, "not allow to access from your ip, hint: [17], from ip: 203.0.113.9, more"
    )
    assert "203.0.113.9" in told.reason
    assert "未知" in verdict(60020, "").reason
    assert verdict(40003, "").gone
    assert http_verdict(429, "7").retry_after_s == 7
    assert http_verdict(429, "x" * 50).retry_after_s == 60


async def test_no_network_is_later_and_rubbish_is_ambiguous(clock: ManualClock) -> None:
    async def attempt(answer: Any) -> SendResult:
        def vendor(request: httpx.Request) -> httpx.Response:
            if "gettoken" in request.url.path:
                return httpx.Response(200, json={"access_token": "t", "expires_in": 7200})
            if isinstance(answer, Exception):
                raise answer
            return httpx.Response(200, content=answer)

        async with httpx.AsyncClient(transport=httpx.MockTransport(vendor)) as client:
            channel = WeCom(
                Account(CORP, AGENT, SECRET, "http://w/cgi-bin"),
                client,
                clock,
                page_of=lambda sent: sent.task_id,
            )
            return await channel.send(delivery())

    assert (await attempt(httpx.ConnectError("refused"))).kind == "later"
    assert (await attempt(httpx.ReadTimeout("slow"))).kind == "ambiguous"
    assert (await attempt(httpx.RemoteProtocolError("cut"))).kind == "ambiguous"
    for rubbish in (b"<html>", b"[]", b'{"errcode":"0"}', b""):
        assert (await attempt(rubbish)).kind == "ambiguous"


# -- pictures ------------------------------------------------------------------------------------
async def test_a_picture_is_uploaded_once_and_again_before_it_expires(corp: Corp) -> None:
    card = replace(CARD, picture="f1")
    await corp.channel.send(delivery(1, card=card))
    await corp.channel.send(delivery(2, card=card))
    assert corp.sim.calls("media/upload") == 1
    row = corp.sim.pane("WangFang")[0].content["horizontal_content_list"][-1]
    assert corp.sim.vendor.media[row["media_id"]][1] == b"\xff\xd8picture of f1"
    corp.clock.advance(3 * DAY)
    await corp.channel.send(delivery(3, card=card))
    assert corp.sim.calls("media/upload") == 2
    assert len(corp.sim.pane("WangFang")) == 3


async def test_a_card_does_not_wait_for_a_picture_that_cannot_be_had(corp: Corp) -> None:
    corp.sim.order(Fault("media/upload", http=500))
    result = await corp.channel.send(delivery(card=replace(CARD, picture="f1")))
    assert result.kind == "sent"
    rows = corp.sim.pane("WangFang")[0].content["horizontal_content_list"]
    assert all("media_id" not in row for row in rows)


async def test_the_configured_account_speaks_to_the_simulator(corp: Corp) -> None:
    settings = Settings(
        wecom_corp_id=CORP,
        wecom_agent_id=AGENT,
        wecom_secret=SecretStr(SECRET),
        wecom_token=SecretStr(TOKEN),
        wecom_aes_key=SecretStr(AES_KEY),
        wecom_api_base="http://simulator/cgi-bin/",
        public_url="http://127.0.0.1:8600/",
    )
    channel = channel_of(settings, corp.clock, httpx.ASGITransport(corp.sim.app))
    assert (await channel.send(delivery(card=replace(CARD, buttons=())))).kind == "sent"
    link = corp.sim.pane("WangFang")[0].content["card_action"]["url"]
    assert link == f"http://127.0.0.1:8600/tasks/{delivery().task_id}"
    await channel.aclose()
    assert callbacks_of(settings, corp.clock).crypto == corp.callbacks.crypto


async def test_the_doctor_can_ask_for_the_callback_addresses(corp: Corp) -> None:
    assert await corp.channel.api.callback_ips() == ["127.0.0.1"]
