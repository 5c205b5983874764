"""What comes back from Telegram: every wrong thing is refused with its own code, never a crash."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.said import CallbackRejected, Click, Other, Photo, Received, Word, said_from
from bots.telegram import Callbacks
from bots.telegram.receive import SECRET_HEADER
from core.clock import SECOND, ManualClock
from tests.bots.telegram_world import HOOK, LI, SECRET, WANG, TelegramWorld
from tests.conftest import MONDAY_0900

NOW = MONDAY_0900 // SECOND
HEADERS = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
PERSON = {"id": int(WANG), "is_bot": False, "first_name": "王芳"}
CHAT = {"id": int(WANG), "type": "private", "first_name": "王芳"}


@pytest.fixture
def callbacks(clock: ManualClock) -> Callbacks:
    return Callbacks(clock, SECRET)


def _message(**changes: Any) -> dict[str, Any]:
    return {"message_id": 5, "from": PERSON, "chat": CHAT, "date": NOW, "text": "查库存"} | changes


def _update(kind: str, content: Any, number: int = 70) -> dict[str, Any]:
    return {"update_id": number, kind: content}


def _query(**changes: Any) -> dict[str, Any]:
    return {
        "id": "4382",
        "from": PERSON,
        "message": _message(
            text="卡片", **{"from": {"id": 7, "is_bot": True, "first_name": "接力"}}
        ),
        "chat_instance": "1",
        "data": "a1:9fK~reason~dent",
    } | changes


def _refused(callbacks: Callbacks, headers: dict[str, str], body: bytes) -> str:
    with pytest.raises(CallbackRejected) as caught:
        callbacks.receive(headers, body)
    assert caught.value.sentence.startswith("回调没")
    return caught.value.code


# -- what is understood --------------------------------------------------------------------------
def test_a_press_is_read(callbacks: Callbacks) -> None:
    received = callbacks.receive(HEADERS, orjson.dumps(_update("callback_query", _query())))
    assert received == Received(
        Click(WANG, "5", "a1:9fK", {"reason": "dent"}), "telegram:cq:4382", "4382", MONDAY_0900
    )
    assert said_from(json.loads(json.dumps(received.body()))) == received.said


def test_typed_words_and_start_links_are_words(callbacks: Callbacks) -> None:
    received = callbacks.read(_update("message", _message()))
    assert received == Received(Word(WANG, "查库存"), f"telegram:m:{WANG}:5:{NOW}", "", MONDAY_0900)
    start = callbacks.read(_update("message", _message(text="/start b1-X_y")))
    assert start.said == Word(WANG, "/start b1-X_y")


def test_the_largest_photo_that_can_be_fetched_is_meant(callbacks: Callbacks) -> None:
    sizes = [
        {"file_id": "small", "width": 90, "height": 67, "file_size": 900},
        {"file_id": "large", "width": 1280, "height": 960},
        {"file_id": "over", "width": 9000, "height": 9000, "file_size": 21 << 20},
        "nonsense",
    ]
    card = {"message_id": 3, "chat": CHAT, "date": NOW}
    photo = _message(text=None, photo=sizes, caption="破损", reply_to_message=card)
    assert callbacks.read(_update("message", photo)).said == Photo(WANG, "large", "破损", "3")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"file_id": "d", "mime_type": "image/png", "file_size": 9}, Photo(WANG, "d")),
        ({"file_id": "d", "mime_type": "application/pdf"}, Other(WANG, "document")),
        (
            {"file_id": "d", "mime_type": "image/png", "file_size": 21 << 20},
            Other(WANG, "document"),
        ),
        ({"file_id": "d"}, Other(WANG, "document")),
    ],
)
def test_a_picture_sent_as_a_file_is_a_photo(
    callbacks: Callbacks, document: dict[str, Any], said: Photo | Other
) -> None:
    update = _update("message", _message(text=None, document=document))
    assert callbacks.read(update).said == said


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        ("message", _message(text=None, voice={"file_id": "v"}), Other(WANG, "voice")),
        ("message", _message(chat={"id": -100, "type": "supergroup"}), Other(WANG, "group")),
        ("message", _message(**{"from": PERSON | {"is_bot": True}}), Other(WANG, "bot")),
        ("edited_message", _message(), Other(WANG, "edited_message")),
        (
            "channel_post",
            {"message_id": 1, "chat": {"id": -1, "type": "channel"}},
            Other("", "channel_post"),
        ),
        ("callback_query", _query(data=None), Other(WANG, "callback_query")),
        (
            "callback_query",
            _query(message=None, inline_message_id="i"),
            Other(WANG, "callback_query"),
        ),
        (
            "callback_query",
            _query(message=_message(chat={"id": -1, "type": "group"})),
            Other(WANG, "callback_query"),
        ),
        ("poll_of_the_future", [1], Other("", "poll_of_the_future")),
        ("inaccessible", 7, Other("", "inaccessible")),
    ],
)
def test_everything_else_is_named_and_left(
    callbacks: Callbacks, kind: str, content: Any, said: Other
) -> None:
    assert callbacks.read(_update(kind, content)).said == said
    assert callbacks.read({"update_id": 1}).said == Other("", "")


def test_an_inaccessible_message_can_still_be_pressed(callbacks: Callbacks) -> None:
    """Telegram sends date 0 for a card that is too old to be shown again."""
    old = {"message_id": 5, "chat": CHAT, "date": 0}
    said = callbacks.read(_update("callback_query", _query(message=old))).said
    assert said == Click(WANG, "5", "a1:9fK", {"reason": "dent"})


def test_signs_no_database_keeps_are_left_out(callbacks: Callbacks) -> None:
    said = callbacks.read(_update("message", _message(text="a\x00b\ud800c"))).said
    assert said == Word(WANG, "abc")


async def test_blocking_and_coming_back_are_told(telegram: TelegramWorld) -> None:
    async with telegram.listening():
        await telegram.sim.taken()
        await telegram.sim.block(WANG)
        await telegram.sim.block(WANG, blocked=False)
        await telegram.sim.taken()
    assert [each.said for each in telegram.received] == [
        Other(WANG, "blocked"),
        Other(WANG, "unblocked"),
    ]


def test_a_repetition_has_the_same_key_and_the_apps_own_repetition_has_not(
    callbacks: Callbacks,
) -> None:
    """tdlib/telegram-bot-api#699: an unanswered press comes again as another query."""
    first = callbacks.read(_update("callback_query", _query()))
    again = callbacks.read(_update("callback_query", _query(), number=71))
    resent = callbacks.read(_update("callback_query", _query(id="4383"), number=72))
    assert first.dedupe_key == again.dedupe_key != resent.dedupe_key
    one = callbacks.read(_update("message", _message()))
    two = callbacks.read(_update("message", _message(message_id=6)))
    assert one.dedupe_key != two.dedupe_key


