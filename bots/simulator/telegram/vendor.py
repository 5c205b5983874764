"""One bot's world at Telegram: people, messages, files, pressed buttons, and what may be sent.

Plain and synchronous: HTTP is doors.py, what people do is fingers.py, how updates reach the bot is
updates.py. Where Telegram publishes no figure the stricter reading is played and named here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bots.simulator.telegram.checks import (
    MAX_CAPTION,
    MAX_DOWNLOAD,
    MAX_PHOTO,
    MAX_PRESS_WORDS,
    MAX_TEXT,
    MAX_UPLOAD,
    ApiError,
    JsonObject,
    bad,
    keyboard,
    width,
    words_of,
)
from bots.simulator.telegram.pace import Pace
from core.clock import HOUR, SECOND, Clock, Instant

QUERY_LIVES: Instant = 60 * SECOND  # not published; people report anything from 15 s to minutes
LINK_LIVES: Instant = HOUR  # "at least 1 hour"
KEPT = 2000


@dataclass(slots=True)
class Person:
    """Somebody with Telegram, or (a negative number) a group.

    `started`: pressed Start once. `blocked`: refuses the bot. `gone`: the account was deleted.
    """

    user_id: str
    name: str
    title: str = ""
    started: bool = True
    blocked: bool = False
    gone: bool = False

    @property
    def number(self) -> int:
        return int(self.user_id)


@dataclass(slots=True)
class View:
    """One message as the person sees it now. `content` is the Message object without its head."""

    msg_id: str
    user_id: str
    kind: str
    content: JsonObject
    at: Instant
    mine: bool = False
    edited: bool = False
    gone: bool = False
    had_buttons: bool = False
    toast: str = ""
    alert: bool = False

    @property
    def grey(self) -> bool:
        """A card that was closed: it had buttons and has none now."""
        return self.had_buttons and "reply_markup" not in self.content


@dataclass(slots=True)
class Press:
    """A pressed button that waits for its answer."""

    view: View
    at: Instant
    answered: bool = False


@dataclass(slots=True)
class Fault:
    """Something that goes wrong on purpose, `times` times, when `method` is called.

    code and description: answered instead of doing anything (429 with retry_after). http: a bare
    status as a proxy gives it. silent: "connect" the connection is not made, "before" it ends with
    nothing done, "after" the deed is done and never answered.
    """

    method: str
    code: int = 0
    description: str = "ordered fault"
    retry_after: int = 0
    http: int = 0
    silent: str = ""
    times: int = 1


@dataclass(slots=True)
class Vendor:
    """The state of one bot."""

    clock: Clock
    token: str
    username: str
    people: dict[str, Person] = field(default_factory=dict)
    views: dict[tuple[str, str], View] = field(default_factory=dict)
    presses: dict[str, Press] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    links: dict[str, tuple[Instant, str]] = field(default_factory=dict)
    commands: list[JsonObject] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    pace: Pace = field(init=False)
    rev: int = 0
    _numbers: int = 0

    def __post_init__(self) -> None:
        self.pace = Pace(self.clock)

    @property
    def bot(self) -> JsonObject:
        number = int(self.token.partition(":")[0])
        return {"id": number, "is_bot": True, "first_name": "接力", "username": self.username}

    # -- methods ---------------------------------------------------------------------------------
    def get_me(self, _: JsonObject) -> JsonObject:
        return self.bot | {
            "can_join_groups": False,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    def send_message(self, asked: JsonObject) -> JsonObject:
        person = self._whom(asked)
        text, entities = words_of(asked.get("text"), asked.get("parse_mode"), MAX_TEXT)
        if not text:
            raise bad("message text is empty")
        content = _without_empty(text=text, entities=entities)
        return self._show(person, "text", content, asked)

    def send_photo(self, asked: JsonObject) -> JsonObject:
        person = self._whom(asked)
        file_id = self._given(asked.get("photo"), MAX_PHOTO)
        return self._show(person, "photo", {"photo": self._sizes(file_id)}, asked, captioned=True)

    def send_document(self, asked: JsonObject) -> JsonObject:
        person = self._whom(asked)
        file_id = self._given(asked.get("document"), MAX_UPLOAD)
        name, data = self.files[file_id]
        document = self.file_object(file_id) | {"file_name": name, "file_size": len(data)}
        return self._show(person, "document", {"document": document}, asked, captioned=True)

    def edit_text(self, asked: JsonObject) -> JsonObject:
        view = self._own(asked)
        if view.kind != "text":
            raise bad("there is no text in the message to edit")
        text, entities = words_of(asked.get("text"), asked.get("parse_mode"), MAX_TEXT)
        if not text:
            raise bad("message text is empty")
        return self._change(view, _without_empty(text=text, entities=entities), asked)

    def edit_caption(self, asked: JsonObject) -> JsonObject:
        view = self._own(asked)
        if view.kind == "text":
            raise bad("there is no caption in the message to edit")
        kept = {view.kind: view.content[view.kind]}
        return self._change(view, kept | _caption(asked), asked)

    def edit_markup(self, asked: JsonObject) -> JsonObject:
        view = self._own(asked)
        kept = {name: each for name, each in view.content.items() if name != "reply_markup"}
        return self._change(view, kept, asked)

    def delete_message(self, asked: JsonObject) -> bool:
        view = self.views.get((str(asked.get("message_id")), str(asked.get("chat_id"))))
        if view is None or view.gone:
            raise bad("message to delete not found")
        view.gone = True
        self.rev += 1
        return True

    def answer_press(self, asked: JsonObject) -> bool:
        press = self.presses.get(str(asked.get("callback_query_id")))
        now = self.clock.now()
        if press is None or press.answered or now - press.at > QUERY_LIVES:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        words = str(asked.get("text") or "")
        if width(words) > MAX_PRESS_WORDS:
            raise bad("MESSAGE_TOO_LONG")
        press.answered = True
        press.view.toast, press.view.alert = words, _true(asked.get("show_alert"))
        self.rev += 1
        return True

    def get_file(self, asked: JsonObject) -> JsonObject:
        file_id = str(asked.get("file_id") or "")
        if file_id not in self.files:
            raise bad("wrong file_id or the file is temporarily unavailable")
        name, data = self.files[file_id]
        if len(data) > MAX_DOWNLOAD:
            raise bad("file is too big")
        path = f"files/{file_id[-12:]}_{name}"
        self.links[path] = (self.clock.now() + LINK_LIVES, file_id)
        return self.file_object(file_id) | {"file_size": len(data), "file_path": path}

    def set_commands(self, asked: JsonObject) -> bool:
        commands = asked.get("commands")
        if not isinstance(commands, list) or len(commands) > 100:
            raise bad("can't parse commands list")
        self.commands = commands
        return True

    # -- what the rest of the simulator needs ----------------------------------------------------
    def download(self, path: str) -> bytes | None:
        """The bytes behind a link of `get_file`, for as long as it lives."""
        until, file_id = self.links.get(path, (0, ""))
        return self.files[file_id][1] if self.clock.now() < until else None

    def keep_file(self, name: str, data: bytes) -> str:
        """Store a file; its id."""
        file_id = f"AgAC{self.number():012d}"
        self.files[file_id] = (name, data)
        return file_id

    def file_object(self, file_id: str) -> JsonObject:
        return {"file_id": file_id, "file_unique_id": "u" + file_id}

    def photo_sizes(self, data: bytes) -> list[JsonObject]:
        """What a photo from a phone becomes: a thumbnail and the large size, both downloadable."""
        small = self.keep_file("thumb.jpg", data[:64])
        large = self.keep_file("photo.jpg", data)
        return [
            self.file_object(small) | {"width": 90, "height": 67, "file_size": len(data[:64])},
            self.file_object(large) | {"width": 1280, "height": 960, "file_size": len(data)},
        ]

    def message(self, view: View) -> JsonObject:
        """The Message object of a view."""
        person = self.people[view.user_id]
        head: JsonObject = {
            "message_id": int(view.msg_id),
            "from": user_of(person) if view.mine else self.bot,
            "chat": chat_of(person),
            "date": view.at // SECOND,
        }
        if view.edited:
            head["edit_date"] = self.clock.now() // SECOND
        return head | view.content

    def add_view(self, person: Person, kind: str, content: JsonObject, *, mine: bool) -> View:
        """Put a message into a chat."""
        msg_id = str(self.number())
        view = View(msg_id, person.user_id, kind, content, self.clock.now(), mine)
        view.had_buttons = "reply_markup" in content
        self.views[msg_id, person.user_id] = view
        while len(self.views) > KEPT:
            self.views.pop(next(iter(self.views)))
        self.rev += 1
        return view

    def chat(self, user_id: str) -> Iterator[View]:
        """A person's messages, oldest first, without deleted ones."""
        return (each for each in self.views.values() if each.user_id == user_id and not each.gone)

    def number(self) -> int:
        """The next number of a message, a file or a query."""
        self._numbers += 1
        return self._numbers

    def fault_for(self, method: str) -> Fault | None:
        """The fault ordered for this call, used up by one."""
        for fault in self.faults:
            if fault.times > 0 and fault.method == method:
                fault.times -= 1
                return fault
        return None

    # -- inside ----------------------------------------------------------------------------------
    def _whom(self, asked: JsonObject) -> Person:
        """The receiver, if the bot may write to them now."""
        person = self.people.get(str(asked.get("chat_id") or ""))
        if person is None:
            raise bad("chat not found")
        if person.gone:
            raise ApiError(403, "Forbidden: user is deactivated")
        if person.blocked:
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        if not person.started:
            raise ApiError(403, "Forbidden: bot can't initiate conversation with a user")
        return person

    def _in_time(self, chat: int | None) -> None:
        seconds = self.pace.seconds_to_wait(chat)
        if seconds:
            words = f"Too Many Requests: retry after {seconds}"
            raise ApiError(429, words, retry_after=seconds)

    def _own(self, asked: JsonObject) -> View:
        """The bot's own message that is to be changed."""
        chat_id = str(asked.get("chat_id") or "")
        if chat_id not in self.people:
            raise bad("chat not found")
        view = self.views.get((str(asked.get("message_id")), chat_id))
        if view is None or view.gone:
            raise bad("message to edit not found")
        if view.mine:
            raise bad("message can't be edited")
        return view

    def _show(
        self,
        person: Person,
        kind: str,
        content: JsonObject,
        asked: JsonObject,
        captioned: bool = False,
    ) -> JsonObject:
        caption = _caption(asked) if captioned else {}
        markup = keyboard(asked.get("reply_markup"))
        self._in_time(person.number)
        content = content | caption | _without_empty(reply_markup=markup)
        return self.message(self.add_view(person, kind, content, mine=False))

    def _change(self, view: View, content: JsonObject, asked: JsonObject) -> JsonObject:
        content = content | _without_empty(reply_markup=keyboard(asked.get("reply_markup")))
        if content == view.content:
            raise bad(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        self._in_time(None)
        view.content, view.edited = content, True
        view.had_buttons = view.had_buttons or "reply_markup" in content
        self.rev += 1
        return self.message(view)

    def _given(self, file: Any, limit: int) -> str:
        """The id of a file that was uploaded with the call, or sent before."""
        if isinstance(file, tuple):
            name, data = file
            if not data:
                raise bad("file must be non-empty")
            if len(data) > limit:
                raise ApiError(413, "Request Entity Too Large")
            return self.keep_file(str(name), data)
        if str(file or "") not in self.files:
            raise bad("wrong file identifier/HTTP URL specified")
        return str(file)

    def _sizes(self, file_id: str) -> list[JsonObject]:
        size = len(self.files[file_id][1])
        return [self.file_object(file_id) | {"width": 1280, "height": 960, "file_size": size}]


def chat_of(person: Person) -> JsonObject:
    """The Chat object of a person; a negative number is a group's."""
    if person.number < 0:
        return {"id": person.number, "title": person.name, "type": "supergroup"}
    return {"id": person.number, "first_name": person.name, "type": "private"}


def user_of(person: Person) -> JsonObject:
    """The User object of a person."""
    return {"id": person.number, "is_bot": False, "first_name": person.name}


def _caption(asked: JsonObject) -> JsonObject:
    text, entities = words_of(asked.get("caption"), asked.get("parse_mode"), MAX_CAPTION)
    return _without_empty(caption=text, caption_entities=entities)


def _without_empty(**parts: Any) -> JsonObject:
    return {name: each for name, each in parts.items() if each}


def _true(value: object) -> bool:
    return value is True or str(value).lower() == "true"
