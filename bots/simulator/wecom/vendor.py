"""WeCom's memory and its rules: people, tokens, messages, one-use codes, limits, faults to order.

Plain and synchronous: HTTP is app.py, callbacks are press.py. Where the vendor's behaviour is not
published the stricter reading is played (channels.md §7).
"""

from __future__ import annotations

import json
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from bots.simulator.wecom.checks import BAD, INTERACTIVE, complaint, textcard_complaint
from core.clock import DAY, HOUR, MINUTE, SECOND, Clock, Instant

TOKEN_SECONDS = 7200
CODE_LIVES: Instant = 72 * HOUR
MEDIA_LIVES: Instant = 3 * DAY
PER_MINUTE = 30
PER_HOUR = 1000
KEPT = 2000
TEXT_BYTES = 2048
UPLOAD_LIMITS = {"image": 10, "voice": 2, "video": 10, "file": 20}

JsonObject = dict[str, Any]
OK: JsonObject = {"errcode": 0, "errmsg": "ok"}


class VendorError(Exception):
    """An answer with an errcode other than 0."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        self.errcode = errcode
        self.errmsg = f"{errmsg}, hint: [simulated], from ip: 127.0.0.1"
        super().__init__(self.errmsg)


@dataclass(slots=True)
class Person:
    """A member of the simulated corporation."""

    user_id: str
    name: str
    title: str = ""
    licensed: bool = True


@dataclass(slots=True)
class View:
    """One message as one member sees it now. `grey` replaces the buttons once it is set."""

    msg_id: str
    user_id: str
    kind: str
    content: JsonObject
    sent_at: Instant
    from_member: bool = False
    grey: str = ""
    chosen: str = ""
    recalled: bool = False


@dataclass(slots=True)
class Code:
    """A response code: good once, for 72 hours, for the members who got the message."""

    msg_id: str
    expires_at: Instant
    used: bool = False


@dataclass(slots=True)
class Fault:
    """Something that goes wrong on purpose, `times` times, for paths that end with `path`.

    errcode: answered instead of doing anything. http: that status. after: do it, then never answer.
    """

    path: str
    errcode: int = 0
    http: int = 0
    after: bool = False
    times: int = 1


@dataclass(slots=True)
class Vendor:
    """The state of one corporation with one application."""

    clock: Clock
    corp_id: str
    agent_id: int
    secret: str
    people: dict[str, Person] = field(default_factory=dict)
    views: dict[tuple[str, str], View] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    media: dict[str, tuple[Instant, bytes]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    refuse_tokens: bool = False
    dropped: int = 0
    rev: int = 0
    _token: str = ""
    _token_until: Instant = 0
    _task_ids: set[str] = field(default_factory=set)
    _recent: dict[str, tuple[Instant, str]] = field(default_factory=dict)
    _sent: dict[str, deque[Instant]] = field(default_factory=dict)
    _logins: dict[str, tuple[Instant, str]] = field(default_factory=dict)
    _numbers: int = 0

    # -- tokens ----------------------------------------------------------------------------------
    def gettoken(self, corp_id: str, secret: str) -> JsonObject:
        """The same token while it lives, as the vendor does."""
        if corp_id != self.corp_id:
            raise VendorError(40013, "invalid corpid")
        if secret != self.secret:
            raise VendorError(40001, "invalid credential")
        now = self.clock.now()
        if not self._token or now >= self._token_until:
            self._token = secrets.token_urlsafe(48)
            self._token_until = now + TOKEN_SECONDS * SECOND
        left = (self._token_until - now) // SECOND
        return OK | {"access_token": self._token, "expires_in": left}

    def expire_tokens(self) -> None:
        """The token dies early, as it may."""
        self._token = ""

    def check_token(self, token: str) -> None:
        if self.refuse_tokens or not self._token or token != self._token:
            raise VendorError(40014, "invalid access_token")
        if self.clock.now() >= self._token_until:
            raise VendorError(42001, "access_token expired")

    # -- messages --------------------------------------------------------------------------------
    def send(self, body: JsonObject) -> JsonObject:
        """POST message/send."""
        self._own_agent(body)
        known, unknown = self._receivers(str(body.get("touser", "")))
        kind, content = self._content(body)
        repeated = self._repeated(body)
        if repeated is not None:
            return OK | {"msgid": repeated, "invaliduser": "|".join(unknown)}
        self._claim_task_id(content)
        msg_id = self._number("msg")
        self._remember(body, msg_id)
        unlicensed = [person.user_id for person in known if not person.licensed]
        for person in known:
            if person.licensed:
                self._show(person.user_id, msg_id, kind, content)
        answer = OK | {"msgid": msg_id, "invaliduser": "|".join(unknown)}
        answer["unlicenseduser"] = "|".join(each.lower() for each in unlicensed)
        if kind == "template_card" and _can_call_back(content):
            answer["response_code"] = self.new_code(msg_id)
        return answer

    def update(self, body: JsonObject) -> JsonObject:
        """POST message/update_template_card: spends its code, whatever it then changes."""
        self._own_agent(body)
        code = self.codes.get(str(body.get("response_code", "")))
        if code is None or code.used or code.expires_at <= self.clock.now():
            raise VendorError(BAD, "invalid response_code")
        grey = str((body.get("button") or {}).get("replace_name", ""))
        card = body.get("template_card")
        if not grey:
            self._check_card(card, new=False)
            assert isinstance(card, dict)
            self._same_task(card, code.msg_id)
        views = [view for (msg_id, _), view in self.views.items() if msg_id == code.msg_id]
        wanted = {str(each).lower() for each in body.get("userids") or ()}
        everybody = body.get("atall") == 1
        if not everybody and not wanted:
            raise VendorError(40031, "invalid userid list")
        code.used = True
        seen = {view.user_id.lower() for view in views}
        for view in views:
            if everybody or view.user_id.lower() in wanted:
                self._change(view, card, grey)
        return OK | {"invaliduser": [] if everybody else sorted(wanted - seen)}

    def recall(self, body: JsonObject) -> JsonObject:
        """POST message/recall, within 24 hours."""
        views = [view for (msg_id, _), view in self.views.items() if msg_id == body.get("msgid")]
        if not views or self.clock.now() - views[0].sent_at > DAY:
            raise VendorError(BAD, "invalid msgid")
        for view in views:
            view.recalled = True
        self.rev += 1
        return dict(OK)

    def upload(self, kind: str, name: str, data: bytes) -> JsonObject:
        """POST media/upload."""
        if kind not in UPLOAD_LIMITS:
            raise VendorError(40005, "invalid type")
        if not name:
            raise VendorError(41005, "missing media data")
        if not 5 < len(data) <= UPLOAD_LIMITS[kind] * 1024 * 1024:
            raise VendorError(40006, "invalid media size")
        media_id = self._number("media")
        self.media[media_id] = (self.clock.now() + MEDIA_LIVES, data)
        seconds = str(self.clock.now() // SECOND)
        return OK | {"type": kind, "media_id": media_id, "created_at": seconds}

    def sent_in(self, data: bytes) -> str:
        """Keep what a member sent; its media id."""
        media_id = self._number("in")
        self.media[media_id] = (self.clock.now() + MEDIA_LIVES, data)
        return media_id

    def show_photo(self, user_id: str, media_id: str) -> View:
        """A member's own picture in their pane."""
        content = {"media_id": media_id}
        return self._view(user_id, self._number("msg"), "image", content, from_member=True)

    def sign_in(self, user_id: str) -> str:
        """A code for the page that this member opens: one use, five minutes."""
        code = secrets.token_urlsafe(24)
        self._logins[code] = (self.clock.now() + 5 * MINUTE, user_id)
        return code

    def user_of(self, code: str) -> JsonObject:
        """GET auth/getuserinfo."""
        until, user_id = self._logins.pop(code, (0, ""))
        if self.clock.now() >= until:
            raise VendorError(40029, "invalid code")
        if user_id not in self.people:
            return OK | {"openid": "o" + secrets.token_hex(8), "external_userid": ""}
        return OK | {"userid": user_id, "user_ticket": ""}

    def download(self, media_id: str) -> bytes:
        """GET media/get."""
        until, data = self.media.get(media_id, (0, b""))
        if self.clock.now() >= until:
            raise VendorError(40007, "invalid media_id")
        return data

    def new_code(self, msg_id: str) -> str:
        """Another one-use code for a message; every click brings one."""
        code = secrets.token_urlsafe(32)
        self.codes[code] = Code(msg_id, self.clock.now() + CODE_LIVES)
        return code

    def grey_out(self, view: View, words: str) -> None:
        """The presser's own card after a passive reply."""
        view.grey = words
        self.rev += 1

    def say(self, user_id: str, text: str, *, from_member: bool) -> View:
        """A text in a member's pane: typed by them, or a passive answer."""
        content = {"content": text}
        return self._view(user_id, self._number("msg"), "text", content, from_member)

    # -- faults ----------------------------------------------------------------------------------
    def fault_for(self, path: str) -> Fault | None:
        """The fault ordered for this call, used up by one."""
        for fault in self.faults:
            if fault.times > 0 and path.endswith(fault.path):
                fault.times -= 1
                return fault
        return None

    # -- inside ----------------------------------------------------------------------------------
    def _number(self, word: str) -> str:
        self._numbers += 1
        return f"{word}-{self._numbers:06d}-{secrets.token_hex(4)}"

    def _own_agent(self, body: JsonObject) -> None:
        if body.get("agentid") != self.agent_id:
            raise VendorError(40056, "invalid agentid")

    def _receivers(self, touser: str) -> tuple[list[Person], list[str]]:
        asked = [each for each in touser.split("|") if each]
        if touser == "@all":
            return list(self.people.values()), []
        if len(asked) > 1000:
            raise VendorError(BAD, "too many users")
        lower = {user_id.lower(): person for user_id, person in self.people.items()}
        known = [lower[each.lower()] for each in asked if each.lower() in lower]
        unknown = [each.lower() for each in asked if each.lower() not in lower]
        if not known:
            raise VendorError(81013, "user & party & tag all invalid")
        return known, unknown

    def _content(self, body: JsonObject) -> tuple[str, JsonObject]:
        kind = str(body.get("msgtype"))
        content = body.get(kind)
        if kind == "template_card":
            self._check_card(content, new=True)
        elif kind == "text":
            if not isinstance(content, dict) or not content.get("content"):
                raise VendorError(44004, "empty content")
            raw = str(content["content"]).encode()[:TEXT_BYTES]
            content = {"content": raw.decode(errors="ignore")}
        elif kind == "textcard":
            if found := textcard_complaint(content):
                raise VendorError(*found)
        elif kind == "image":
            if not isinstance(content, dict) or not self._has_media(str(content.get("media_id"))):
                raise VendorError(40007, "invalid media_id")
        else:
            raise VendorError(40008, "invalid message type")
        assert isinstance(content, dict)
        return kind, content

    def _check_card(self, card: Any, *, new: bool) -> None:
        if found := complaint(card, self._has_media, new=new):
            raise VendorError(*found)

    def _has_media(self, media_id: str) -> bool:
        until, _ = self.media.get(media_id, (0, b""))
        return self.clock.now() < until

    def _claim_task_id(self, content: JsonObject) -> None:
        task_id = content.get("task_id")
        if task_id in self._task_ids:
            raise VendorError(BAD, "task_id was used before")
        if task_id:
            self._task_ids.add(task_id)

    def _same_task(self, card: JsonObject, msg_id: str) -> None:
        """[not published] A different task_id in an update is refused; none is fine."""
        task_id = card.get("task_id")
        for (each, _), view in self.views.items():
            if task_id and each == msg_id and view.content.get("task_id") != task_id:
                raise VendorError(BAD, "task_id differs")

    def _repeated(self, body: JsonObject) -> str | None:
        """With enable_duplicate_check: the msgid of the same content in the interval, else None."""
        if body.get("enable_duplicate_check") != 1:
            return None
        interval = min(int(body.get("duplicate_check_interval", 1800)), 4 * 3600) * SECOND
        at, msg_id = self._recent.get(_content_key(body), (0, ""))
        return msg_id if at and self.clock.now() - at < interval else None

    def _remember(self, body: JsonObject, msg_id: str) -> None:
        self._recent[_content_key(body)] = (self.clock.now(), msg_id)
        while len(self._recent) > KEPT:
            self._recent.pop(next(iter(self._recent)))

    def _show(self, user_id: str, msg_id: str, kind: str, content: JsonObject) -> None:
        """Bring it to the member, or drop it without a word: 30 a minute, 1000 an hour."""
        now = self.clock.now()
        sent = self._sent.setdefault(user_id, deque(maxlen=PER_HOUR))
        if (len(sent) >= PER_MINUTE and now - sent[-PER_MINUTE] < MINUTE) or (
            len(sent) == PER_HOUR and now - sent[0] < HOUR
        ):
            self.dropped += 1
            return
        sent.append(now)
        self._view(user_id, msg_id, kind, content, from_member=False)

    def _view(
        self, user_id: str, msg_id: str, kind: str, content: JsonObject, from_member: bool
    ) -> View:
        view = View(msg_id, user_id, kind, content, self.clock.now(), from_member)
        self.views[msg_id, user_id] = view
        while len(self.views) > KEPT:
            self.views.pop(next(iter(self.views)))
        self.rev += 1
        return view

    def _change(self, view: View, card: Any, grey: str) -> None:
        if grey:
            view.grey = grey
        else:
            view.content = {"task_id": view.content.get("task_id", "")} | card
            view.grey = str(card.get("replace_text", ""))
        self.rev += 1


def _can_call_back(card: JsonObject) -> bool:
    return card["card_type"] in INTERACTIVE or bool(card.get("action_menu"))


def _content_key(body: JsonObject) -> str:
    return json.dumps([body.get("touser"), body.get(str(body.get("msgtype")))], sort_keys=True)