# -- the webhook ---------------------------------------------------------------------------------
async def test_the_webhook_brings_a_press_and_its_answer_back(telegram: TelegramWorld) -> None:
    await telegram.channel.register_webhook(HOOK)
    posted = await telegram.sim.say(LI, "待办")
    assert posted.statuses == (200,)
    assert [each.said for each in telegram.received] == [Word(LI, "待办")]


async def test_a_webhook_that_could_not_store_gets_it_again(telegram: TelegramWorld) -> None:
    await telegram.channel.register_webhook(HOOK)
    telegram.statuses = [500, 503]
    assert (await telegram.sim.say(LI, "待办")).statuses == (500, 503, 200)
    assert len(telegram.received) == 1
    telegram.sim.updates.copies = 2
    assert (await telegram.sim.say(LI, "我的")).statuses == (200, 200)
    _, one, two = telegram.received
    assert one.dedupe_key == two.dedupe_key


def test_a_forged_or_missing_secret_is_refused(callbacks: Callbacks, clock: ManualClock) -> None:
    body = orjson.dumps(_update("message", _message()))
    assert _refused(callbacks, {}, body) == "bad_secret"
    assert _refused(callbacks, {SECRET_HEADER: SECRET + "x"}, body) == "bad_secret"
    assert _refused(callbacks, {SECRET_HEADER: "\ud800"}, body) == "bad_secret"
    assert _refused(Callbacks(clock), {SECRET_HEADER: ""}, body) == "no_secret"
    assert callbacks.receive({SECRET_HEADER: SECRET}, body).said == Word(WANG, "查库存")


