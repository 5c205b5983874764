"""Sending and changing against the simulated Bot API: limits, fallbacks, honest answers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bots.refusal import Refused
from bots.said import Answer, Click, Photo, Received, Word
from bots.simulator.telegram import CannotPress, Fault
from bots.telegram import Account, Telegram, callbacks_of, channel_of
from bots.telegram import send as sending
from bots.telegram.listen import POLL_SECONDS
from bots.telegram.wire import Wire
from core.clock import HOUR, MINUTE, SECOND, ManualClock
from core.config import Settings
from core.outbox.card import Button, Card
from core.outbox.channel import Channel, SendResult
from tests.bots.conftest import CARD, ENDED, delivery
from tests.bots.telegram_world import HOOK, LI, SECRET, TOKEN, WANG, TelegramWorld

CONCEDE = "让步接收"


def test_it_is_a_channel(telegram: TelegramWorld) -> None:
    channel: Channel = telegram.channel
    assert channel.name == "telegram"
    assert channel.capabilities.inputs == {"choice"}
    assert not channel.capabilities.receipts
    assert channel.capabilities.pictures


async def test_a_card_arrives_and_its_handle_holds_what_an_edit_needs(
    telegram: TelegramWorld,
) -> None:
    handle = await telegram.sent(delivery(user=WANG))
    (view,) = telegram.sim.pane(WANG)
    assert view.content["text"].startswith(CARD.title)
    assert view.content["entities"][0] == {"type": "bold", "offset": 0, "length": len(CARD.title)}
    assert handle == {"ref": view.msg_id, "chat": WANG, "kind": "text"}
    labels = [
        [each["text"] for each in row] for row in view.content["reply_markup"]["inline_keyboard"]
    ]
    assert labels == [["退回供应商：外包装破损"], ["退回供应商：效期不足"], [CONCEDE]]


async def test_a_press_says_the_card_the_token_and_the_choice(telegram: TelegramWorld) -> None:
    handle = await telegram.sent(delivery(user=WANG))
    async with telegram.listening():
        await telegram.sim.press(WANG, "退回供应商：效期不足")
        await telegram.sim.taken()
    (click,) = telegram.clicks()
    token = delivery().tokens["return"]
    assert click == Click(WANG, handle["ref"], token, {"reason": "expiry"})


# -- changing ------------------------------------------------------------------------------------
async def test_an_edit_changes_the_same_message(telegram: TelegramWorld) -> None:
    first = delivery(user=WANG)
    handle = await telegram.sent(first)
    assert await telegram.edit(first, handle, replace(CARD, lead="李四 正在处理")) == SendResult(
        "sent"
    )
    (view,) = telegram.sim.pane(WANG)
    assert view.edited
    assert "李四 正在处理" in view.content["text"]
    assert not view.grey


async def test_closing_takes_the_buttons_away_and_says_who_won(telegram: TelegramWorld) -> None:
    first = delivery(user=WANG)
    handle = await telegram.sent(first)
    await telegram.edit(first, handle, ENDED)
    (view,) = telegram.sim.pane(WANG)
    assert view.grey
    assert ENDED.result in view.content["text"]
    assert CARD.footer not in view.content["text"], "whom it goes to next is no longer true"
    with pytest.raises(CannotPress):
        await telegram.sim.press(WANG, CONCEDE)


async def test_you_can_bot_170_not_modified_is_success(telegram: TelegramWorld) -> None:
    """183 errors a day for an edit that changed nothing."""
    first = delivery(user=WANG)
    handle = await telegram.sent(first)
    assert (await telegram.edit(first, handle, CARD)).kind == "sent"
    assert telegram.sim.calls("editMessageText") == 1


async def test_a_deleted_message_is_said_anew(telegram: TelegramWorld) -> None:
    first = delivery(user=WANG)
    handle = await telegram.sent(first)
    telegram.sim.pane(WANG)[0].gone = True
    result = await telegram.edit(first, handle, ENDED)
    (view,) = telegram.sim.pane(WANG)
    assert result.kind == "sent"
    assert result.handle == handle | {"ref": view.msg_id}
    assert ENDED.result in view.content["text"]


async def test_a_message_that_cannot_be_edited_any_more_is_said_anew(
    telegram: TelegramWorld,
) -> None:
    first = delivery(user=WANG)
    handle = await telegram.sent(first)
    words = "Bad Request: message can't be edited"
    telegram.sim.order(Fault("editMessageText", code=400, description=words))
    assert (await telegram.edit(first, handle, ENDED)).kind == "sent"
    assert len(telegram.sim.pane(WANG)) == 2


async def test_a_card_whose_number_nobody_knows_is_said_anew(telegram: TelegramWorld) -> None:
    assert (await telegram.edit(delivery(user=WANG), {}, ENDED)).kind == "sent"
    assert ENDED.result in telegram.sim.pane(WANG)[0].content["text"]


# -- pictures ------------------------------------------------------------------------------------
async def test_a_picture_carries_the_card_and_is_uploaded_once(telegram: TelegramWorld) -> None:
    card = replace(CARD, picture="f1")
    handle = await telegram.sent(delivery(1, WANG, card))
    await telegram.sent(delivery(2, LI, card))
    (view,), (other,) = telegram.sim.pane(WANG), telegram.sim.pane(LI)
    assert (view.kind, other.kind) == ("photo", "photo")
    assert view.content["photo"][0]["file_id"] == other.content["photo"][0]["file_id"]
    assert len(telegram.sim.vendor.files) == 1
    assert view.content["caption"].startswith(CARD.title)
    await telegram.edit(delivery(1, WANG, card), handle, replace(ENDED, picture="f1"))
    assert view.grey
    assert ENDED.result in view.content["caption"]
    assert telegram.sim.calls("editMessageCaption") == 1


async def test_a_picture_keeps_its_place_and_its_shorter_limit(telegram: TelegramWorld) -> None:
    first = delivery(1, WANG, replace(CARD, picture="f1"))
    handle = await telegram.sent(first)
    longer = replace(CARD, picture="f2", lead="长" * 3000)
    assert (await telegram.edit(first, handle, longer)).kind == "sent"
    (view,) = telegram.sim.pane(WANG)
    assert "长…" in view.content["caption"]


@pytest.mark.parametrize("picture", ["lost", "huge"])
async def test_a_picture_that_cannot_be_had_or_sent_is_left_out(
    telegram: TelegramWorld, picture: str
) -> None:
    await telegram.sent(delivery(1, WANG, replace(CARD, picture=picture)))
    (view,) = telegram.sim.pane(WANG)
    assert view.kind == "text"
    assert telegram.sim.calls("sendPhoto") == 0


async def test_a_picture_that_telegram_refuses_is_left_out(telegram: TelegramWorld) -> None:
    words = "Bad Request: IMAGE_PROCESS_FAILED"
    telegram.sim.order(Fault("sendPhoto", code=400, description=words))
    handle = await telegram.sent(delivery(1, WANG, replace(CARD, picture="f1")))
    assert handle["kind"] == "text"


async def test_a_forgotten_file_id_is_uploaded_again_next_time(telegram: TelegramWorld) -> None:
    card = replace(CARD, picture="f1")
    await telegram.sent(delivery(1, WANG, card))
    telegram.sim.vendor.files.clear()
    assert (await telegram.sent(delivery(2, LI, card)))["kind"] == "text"
    assert (await telegram.sent(delivery(3, LI, card)))["kind"] == "picture"


# -- limits --------------------------------------------------------------------------------------
async def test_telebot_110_no_button_is_ever_too_long(telegram: TelegramWorld) -> None:
    """BUTTON_DATA_INVALID: what does not fit into 64 bytes is asked on the page."""
    long = replace(CARD.buttons[0].inputs[0], options=(("甲" * 20, "很长"),))
    card = replace(CARD, buttons=(Button("return", "退回", "danger", (long,)),))
    await telegram.sent(delivery(1, WANG, card))
    (button,) = telegram.sim.pane(WANG)[0].content["reply_markup"]["inline_keyboard"][0]
    assert button["web_app"]["url"] == f"https://jieli.example/tasks/{delivery().task_id}"


async def test_a_token_that_is_too_long_is_refused_here_not_there(telegram: TelegramWorld) -> None:
    bad = replace(delivery(user=WANG), tokens={"return": "t", "concede": "x" * 65})
    result = await telegram.channel.send(bad)
    assert (result.kind, result.code) == ("never", "card_invalid")
    assert telegram.sim.calls("sendMessage") == 0


async def test_words_of_any_length_and_with_any_sign_go_through(telegram: TelegramWorld) -> None:
    title = "<b>3 < 5 & 7 > 2</b> &lt; 🙂"
    card = replace(CARD, title=title, lead="长🙂" * 5000)
    await telegram.sent(delivery(1, WANG, card))
    telegram.clock.advance(SECOND)
    await telegram.sent(delivery(2, WANG, replace(card, picture="f1")))
    text, caption = (view.content for view in telegram.sim.pane(WANG))
    assert text["text"].startswith(title)
    assert caption["caption"].startswith(title)


async def test_a_card_that_is_refused_for_its_form_comes_as_plain_words(
    telegram: TelegramWorld,
) -> None:
    words = "Bad Request: can't parse entities: Unsupported start tag"
    telegram.sim.order(Fault("sendMessage", code=400, description=words))
    await telegram.sent(delivery(user=WANG))
    (view,) = telegram.sim.pane(WANG)
    assert "entities" not in view.content
    assert view.content["text"].endswith(
        f"打开任务：https://jieli.example/tasks/{delivery().task_id}"
    )


# -- answers -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fault", "kind", "code", "scope"),
    [
        (Fault("sendMessage", retry_after=7), "later", "telegram_429", "person"),
        (Fault("sendMessage", http=429), "later", "http_429", "account"),
        (Fault("sendMessage", http=503), "later", "http_503", "account"),
        (Fault("sendMessage", http=407), "later", "telegram_foreign", "account"),
        (Fault("sendMessage", http=403), "later", "telegram_foreign", "account"),
        (Fault("sendMessage", http=404), "later", "telegram_foreign", "account"),
        (Fault("sendMessage", http=502), "ambiguous", "http_502", "person"),
        (
            Fault("sendMessage", code=500, description="Internal"),
            "ambiguous",
            "no_answer",
            "person",
        ),
        (
            Fault("sendMessage", code=401, description="Unauthorized"),
            "later",
            "telegram_token",
            "account",
        ),
        (
            Fault("sendMessage", code=409, description="Conflict: x"),
            "later",
            "telegram_conflict",
            "account",
        ),
        (
            Fault("sendMessage", code=400, description="Bad Request: new"),
            "never",
            "telegram_refused",
            "person",
        ),
        (
            Fault("sendMessage", code=403, description="Forbidden: new"),
            "never",
            "telegram_refused",
            "person",
        ),
        (Fault("sendMessage", silent="connect"), "later", "unreachable", "account"),
        (Fault("sendMessage", silent="before"), "ambiguous", "no_answer", "person"),
    ],
)
async def test_every_trouble_is_answered_and_nothing_is_shown(
    telegram: TelegramWorld, fault: Fault, kind: str, code: str, scope: str
) -> None:
    telegram.sim.order(replace(fault))
    result = await telegram.channel.send(delivery(user=WANG))
    assert (result.kind, result.code, result.scope) == (kind, code, scope)
    assert result.reason
    assert not result.gone
    assert (result.retry_after_s > 0) == (kind == "later")
    assert telegram.sim.pane(WANG) == []


@pytest.mark.parametrize(
    "broken", [b"[]", b"7", b'{"ok":true}', b'{"ok":true,"result":[1]}', b"{", b""]
)
async def test_an_answer_that_cannot_be_read_is_ambiguous(
    clock: ManualClock, broken: bytes
) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=broken))
    channel = _channel(clock, transport)
    assert (await channel.send(delivery(user=WANG))).kind == "ambiguous"
    assert (await channel.tell(WANG, "好")).kind == "ambiguous"
    await channel.aclose()


@pytest.mark.parametrize("failure", [httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError])
async def test_what_never_left_may_go_again(
    clock: ManualClock, failure: type[httpx.TransportError]
) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise failure("no way out")

    channel = _channel(clock, httpx.MockTransport(refuse))
    result = await channel.send(delivery(user=WANG))
    assert (result.kind, result.code) == ("later", "unreachable")
    assert "JIELI_TELEGRAM_PROXY" in result.reason
    await channel.aclose()


async def test_silence_ends_before_the_outbox_would_end_it(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(sending, "PATIENCE_SECONDS", 0.01)
    channel = _channel(clock, httpx.MockTransport(hang))
    assert (await channel.send(delivery(user=WANG))).code == "no_answer"
    await channel.answer(Received(Click(WANG, "1", "t"), "d", "q", 0), Answer("nothing"))
    await channel.aclose()


async def test_accepted_then_silent_is_ambiguous_and_both_cards_press_the_same(
    telegram: TelegramWorld,
) -> None:
    """Telegram has no idempotency key: the repetition doubles the card, not the deed."""
    telegram.sim.order(Fault("sendMessage", silent="after"))
    assert (await telegram.channel.send(delivery(user=WANG))).kind == "ambiguous"
    await telegram.sent(replace(delivery(user=WANG), again=True))
    first, second = telegram.sim.pane(WANG)
    assert first.content["reply_markup"] == second.content["reply_markup"]


@pytest.mark.parametrize("state", ["blocked", "gone", "not started", "unknown"])
async def test_somebody_who_cannot_be_reached_is_gone(telegram: TelegramWorld, state: str) -> None:
    person = telegram.sim.vendor.people[WANG]
    person.blocked, person.gone = state == "blocked", state == "gone"
    person.started = state != "not started"
    result = await telegram.channel.send(delivery(user="9" if state == "unknown" else WANG))
    assert (result.kind, result.gone) == ("never", True)
    assert "按「开始」" in result.reason


@pytest.mark.parametrize("user", ["@wangfang", "", "-100123", "１００１", "0", "9" * 40])
async def test_an_account_that_is_no_number_is_never(telegram: TelegramWorld, user: str) -> None:
    result = await telegram.channel.send(delivery(user=user))
    assert (result.kind, result.code) == ("never", "telegram_user_id")
    assert (await telegram.channel.tell(user, "好")).code == "telegram_user_id"


async def test_a_revoked_token_names_the_setting(telegram: TelegramWorld) -> None:
    telegram.sim.revoke_token("7000001:fresh")
    result = await telegram.channel.send(delivery(user=WANG))
    assert (result.kind, result.scope, result.retry_after_s) == ("later", "account", 600)
    assert "JIELI_TELEGRAM_TOKEN" in result.reason


async def test_too_fast_for_one_chat_is_that_persons_matter(telegram: TelegramWorld) -> None:
    results = [await telegram.channel.send(delivery(n, WANG)) for n in range(1, 6)]
    assert [each.kind for each in results] == ["sent", "sent", "sent", "later", "later"]
    assert (results[-1].scope, results[-1].retry_after_s) == ("person", 1)
    assert (await telegram.channel.send(delivery(9, LI))).kind == "sent"
    telegram.clock.advance(SECOND)
    assert (await telegram.channel.send(delivery(4, WANG))).kind == "sent"


# -- words, answers, photos ----------------------------------------------------------------------
async def test_telling_is_plain_words(telegram: TelegramWorld) -> None:
    assert (await telegram.channel.tell(WANG, "1 < 2 & <b>没有加粗</b>")).kind == "sent"
    assert telegram.sim.pane(WANG)[0].content == {"text": "1 < 2 & <b>没有加粗</b>"}


@pytest.mark.parametrize(
    ("answer", "toast", "alert"),
    [
        (Answer("nothing"), "", False),
        (Answer("pressed", "已由 李四 处理"), "已由 李四 处理", True),
        (Answer("text", "不" * 500), "不" * 199 + "…", True),
    ],
)
async def test_a_press_is_always_answered(
    telegram: TelegramWorld, answer: Answer, toast: str, alert: bool
) -> None:
    await telegram.sent(delivery(user=WANG))
    telegram.answers.append(answer)
    async with telegram.listening():
        posted = await telegram.sim.press(WANG, CONCEDE)
        await telegram.sim.taken()
    (view,) = telegram.sim.pane(WANG)
    assert (view.toast, view.alert) == (toast, alert)
    assert telegram.sim.vendor.presses[posted.query_ids[0]].answered


async def test_an_answer_that_comes_too_late_is_swallowed(telegram: TelegramWorld) -> None:
    await telegram.sent(delivery(user=WANG))
    await telegram.sim.press(WANG, CONCEDE)
    telegram.clock.advance(2 * MINUTE)
    async with telegram.listening():
        await telegram.sim.taken()
    assert telegram.sim.calls("answerCallbackQuery") == 1
    assert len(telegram.clicks()) == 1


@pytest.mark.parametrize("said", [Word(WANG, "待办"), Photo(WANG, "f", "")])
async def test_words_and_photos_are_answered_in_words(
    telegram: TelegramWorld, said: Word | Photo
) -> None:
    received = Received(said, "d", "", 0)
    await telegram.channel.answer(received, Answer("text", "没有待办。"))
    await telegram.channel.answer(received, Answer("nothing"))
    assert [view.content["text"] for view in telegram.sim.pane(WANG)] == ["没有待办。"]
    telegram.sim.vendor.people[WANG].gone = True
    await telegram.channel.answer(received, Answer("text", "到不了，也不出错"))


async def test_a_photo_is_fetched_and_one_that_is_gone_says_so(telegram: TelegramWorld) -> None:
    async with telegram.listening():
        await telegram.sim.photo(WANG, b"\xff\xd8" + b"x" * 100, "破损")
        await telegram.sim.taken()
    (received,) = telegram.received
    assert isinstance(received.said, Photo)
    assert await telegram.channel.fetch(received.said.media) == b"\xff\xd8" + b"x" * 100
    with pytest.raises(LookupError, match="重新拍一张"):
        await telegram.channel.fetch("AgAC-unknown")
    big = telegram.sim.vendor.keep_file("big.jpg", b"x" * (21 << 20))
    with pytest.raises(LookupError, match="20 MB"):
        await telegram.channel.fetch(big)
    telegram.sim.order(Fault("getFile", silent="connect"))
    with pytest.raises(ConnectionError, match="连不上"):
        await telegram.channel.fetch(received.said.media)


async def test_a_file_over_20_mb_is_not_fetched_from_a_server_that_would(
    clock: ManualClock,
) -> None:
    """A Bot API server of one's own has no such limit; our memory has."""

    def serve(request: httpx.Request) -> httpx.Response:
        assert request.url.path.endswith("/getFile"), "nothing is downloaded"
        file = {"file_id": "f", "file_unique_id": "u", "file_size": 21 << 20, "file_path": "a.jpg"}
        return httpx.Response(200, json={"ok": True, "result": file})

    channel = _channel(clock, httpx.MockTransport(serve))
    with pytest.raises(LookupError, match="20 MB"):
        await channel.fetch("f")
    await channel.aclose()


