"""What comes back: real signatures, both published shapes, photos, and anything else at all."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.dingtalk import (
    Account,
    Callbacks,
    DingTalk,
    card_answer,
    card_id_of,
    card_secret,
    route_key,
)
from bots.dingtalk.api import LARGEST_FILE
from bots.dingtalk.receive import MAX_BODY, session_webhook
from bots.said import Answer, CallbackRejected, Click, Other, Photo, Received, Word, said_from
from bots.simulator.dingtalk import Fault
from core.clock import HOUR, MINUTE, SECOND, ManualClock
from tests.bots.conftest import delivery
from tests.bots.dingtalk_firm import CLIENT_ID, OURS, SECRET, TEMPLATE, Firm, open_firm
from tests.databases import MONDAY_0900

CLICK = {
    "type": "actionCallback",
    "outTrackId": "0" * 32,
    "corpId": "dingcorp",
    "userId": "WangFang",
    "content": '{"cardPrivateData":{"actionIds":["b1"],"params":{"data":"a1:x~why~dent"}}}',
}
MESSAGE = {
    "msgId": "msg1",
    "conversationType": "1",
    "senderStaffId": "WangFang",
    "senderId": "$:LWCP_v1:$x",
    "createAt": 1_772_413_200_000,
    "msgtype": "text",
    "text": {"content": " 库存 JL-203 "},
}


@pytest.fixture
async def firm(clock: ManualClock) -> AsyncIterator[Firm]:
    """Everything over HTTP: cards and messages."""
    account = Account(CLIENT_ID, SECRET, template_id=TEMPLATE, mode="http")
    async with open_firm(clock, account=account) as found:
        found.sim.fingers.message_url = OURS
        yield found


@pytest.fixture
def callbacks(clock: ManualClock) -> Callbacks:
    return Callbacks(SECRET, clock)


def mac(secret: str, message: str) -> str:
    raw = hmac.new(secret.encode(), message.encode(), hashlib.sha256).digest()
    return base64.b64encode(raw).decode()


def card_headers(at: int, secret: str = SECRET) -> dict[str, str]:
    stamp = str(at // 1000)
    signature = mac(card_secret(secret), stamp)
    return {"X-DDPaaS-Signature-Timestamp": stamp, "X-DDPaaS-Signature": signature}


# -- over HTTP, from the simulator ---------------------------------------------------------------
async def test_a_press_arrives_as_a_click_with_its_token_and_choice(firm: Firm) -> None:
    await firm.channel.send(delivery())
    posted = await firm.sim.press("WangFang", "退回供应商：效期不足")
    assert posted.statuses == (200,)
    (click,) = firm.clicks()
    assert click.user_id == "WangFang"
    assert card_id_of(click.card) == delivery().card_id
    assert click.token == delivery().tokens["return"]
    assert click.inputs == {"reason": "expiry"}


async def test_the_address_is_registered_before_the_first_card_and_once(firm: Firm) -> None:
    firm.sim.order(Fault("callbacks/register", status=500, code="system.busy"))
    refused = await firm.channel.send(delivery())
    assert (refused.kind, firm.sim.pane("WangFang")) == ("later", [])
    for number in (1, 2, 3):
        assert (await firm.channel.send(delivery(number))).kind == "sent"
    assert firm.sim.calls("card/callbacks/register") == 2
    assert firm.sim.vendor.routes[route_key(CLIENT_ID)][0] == OURS


@pytest.mark.parametrize("shape", ["content", "value", "beside"])
async def test_both_published_shapes_of_a_press_are_read(firm: Firm, shape: Any) -> None:
    await firm.channel.send(delivery())
    firm.sim.fingers.shape = shape
    await firm.sim.press("WangFang", "让步接收")
    (click,) = firm.clicks()
    assert click.token == delivery().tokens["concede"]


async def test_what_the_presser_is_told_stands_on_the_pressers_card_alone(firm: Firm) -> None:
    await firm.channel.send(delivery(1, "WangFang"))
    await firm.channel.send(delivery(2, "LiSi"))
    firm.answer = Answer("pressed", "李四 已经在处理")
    posted = await firm.sim.press("WangFang", "让步接收")
    assert posted.spoken == "李四 已经在处理"
    shown = {
        user: [each["text"] for each in firm.sim.vendor.blocks(firm.sim.pane(user)[-1])]
        for user in ("WangFang", "LiSi")
    }
    assert "李四 已经在处理" in shown["WangFang"]
    assert "李四 已经在处理" not in shown["LiSi"]


async def test_a_repeated_press_has_the_same_key_and_another_button_has_not(firm: Firm) -> None:
    await firm.channel.send(delivery())
    firm.sim.fingers.copies = 2
    await firm.sim.press("WangFang", "让步接收")
    firm.clock.advance(2 * MINUTE)
    firm.sim.fingers.copies = 1
    await firm.sim.press("WangFang", "退回供应商：效期不足")
    keys = [each.dedupe_key for each in firm.received]
    assert keys[0] == keys[1] != keys[2]
    assert all(key.startswith("dingtalk:") for key in keys)


async def test_words_and_photos_over_http(firm: Firm) -> None:
    await firm.channel.tell("WangFang", "在的")  # so that the vendor knows its own address
    await firm.sim.say("WangFang", " 待办 ")
    await firm.sim.photo("WangFang", b"\xff\xd8one")
    await firm.sim.photo("WangFang", b"\xff\xd8two", "3 号库 破损")
    word, first, second = (each.said for each in firm.received)
    assert word == Word("WangFang", "待办")
    assert isinstance(first, Photo)
    assert isinstance(second, Photo)
    assert second.caption == "3 号库 破损"
    assert await firm.channel.fetch(first.media) == b"\xff\xd8one"
    assert await firm.channel.fetch(second.media) == b"\xff\xd8two"


async def test_another_applications_callbacks_are_refused(firm: Firm) -> None:
    await firm.channel.send(delivery())
    firm.sim.vendor.routes[route_key(CLIENT_ID)] = (OURS, "guessed")
    posted = await firm.sim.press("WangFang", "让步接收")
    assert (posted.statuses, firm.rejected) == ((403,), ["bad_signature"])


# -- photos --------------------------------------------------------------------------------------
async def test_a_photo_that_is_gone_says_what_to_do(firm: Firm) -> None:
    with pytest.raises(LookupError, match="请再发一次"):
        await firm.channel.fetch("code-of-last-year")
    firm.sim.order(Fault("messageFiles/download", status=503))
    with pytest.raises(LookupError, match="请再发一次"):
        await firm.channel.fetch("any")


@pytest.mark.parametrize(
    ("url", "size", "why"),
    [
        ("http://169.254.169.254/latest", 1, ""),  # asked as https, and not there
        ("ftp://oss.example/x", 1, "请再发一次"),
        ("", 1, "请再发一次"),
        ("https://oss.example/large", LARGEST_FILE + 1, "10 MB"),
    ],
)
async def test_only_https_and_only_ten_megabytes(
    clock: ManualClock, url: str, size: int, why: str
) -> None:
    asked: list[str] = []

    def vendor(request: httpx.Request) -> httpx.Response:
        if request.url.host == "api.dingtalk.com":
            token = {"accessToken": "t", "expireIn": 7200}
            return httpx.Response(200, json=token | {"downloadUrl": url})
        asked.append(str(request.url))
        return httpx.Response(200, content=b"x" * size)

    async with httpx.AsyncClient(transport=httpx.MockTransport(vendor)) as client:
        channel = DingTalk(Account("c", "s"), client, clock, page_of=lambda _: "")
        if why:
            with pytest.raises(LookupError, match=why):
                await channel.fetch("code")
        else:
            assert await channel.fetch("code") == b"x"
    assert all(each.startswith("https://") for each in asked)


# -- shapes --------------------------------------------------------------------------------------
def test_a_frame_is_read_without_any_signature(callbacks: Callbacks) -> None:
    for data in (CLICK, json.dumps(CLICK), json.dumps(CLICK).encode()):
        received = callbacks.receive_card(data)
        assert received.said == Click("WangFang", "0" * 32, "a1:x", {"why": "dent"})


def test_a_card_made_anew_is_still_ours(callbacks: Callbacks) -> None:
    said = callbacks.receive_card(CLICK | {"outTrackId": "0" * 32 + "@4"}).said
    assert isinstance(said, Click)
    assert said.card == "0" * 32


@pytest.mark.parametrize(
    "content",
    ['{"cardPrivateData":{"actionIds":["b1"],"params":{}}}', "{}", "not json", ["x"], None, 7],
)
def test_a_button_without_our_data_is_nothing_we_act_on(callbacks: Callbacks, content: Any) -> None:
    received = callbacks.receive_card(CLICK | {"content": content})
    assert received.said == Other("WangFang", "card")


def test_a_message_says_who_what_and_when(callbacks: Callbacks) -> None:
    received = callbacks.receive_message(MESSAGE)
    assert received.said == Word("WangFang", "库存 JL-203")
    assert received.at == 1_772_413_200_000_000
    again = callbacks.receive_message(MESSAGE | {"sessionWebhook": "https://other"})
    assert again.dedupe_key == received.dedupe_key


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"msgtype": "audio", "content": {"recognition": "x"}}, Other("WangFang", "audio")),
        ({"msgtype": "picture", "content": {}}, Other("WangFang", "picture")),
        (
            {"msgtype": "picture", "content": {"downloadCode": "dc"}},
            Photo("WangFang", "dc"),
        ),
        (
            {"msgtype": "picture", "content": '{"downloadCode":"dc"}'},
            Photo("WangFang", "dc"),
        ),
        (
            {"msgtype": "richText", "content": {"richText": [{"text": "收 "}, {"text": "完了"}]}},
            Word("WangFang", "收 完了"),
        ),
        ({"msgtype": "richText", "content": {"richText": []}}, Other("WangFang", "richText")),
        ({"senderStaffId": ""}, Other("$:LWCP_v1:$x", "text")),
    ],
)
def test_other_kinds_of_message(callbacks: Callbacks, change: Any, said: Any) -> None:
    assert callbacks.receive_message(MESSAGE | change).said == said


def test_a_group_is_not_answered_where_everybody_reads() -> None:
    where = {"sessionWebhook": "https://oapi.dingtalk.com/x", "sessionWebhookExpiredTime": 2}
    assert session_webhook(where | {"conversationType": "1"}, 1000) == where["sessionWebhook"]
    assert session_webhook(where | {"conversationType": "2"}, 1000) == ""
    assert session_webhook(where | {"conversationType": "1"}, 2000) == "", "it has expired"
    assert session_webhook("rubbish", 0) == ""


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://oapi.dingtalk.com/robot/sendBySession?session=x", True),
        ("https://api.dingtalk.com/x", True),
        ("http://oapi.dingtalk.com/x", False),
        ("https://oapi.dingtalk.com.evil.example/x", False),
        ("https://evildingtalk.com/x", False),
        ("https://oapi.dingtalk.com@evil.example/x", False),
        ("https://user@x.dingtalk.com/x", False),
        ("http://vendor:8600/dingtalk/x", True),
        ("http://vendor:8601/dingtalk/x", False),
        ("http://[broken", False),
        ("", False),
    ],
)
def test_only_dingtalk_is_told_an_answer(url: str, trusted: bool) -> None:
    account = Account("c", "s", oapi_base="http://vendor:8600/dingtalk")
    assert account.trusts(url) is trusted


def test_an_answer_is_a_note_for_the_presser() -> None:
    assert card_answer(Answer("nothing")) == {}
    note = card_answer(Answer("pressed", "长" * 500))["userPrivateData"]["cardParamMap"]["note"]
    assert len(note.encode()) <= 1024


# -- refusals ------------------------------------------------------------------------------------
def rejected(callbacks: Callbacks, headers: dict[str, str], body: bytes) -> str:
    with pytest.raises(CallbackRejected) as caught:
        callbacks.receive(headers, body)
    assert caught.value.sentence
    return f"{caught.value.code} {caught.value.status}"


def test_signatures_are_checked(callbacks: Callbacks, clock: ManualClock) -> None:
    body, now = orjson.dumps(CLICK), clock.now()
    assert callbacks.receive(card_headers(now), body).said
    stamp = str(now // 1000)
    for_words = {"timestamp": stamp, "sign": mac(SECRET, f"{stamp}\n{SECRET}")}
    assert callbacks.receive(for_words, orjson.dumps(MESSAGE)).said
    assert rejected(callbacks, {}, body) == "unsigned 403"
    assert rejected(callbacks, card_headers(now, "other"), body) == "bad_signature 403"
    assert rejected(callbacks, for_words | {"sign": "长"}, body) == "malformed 400"
    assert rejected(callbacks, for_words | {"timestamp": "x"}, body) == "malformed 400"
    assert rejected(callbacks, card_headers(now), b"x" * (MAX_BODY + 1)) == "too_large 413"
    assert rejected(callbacks, card_headers(now), b"[]") == "malformed 400"


@pytest.mark.parametrize("off", [-6 * MINUTE, 6 * MINUTE, -HOUR])
def test_a_signature_covers_five_minutes(
    callbacks: Callbacks, clock: ManualClock, off: int
) -> None:
    body = orjson.dumps(CLICK)
    assert rejected(callbacks, card_headers(clock.now() + off), body) == "stale 403"
    near = off // abs(off) * (5 * MINUTE - SECOND)
    assert callbacks.receive(card_headers(clock.now() + near), body).said


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = ["outTrackId", "userId", "content", "value", "params", "type", "msgtype", "text"]
NAMES += ["cardPrivateData", "senderStaffId", "senderId", "msgId", "createAt", "sessionWebhook"]
objects = st.dictionaries(st.sampled_from(NAMES), json_values | st.just("{}"), max_size=8)


@given(objects | json_values | st.binary())
def test_nothing_but_a_refusal_ever_comes_out(data: Any) -> None:
    callbacks = Callbacks(SECRET, ManualClock(MONDAY_0900))
    for read in (callbacks.receive_card, callbacks.receive_message):
        try:
            received = read(data)
        except CallbackRejected:
            continue
        assert isinstance(received, Received)
        assert said_from(received.body()) == received.said
    session_webhook(data, 0)


@given(st.dictionaries(st.sampled_from(["sign", "timestamp", "x"]), st.text()), st.binary())
def test_no_header_and_no_body_breaks_the_door(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(CallbackRejected):
        Callbacks(SECRET, ManualClock(MONDAY_0900)).receive(headers, body)