def test_a_body_over_64_kib_is_refused_before_it_is_parsed(callbacks: Callbacks) -> None:
    assert _refused(callbacks, HEADERS, b'"' + b"a" * 66_000 + b'"') == "too_large"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"update_id":"7","message":{}}',
        b'{"update_id":true}',
        b'{"update_id":7,"message":{}}',
        b'{"update_id":7,"message":{"message_id":1,"chat":{"id":1,"type":"private"}}}',
        b'{"update_id":7,"callback_query":{}}',
        b'{"update_id":7,"callback_query":{"id":"","from":{"id":1}}}',
        b'{"update_id":7,"callback_query":{"id":"1","from":{"id":1.5}}}',
        b'{"update_id":7,"callback_query":{"id":"1","from":7}}',
        b'{"update_id":123456789012345678901234567890}',
        b"[" * 60_000,
        b'{"update_id":7,"message":' + b'{"a":' * 9_000,
        b'{"update_id":7,"message":"\xff"}',
    ],
)
def test_rubbish_is_malformed(callbacks: Callbacks, body: bytes) -> None:
    assert _refused(callbacks, HEADERS, body) == "malformed"


def test_ids_that_are_too_long_for_a_key_are_malformed(callbacks: Callbacks) -> None:
    query = _query(id="9" * 161)
    assert (
        _refused(callbacks, HEADERS, orjson.dumps(_update("callback_query", query))) == "malformed"
    )
    longest = callbacks.read(_update("callback_query", _query(id="9" * 160)))
    assert len(longest.dedupe_key) <= 192


_NAMES = """update_id message callback_query my_chat_member edited_message id from chat date type
text photo document file_id width height file_size mime_type message_id data reply_to_message
caption new_chat_member status is_bot private kicked"""
_names = st.sampled_from(_NAMES.split())
_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | _names
_json = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=6),
    max_leaves=25,
)


def _read_or_refused(callbacks: Callbacks, update: object) -> None:
    try:
        received = callbacks.read(update)
    except CallbackRejected:
        return
    assert received.dedupe_key.startswith("telegram:")
    assert len(received.dedupe_key) <= 192
    assert said_from(json.loads(json.dumps(received.body()))) == received.said


@given(
    headers=st.dictionaries(st.text(max_size=40), st.text(max_size=40)),
    body=st.binary(max_size=300),
)
@settings(max_examples=200, deadline=None)
def test_no_unsigned_input_raises_anything_else(headers: dict[str, str], body: bytes) -> None:
    callbacks = Callbacks(ManualClock(MONDAY_0900), SECRET)
    with pytest.raises(CallbackRejected):
        callbacks.receive(headers, body)


@given(body=st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_signed_bytes_raise_anything_else(body: bytes) -> None:
    callbacks = Callbacks(ManualClock(MONDAY_0900), SECRET)
    with pytest.raises(CallbackRejected):
        callbacks.receive(HEADERS, body)


@given(update=st.dictionaries(_names, _json, max_size=4) | _json, number=st.booleans())
@settings(max_examples=400, deadline=None)
def test_no_json_raises_anything_else(update: Any, number: bool) -> None:
    """Even a broken vendor cannot crash the door, nor put in what cannot be stored."""
    callbacks = Callbacks(ManualClock(MONDAY_0900), SECRET)
    if number and isinstance(update, dict):
        update = {"update_id": 7} | {key: update[key] for key in update if key != "update_id"}
    _read_or_refused(callbacks, update)


@given(
    changes=st.dictionaries(_names, _json, max_size=3),
    kind=st.sampled_from(["message", "callback_query"]),
)
@settings(max_examples=400, deadline=None)
def test_no_change_to_a_real_update_raises_anything_else(
    changes: dict[str, Any], kind: str
) -> None:
    callbacks = Callbacks(ManualClock(MONDAY_0900), SECRET)
    content = _message(**changes) if kind == "message" else _query(**changes)
    _read_or_refused(callbacks, _update(kind, content))
