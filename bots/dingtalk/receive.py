"""What DingTalk tells us: verify, and read it as a click, as words or as a photo. No network.

The same content comes as a frame of the long connection (stream.py) and as an HTTP body. Over HTTP
a card callback's signature covers only its timestamp: whoever saw one such header could send any
body for five minutes, so nothing in it is believed but who and which button, and the button's token
says what that person may do. Not for permissions: people.person_by_chat makes a user id a person.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

import orjson

from bots import presses
from bots.dingtalk.render import NOTE
from bots.said import Answer, CallbackRejected, Click, Other, Photo, Received, Said, Word
from bots.text import cut_bytes
from core.clock import MINUTE, Clock, Instant

MAX_BODY = 64 * 1024
WINDOW: Instant = 5 * MINUTE
_LONGEST = 1024  # of an id, a button's data, a download code
_LATEST_MS = 253_402_300_799_000  # the year 9999

Data = Mapping[str, Any] | str | bytes

_REJECTIONS = {
    "malformed": (400, "回调读不懂：它不是钉钉的格式。"),
    "too_large": (413, "回调超过 64 KB，没有收下。"),
    "unsigned": (403, "回调没有签名。请确认它来自钉钉，并已登记回调地址。"),
    "bad_signature": (403, "签名不对。请核对 JIELI_DINGTALK_CLIENT_SECRET，再重启一次。"),
    "stale": (403, "回调的时间差超过 5 分钟。请校准服务器时钟。"),
}


class DingTalkRejected(CallbackRejected):
    """A callback that is not taken, by its code."""

    def __init__(self, code: str) -> None:
        status, sentence = _REJECTIONS[code]
        super().__init__(code, status, sentence)


class Callbacks:
    """The receiving side of one application. Everything raises only CallbackRejected."""

    def __init__(self, client_secret: str, clock: Clock) -> None:
        self._secret = client_secret
        self._clock = clock

    def receive(self, headers: Mapping[str, str], body: bytes) -> Received:
        """The verified content of a POST: a card's button, or a message to the robot."""
        if len(body) > MAX_BODY:
            raise DingTalkRejected("too_large")
        found = {name.lower(): value for name, value in headers.items()}
        if "x-ddpaas-signature" in found:
            stamp = found.get("x-ddpaas-signature-timestamp", "")
            expected = _mac(card_secret(self._secret), stamp)
            self._check(stamp, found["x-ddpaas-signature"], expected)
            return self.receive_card(body)
        if "sign" in found:
            stamp = found.get("timestamp", "")
            self._check(stamp, found["sign"], _mac(self._secret, f"{stamp}\n{self._secret}"))
            return self.receive_message(body)
        raise DingTalkRejected("unsigned")

    def receive_card(self, data: Data) -> Received:
        """A press on a card, from a frame's `data` or from an HTTP body already verified."""
        found = _object(data)
        user_id, track = _text(found, "userId"), _text(found, "outTrackId")
        if not user_id or not track:
            raise DingTalkRejected("malformed")
        pressed = _pressed(found)
        if not pressed or found.get("type", "actionCallback") != "actionCallback":
            said: Said = Other(user_id, "card")
        else:
            token, inputs = presses.read(pressed)
            chosen: dict[str, str | list[str]] = dict(inputs)
            said = Click(user_id, card_id_of(track), token, chosen)
        return Received(said, _key(track, user_id, pressed), "", self._clock.now())

    def receive_message(self, data: Data) -> Received:
        """Words or a photo to the robot, from a frame's `data` or from a verified HTTP body."""
        found = _object(data)
        sender = _text(found, "senderStaffId")
        kind = _text(found, "msgtype") or "message"
        if not sender:  # somebody of another corporation: nobody here is bound to that
            outside = _text(found, "senderId")
            if not outside:
                raise DingTalkRejected("malformed")
            said: Said = Other(outside, kind)
        else:
            said = _said(found, sender, kind)
        message_id = _text(found, "msgId")
        parts = (message_id,) if message_id else (sender, kind, _canonical(found))
        return Received(said, _key(*parts), "", self._at(found.get("createAt")))

    def webhook(self, data: Data) -> str:
        """Where these words may be answered now; "" when that is nowhere but to the person."""
        return session_webhook(data, self._clock.now())

    def _at(self, milliseconds: Any) -> Instant:
        if isinstance(milliseconds, int) and 0 < milliseconds < _LATEST_MS:
            return milliseconds * 1000
        return self._clock.now()

    def _check(self, stamp: str, given: str, expected: str) -> None:
        """The signature first, in constant time, then the age of what it signs."""
        if not re.fullmatch(r"[0-9]{1,14}", stamp) or not given.isascii():
            raise DingTalkRejected("malformed")
        if not hmac.compare_digest(given, expected):
            raise DingTalkRejected("bad_signature")
        if abs(self._clock.now() - int(stamp) * 1000) > WINDOW:
            raise DingTalkRejected("stale")


