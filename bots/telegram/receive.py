"""What Telegram tells us: an Update of the webhook or of a poll, read as a click, words or a photo.

The door (api/) stores what `receive` returns under its `dedupe_key`. Only private chats count: a
person's number is then the chat's number. Not for permissions: people.person_by_chat makes the
number a person. An app that got no answer sends a press again as a *new* one
(tdlib/telegram-bot-api#699), so the key holds for Telegram's own repetitions only; the task decides
about the press.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Any

import orjson

from bots.presses import read as read_press
from bots.said import CallbackRejected, Click, Other, Photo, Received, Said, Word
from bots.telegram.limits import DOWNLOAD_BYTES
from core.clock import SECOND, Clock, Instant

MAX_BODY = 64 * 1024
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105  # the header's name
_LONGEST_ID = 160  # of a query or file id; the inbox keeps 192 characters of a key
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_SENTENCES: dict[str, tuple[int, str]] = {
    "too_large": (413, "回调没收下：内容超过 64 KiB。Telegram 不会发这么大的，请检查代理转发。"),
    "malformed": (400, "回调没收下：格式读不懂。请确认这个地址只登记给了 Telegram。"),
    "no_secret": (
        403,
        "回调没收下：本机没有设 JIELI_TELEGRAM_WEBHOOK_SECRET，无法确认是 Telegram。",
    ),
    "bad_secret": (
        403,
        "回调没收下：密钥不对。改过 JIELI_TELEGRAM_WEBHOOK_SECRET 的话，重启后会自动重新登记。",
    ),
}

JsonObject = dict[str, Any]


class TelegramRejected(CallbackRejected):
    """An update that is not taken, by its stable code."""

    def __init__(self, code: str) -> None:
        super().__init__(code, *_SENTENCES[code])


class Callbacks:
    """The receiving side of one bot. `secret` is what a webhook's posts must carry."""

    def __init__(self, clock: Clock, secret: str = "") -> None:
        self._clock = clock
        self._secret = secret.encode()

    def receive(self, headers: Mapping[str, str], body: bytes) -> Received:
        """The verified content of a webhook's POST.

        Raises:
            CallbackRejected: with a stable code; nothing else is ever raised for any input.
        """
        self._verify(headers)
        if len(body) > MAX_BODY:
            raise TelegramRejected("too_large")
        try:
            update = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise TelegramRejected("malformed") from None
        return self.read(update)

    def read(self, update: object) -> Received:
        """The content of one Update, however it came.

        Raises:
            CallbackRejected: it is no Update.
        """
        if not isinstance(update, dict):
            raise TelegramRejected("malformed")
        number = _number(update, "update_id")
        kind = next((name for name in update if name != "update_id"), "")
        if not isinstance(update.get(kind), dict):
            return Received(Other("", _text(kind)), _key("u", number), "", self._clock.now())
        if kind == "callback_query":
            return self._press(update[kind])
        if kind == "message":
            return self._message(update[kind])
        said = Other(_sender(update[kind]), _what(kind, update[kind]))
        return Received(said, _key("u", number), "", self._clock.now())

    def _verify(self, headers: Mapping[str, str]) -> None:
        if not self._secret:
            raise TelegramRejected("no_secret")
        given = next((headers[name] for name in headers if name.lower() == SECRET_HEADER), "")
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._secret):
            raise TelegramRejected("bad_secret")

    def _press(self, query: JsonObject) -> Received:
        query_id = _id(query, "id")
        user_id = str(_number(_object(query, "from"), "id"))
        message = query.get("message")
        data = _text(query.get("data"))
        key = _key("cq", query_id)
        if not data or not isinstance(message, dict) or not _is_private(message):
            return Received(Other(user_id, "callback_query"), key, query_id, self._clock.now())
        token, inputs = read_press(data)
        card = str(_number(message, "message_id"))
        said = Click(user_id, card, token, dict(inputs))
        return Received(said, key, query_id, self._clock.now())

    def _message(self, message: JsonObject) -> Received:
        number, at = _number(message, "message_id"), self._at(message)
        chat = _number(_object(message, "chat"), "id")
        # Unlike an update's number, these three never mean another message: not after a quiet
        # week, and not when the firm changes to another bot.
        key = _key("m", chat, number, at // SECOND)
        return Received(_said(message, str(chat)), key, "", at)

    def _at(self, message: JsonObject) -> Instant:
        date = message.get("date")
        if isinstance(date, int) and not isinstance(date, bool) and 0 < date < 10**11:
            return date * SECOND
        raise TelegramRejected("malformed")


def _said(message: JsonObject, user_id: str) -> Said:
    sender = message.get("from")
    if not _is_private(message) or not isinstance(sender, dict) or sender.get("is_bot"):
        return Other(_sender(message), "group" if not _is_private(message) else "bot")
    text = message.get("text")
    if isinstance(text, str):
        return Word(user_id, _text(text))
    media = _largest(message.get("photo")) or _image(message.get("document"))
    if media:
        return Photo(user_id, media, _text(message.get("caption")), _replied(message))
    known = ("photo", "document", "voice", "video", "audio", "sticker", "location", "contact")
    return Other(user_id, next((name for name in known if name in message), "message"))


def _largest(sizes: object) -> str:
    """The file id of the biggest size that a bot may download; "" when there is none."""
    if not isinstance(sizes, list):
        return ""
    usable = [each for each in sizes if isinstance(each, dict) and _fits(each)]
    area = [
        (_count(each, "width") * _count(each, "height"), place) for place, each in enumerate(usable)
    ]
    return _id(usable[max(area)[1]], "file_id") if usable else ""


def _image(document: object) -> str:
    """The file id of a picture sent as a file, which keeps it sharp; "" for any other file."""
    if not isinstance(document, dict) or not _fits(document):
        return ""
    is_image = _text(document.get("mime_type")).lower().startswith("image/")
    return _id(document, "file_id") if is_image else ""


def _fits(file: JsonObject) -> bool:
    return _count(file, "file_size") <= DOWNLOAD_BYTES


def _replied(message: JsonObject) -> str:
    original = message.get("reply_to_message")
    return str(_number(original, "message_id")) if isinstance(original, dict) else ""


def _what(kind: str, content: JsonObject) -> str:
    """How an event is called in `Other`: `blocked` and `unblocked` when somebody did that."""
    member = content.get("new_chat_member")
    if kind != "my_chat_member" or not _is_private(content) or not isinstance(member, dict):
        return _text(kind)
    return {"kicked": "blocked", "member": "unblocked"}.get(_text(member.get("status")), kind)


def _sender(content: JsonObject) -> str:
    """Who an event is about, as far as it says so."""
    sender = content.get("from")
    return str(_count(sender, "id") or "") if isinstance(sender, dict) else ""


def _is_private(message: JsonObject) -> bool:
    chat = message.get("chat")
    return isinstance(chat, dict) and chat.get("type") == "private"


def _object(content: JsonObject, name: str) -> JsonObject:
    found = content.get(name)
    if not isinstance(found, dict):
        raise TelegramRejected("malformed")
    return found


def _number(content: JsonObject, name: str) -> int:
    found = content.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or abs(found) >= 2**63:
        raise TelegramRejected("malformed")
    return found


def _count(content: JsonObject, name: str) -> int:
    """A number that may be missing or senseless: 0 then."""
    found = content.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0


def _id(content: JsonObject, name: str) -> str:
    found = content.get(name)
    if (
        not isinstance(found, str)
        or not 1 <= len(found) <= _LONGEST_ID
        or _UNSTORABLE.search(found)
    ):
        raise TelegramRejected("malformed")
    return found


def _text(value: object) -> str:
    """A text without what no database keeps: NUL and halves of characters."""
    return _UNSTORABLE.sub("", value) if isinstance(value, str) else ""


def _key(kind: str, *parts: object) -> str:
    return ":".join(["telegram", kind, *map(str, parts)])