async def test_a_link_to_a_file_lives_an_hour(telegram: TelegramWorld) -> None:
    file_id = telegram.sim.vendor.keep_file("a.jpg", b"picture")
    path = telegram.sim.vendor.get_file({"file_id": file_id})["file_path"]
    assert telegram.sim.vendor.download(path) == b"picture"
    telegram.clock.advance(HOUR)
    assert telegram.sim.vendor.download(path) is None
    assert await telegram.channel.fetch(file_id) == b"picture"


# -- the webhook's registration ------------------------------------------------------------------
async def test_oncall_2100_the_webhook_is_set_only_when_something_differs(
    telegram: TelegramWorld,
) -> None:
    """set_webhook called on every request ended in a flood limit."""
    codes = [(await telegram.channel.register_webhook(HOOK)).code for _ in range(3)]
    assert codes == ["webhook_set", "webhook_kept", "webhook_kept"]
    assert telegram.sim.calls("setWebhook") == 1
    moved = await telegram.channel.register_webhook("https://other.example/callbacks/telegram")
    assert moved.code == "webhook_set"


async def test_an_outdated_secret_is_registered_again(telegram: TelegramWorld) -> None:
    await telegram.channel.register_webhook(HOOK)
    telegram.sim.updates.webhook.secret = "of an earlier time"
    assert (await telegram.sim.say(WANG, "待办")).statuses == (403, 403, 403)
    assert (await telegram.channel.register_webhook(HOOK)).code == "webhook_set"
    assert await telegram.sim.updates.post_waiting() == [200]
    assert [each.said for each in telegram.received] == [Word(WANG, "待办")]