def card_answer(answer: Answer) -> dict[str, Any]:
    """What a card callback is answered with: a note on the presser's own card, or nothing."""
    if answer.kind == "nothing" or not answer.said:
        return {}
    note = cut_bytes(answer.said, _LONGEST)
    return {
        "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
        "userPrivateData": {"cardParamMap": {NOTE: note}},
    }


def card_secret(client_secret: str) -> str:
    """The apiSecret we register for card callbacks: ours to choose, so it needs no setting."""
    return hmac.new(client_secret.encode(), b"jieli card callback", "sha256").hexdigest()[:32]


def route_key(client_id: str) -> str:
    """The name of our callback address at DingTalk; another application's must not be taken."""
    return f"jieli-{client_id}"


def card_id_of(track: str) -> str:
    """Our card id inside an outTrackId; a card made anew carries `@revision` behind it."""
    return track.partition("@")[0]


def session_webhook(data: Data, now: Instant) -> str:
    """Where a one-to-one message may be answered; "" for groups: others would read it."""
    try:
        found = _object(data)
    except CallbackRejected:
        return ""
    expires = found.get("sessionWebhookExpiredTime")
    lives = isinstance(expires, int) and expires * 1000 > now
    alone = _text(found, "conversationType") == "1"
    return _text(found, "sessionWebhook") if lives and alone else ""


def _mac(secret: str, message: str) -> str:
    raw = message.encode(errors="surrogatepass")
    return base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()


def _object(data: Data) -> Mapping[str, Any]:
    """A JSON object, given as such or as its text."""
    found: Any = data
    if isinstance(data, str | bytes):
        if len(data) > MAX_BODY:
            raise DingTalkRejected("too_large")
        try:
            found = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise DingTalkRejected("malformed") from None
    if not isinstance(found, Mapping):
        raise DingTalkRejected("malformed")
    return found


def _text(found: Mapping[str, Any], name: str) -> str:
    """A short text; "" for whatever else stands there."""
    value = found.get(name)
    return value if isinstance(value, str) and len(value) <= _LONGEST else ""


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside, which the vendor writes as itself or as a JSON string."""
    value = found.get(name)
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return {}
    return value if isinstance(value, Mapping) else {}


def _pressed(found: Mapping[str, Any]) -> str:
    """The `data` of the pressed button, wherever the two official pages put its params."""
    for place in (_part(found, "content"), _part(found, "value"), found):
        for params in (_part(_part(place, "cardPrivateData"), "params"), _part(place, "params")):
            if pressed := _text(params, "data"):
                return pressed
    return ""


def _said(found: Mapping[str, Any], sender: str, kind: str) -> Said:
    content = _part(found, "content")
    if kind == "text":
        words = _part(found, "text").get("content")
        return Word(sender, words.strip()) if isinstance(words, str) else Other(sender, kind)
    if kind == "picture" and (code := _text(content, "downloadCode")):
        return Photo(sender, code)
    if kind == "richText" and isinstance(parts := content.get("richText"), list):
        return _rich(sender, [each for each in parts if isinstance(each, Mapping)])
    return Other(sender, kind)


def _rich(sender: str, parts: list[Mapping[str, Any]]) -> Said:
    """Words and pictures in one message: the first picture counts, the words are its caption."""
    texts = [each["text"] for each in parts if isinstance(each.get("text"), str)]
    words = " ".join(" ".join(texts).split())
    codes = [code for each in parts if (code := _text(each, "downloadCode"))]
    if codes:
        return Photo(sender, codes[0], words)
    return Word(sender, words) if words else Other(sender, "richText")


def _canonical(found: Mapping[str, Any]) -> str:
    return repr(sorted((str(key), repr(value)) for key, value in found.items()))


def _key(*parts: str) -> str:
    """The same for every repetition of one deed, told by what it is: a frame's messageId may be new
    each time, and a button's data holds a token that is good for one deed."""
    raw = "\0".join(parts).encode(errors="surrogatepass")
    return "dingtalk:" + hashlib.sha256(raw).hexdigest()[:40]
