"""What WeCom tells us: verify, remember, decrypt, and read it as a click or as typed words.

The door (api/) stores what `receive` returns under its `dedupe_key`, calls `remember`, answers
inside 5 seconds, and works later. Not for permissions: a user id here is only who WeCom says
pressed; people.person_by_chat makes it a person.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element  # types only
from xml.sax.saxutils import escape  # writes, does not parse

from bots.said import Click, Other, Photo, Received, Said, Word
from bots.text import cut_bytes
from bots.wecom.crypto import MAX_BODY, MAX_PARAMETER, Crypto, WeComRejected, parse
from core.clock import MINUTE, SECOND, Clock, Instant

WINDOW: Instant = 5 * MINUTE
NONCES_KEPT = 20_000
NOT_CHOSEN = "-"
TEXT_BYTES = 2048  # of a text message

CLICKS = frozenset({"template_card_event", "template_card_menu_event"})


class Callbacks:
    """The receiving side of one application."""

    def __init__(self, crypto: Crypto, agent_id: int, clock: Clock) -> None:
        self.crypto = crypto
        self._agent_id = agent_id
        self._clock = clock
        self._nonces: OrderedDict[str, Instant] = OrderedDict()

    def verify_echo(self, query: Mapping[str, str]) -> str:
        """The plain text with which a GET of the console's check must be answered, as it is.

        Raises:
            CallbackRejected: the console and this server do not share the same keys.
        """
        signature, timestamp, nonce = self._envelope(query)
        echo = query.get("echostr", "")
        return self.crypto.open(echo, signature=signature, timestamp=timestamp, nonce=nonce)

    def receive(self, query: Mapping[str, str], body: bytes) -> Received:
        """The verified content of a POST. Nothing is remembered yet: see `remember`.

        Raises:
            CallbackRejected: with a stable code; nothing else is ever raised for any input.
        """
        if len(body) > MAX_BODY:
            raise WeComRejected("too_large")
        signature, timestamp, nonce = self._envelope(query)
        encrypted = _text(parse(body), "Encrypt")
        plain = self.crypto.open(encrypted, signature=signature, timestamp=timestamp, nonce=nonce)
        if nonce in self._nonces:
            raise WeComRejected("replayed")
        root = parse(plain)
        if _text(root, "ToUserName") != self.crypto.corp_id:
            raise WeComRejected("wrong_corp")
        if _agent(root) != self._agent_id:
            raise WeComRejected("wrong_app")
        return Received(_said(root), _dedupe_key(root), nonce, int(timestamp) * SECOND)

    def remember(self, received: Received) -> None:
        """Refuse this request's nonce from now on; call it once the callback is safely stored.

        Only a first line: after a restart the stored `dedupe_key` is what holds.
        """
        self._nonces[received.nonce] = received.at
        oldest_useful = self._clock.now() - 2 * WINDOW
        while self._nonces and (
            len(self._nonces) > NONCES_KEPT or next(iter(self._nonces.values())) < oldest_useful
        ):
            self._nonces.popitem(last=False)

    def reply_pressed(self, click: Click, label: str) -> str:
        """The passive answer that greys the pressed buttons and names what was done.

        It changes only the presser's own card and spends the click's response code, so it is for a
        press that ends there (refused, already done). Where the outbox will change the card anyway,
        answer with an empty body and keep the code: it is what that change needs.
        """
        return self._passive(
            click.user_id,
            "update_button",
            f"<Button><ReplaceName>{_cdata(label)}</ReplaceName></Button>",
        )

    def reply_text(self, user_id: str, text: str) -> str:
        """The passive answer to typed words: a short text."""
        words = cut_bytes(text, TEXT_BYTES)
        return self._passive(user_id, "text", f"<Content>{_cdata(words)}</Content>")

    def _passive(self, user_id: str, kind: str, inner: str) -> str:
        seconds = str(self._clock.now() // SECOND)
        xml = (
            f"<xml><ToUserName>{_cdata(user_id)}</ToUserName>"
            f"<FromUserName>{_cdata(self.crypto.corp_id)}</FromUserName>"
            f"<CreateTime>{seconds}</CreateTime><MsgType>{_cdata(kind)}</MsgType>{inner}</xml>"
        )
        nonce = hashlib.sha256(xml.encode()).hexdigest()[:16]
        return self.crypto.seal(xml, timestamp=seconds, nonce=nonce)

    def _envelope(self, query: Mapping[str, str]) -> tuple[str, str, str]:
        """Signature, timestamp and nonce; the time is checked before anything costs work."""
        found = tuple(query.get(key, "") for key in ("msg_signature", "timestamp", "nonce"))
        if any(len(value) > MAX_PARAMETER for value in query.values()) or not all(found):
            raise WeComRejected("malformed")
        signature, timestamp, nonce = found
        if not re.fullmatch(r"[0-9]{1,12}", timestamp):
            raise WeComRejected("malformed")
        if abs(self._clock.now() - int(timestamp) * SECOND) > WINDOW:
            raise WeComRejected("stale")
        if not _clean(query.values()):
            raise WeComRejected("malformed")
        return signature, timestamp, nonce


def _clean(values: Any) -> bool:
    """No lone surrogates: they cannot be hashed, and no vendor sends them."""
    return not any(re.search("[\ud800-\udfff]", value) for value in values)


def _agent(root: Element) -> int:
    agent = _text(root, "AgentID", "") or _text(root, "AgentId", "")
    if not re.fullmatch(r"[0-9]{1,12}", agent):
        raise WeComRejected("malformed")
    return int(agent)


def _said(root: Element) -> Said:
    user_id = _text(root, "FromUserName")
    kind = _text(root, "MsgType", "")
    if kind == "text":
        return Word(user_id, _text(root, "Content", ""))
    event = _text(root, "Event", "")
    if kind == "event" and event in CLICKS:
        return Click(
            user_id=user_id,
            card=_text(root, "TaskId", ""),
            token=_text(root, "EventKey"),
            inputs=_inputs(root),
            code=_text(root, "ResponseCode", ""),
        )
    if kind == "image" and _text(root, "MediaId", ""):
        return Photo(user_id, _text(root, "MediaId"))
    return Other(user_id, event or kind)


def _inputs(root: Element) -> dict[str, str | list[str]]:
    """Choices by field: one id as a text, several as a list, 「请选择」 left out."""
    chosen: dict[str, str | list[str]] = {}
    for item in root.iterfind("SelectedItems/SelectedItem"):
        ids = [node.text or "" for node in item.iterfind("OptionIds/OptionId")]
        ids = [each for each in ids if each not in {"", NOT_CHOSEN}]
        if ids:
            chosen[_text(item, "QuestionKey")] = ids[0] if len(ids) == 1 else ids
    return chosen


def _dedupe_key(root: Element) -> str:
    """MsgId where WeCom gives one; else who, when and which button (two buttons in one second)."""
    message_id = _text(root, "MsgId", "")
    parts = [message_id] if message_id else []
    if not parts:
        names = ("FromUserName", "CreateTime", "Event", "EventKey", "TaskId", "ChangeType")
        parts = [_text(root, name, "") for name in names]
    return "wecom:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def _text(node: Element, name: str, default: str | None = None) -> str:
    found = node.findtext(name)
    if found is None or (found == "" and default is None):
        if default is None:
            raise WeComRejected("malformed")
        return default
    return found


def _cdata(text: str) -> str:
    """`text` as XML content; control characters XML cannot carry are dropped."""
    return escape(re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text))