@pytest.mark.parametrize(
    "url",
    [
        "http://jieli.example/x",
        "https://jieli.example:8600/x",
        "jieli",
        "https://a:b:c",
        "https://x:99999",
    ],
)
async def test_an_address_that_telegram_would_not_post_to_is_not_registered(
    telegram: TelegramWorld, url: str
) -> None:
    result = await telegram.channel.register_webhook(url)
    assert (result.kind, result.code) == ("never", "telegram_webhook")
    assert "JIELI_PUBLIC_URL" in result.reason
    assert telegram.sim.calls("setWebhook") == 0


async def test_without_a_secret_nothing_is_registered(telegram: TelegramWorld) -> None:
    account = Account(TOKEN, "http://telegram")
    channel = Telegram(account, telegram.clock, telegram.transport, page_of=lambda _: "")
    assert "JIELI_TELEGRAM_WEBHOOK_SECRET" in (await channel.register_webhook(HOOK)).reason
    await channel.aclose()


# -- from settings -------------------------------------------------------------------------------
async def test_it_is_made_from_settings(telegram: TelegramWorld) -> None:
    settings = Settings(
        telegram_token=SecretStr(TOKEN),
        telegram_api_base="http://simulator/",
        telegram_webhook_secret=SecretStr(SECRET),
        public_url="http://jieli:8600/",
        telegram_proxy="http://proxy.example:3128",
    )
    channel = channel_of(settings, telegram.clock, telegram.transport)
    only_there = replace(CARD.buttons[0].inputs[0], kind="quantity")
    card = replace(CARD, buttons=(Button("part", "收一部分", inputs=(only_there,)),))
    assert (await channel.send(delivery(1, WANG, card))).kind == "sent"
    (view,) = telegram.sim.pane(WANG)
    assert f"打开任务：http://jieli:8600/tasks/{delivery().task_id}" in view.content["text"]
    assert "reply_markup" not in view.content, "Telegram takes no host without a dot on a button"
    await channel.aclose()
    assert callbacks_of(settings, telegram.clock)._secret == SECRET.encode()


async def test_a_page_may_be_given(telegram: TelegramWorld) -> None:
    settings = Settings(telegram_token=SecretStr(TOKEN), telegram_api_base="http://simulator")
    channel = channel_of(
        settings,
        telegram.clock,
        telegram.transport,
        page_of=lambda each: f"https://p.io/{each.person_id}",
    )
    card = Card("看看", buttons=(replace(CARD.buttons[0], inputs=(_quantity(),)),))
    await channel.send(delivery(1, WANG, card))
    (button,) = telegram.sim.pane(WANG)[0].content["reply_markup"]["inline_keyboard"][0]
    assert button == {"text": "打开任务", "web_app": {"url": "https://p.io/1"}}
    await channel.aclose()


async def test_a_proxy_is_asked_instead_of_telegram(clock: ManualClock) -> None:
    seen: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).splitlines()[0])
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        account = Account(TOKEN, "http://telegram.invalid", proxy=f"http://127.0.0.1:{port}")
        channel = Telegram(account, clock, page_of=lambda _: "")
        assert (await channel.tell(WANG, "好")).code == "http_503"
        await channel.aclose()
    assert seen == [f"POST http://telegram.invalid/bot{TOKEN}/sendMessage HTTP/1.1".encode()]


async def test_a_call_gives_up_soon_and_a_long_poll_after_its_time() -> None:
    asked: dict[str, dict[str, float]] = {}

    def serve(request: httpx.Request) -> httpx.Response:
        method = request.url.path.rpartition("/")[2]
        asked[method] = request.extensions["timeout"]
        return httpx.Response(502)

    wire = Wire(Account(TOKEN, "http://t"), httpx.MockTransport(serve))
    for call in (wire.words(1, "好"), wire.updates(0, POLL_SECONDS)):
        with pytest.raises(Refused):
            await call
    await wire.aclose()
    limits = asked["sendMessage"]
    assert limits["connect"] + limits["pool"] + limits["read"] <= sending.PATIENCE_SECONDS < 12
    assert asked["getUpdates"]["read"] == POLL_SECONDS + 10


def test_starting_costs_no_vendor_library() -> None:
    code = (
        "import sys, bots.telegram; sys.exit('telegram' in sys.modules or 'httpx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _channel(clock: ManualClock, transport: httpx.AsyncBaseTransport) -> Telegram:
    return Telegram(
        Account(TOKEN, "http://t"), clock, transport, page_of=lambda _: "https://j.io/t"
    )


def _quantity() -> Any:
    return replace(CARD.buttons[0].inputs[0], kind="quantity", options=())
