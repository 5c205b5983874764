"""What a person said to us through a chat vendor, in one form for all of them.

The vendors' folders read their own envelopes into these; api/callbacks acts on them. Kept as JSON
in the inbox between the two. Not for permissions: a user id is only who the vendor says it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from core.clock import Instant


class CallbackRejected(Exception):  # noqa: N818  # the name says what happened
    """A callback that is not taken. `code` is stable, `status` is the HTTP answer; 200: not again.

    `sentence` is for whoever runs this server: what is wrong, and what to check.
    """

    def __init__(self, code: str, status: int, sentence: str) -> None:
        self.code, self.status, self.sentence = code, status, sentence
        super().__init__(f"{code}: {sentence}")


@dataclass(frozen=True, slots=True)
class Click:
    """A button pressed on a card. `token` is the opaque action token the button carried.

    `card` is the vendor's id of the card. `inputs` are the choices made on it: field key → option
    id, or a list of ids where several were ticked; what was not chosen is absent. `code`: with it
    the vendor lets us change the card once more (WeCom's response code), empty where it gives none.
    """

    user_id: str
    card: str
    token: str
    inputs: dict[str, str | list[str]] = field(default_factory=dict)
    code: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """Something typed to us. `shown_as` is what the vendor calls the account, if it says so."""

    user_id: str
    text: str
    shown_as: str = ""


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture sent to us. `media` is how the vendor's adapter gets it later; `caption` its words.

    `reply_to` is the vendor's id of the message that it answers, where the vendor has such a thing.
    """

    user_id: str
    media: str
    caption: str = ""
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Other:
    """What we do not act on: entering the application, a voice, a location."""

    user_id: str
    what: str


Said = Click | Word | Photo | Other
_KINDS: dict[str, type[Said]] = {"click": Click, "word": Word, "photo": Photo, "other": Other}
_ONCE_NAMED = {"task_id": "card", "response_code": "code"}  # in an inbox of before 2026-11-26


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person is told in return: `pressed` says it on the card, `text` in words.

    `nothing`: the outbox will change the card anyway. `picture` names one that follows (what it is
    drawn from: "curve:12", "task:…"), so that an answer can be kept.
    """

    kind: Literal["pressed", "text", "nothing"]
    said: str = ""
    picture: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "said": self.said, "picture": self.picture}


@dataclass(frozen=True, slots=True)
class Received:
    """A verified callback. `dedupe_key` is the same for every repetition of the same deed; `nonce`
    is what its request may be sent with once, where the vendor has such a thing.
    """

    said: Said
    dedupe_key: str
    nonce: str
    at: Instant

    def body(self) -> dict[str, Any]:
        """What the inbox stores; `said_from` reads it back."""
        return {"kind": type(self.said).__name__.lower(), **asdict(self.said)}


def said_from(body: Mapping[str, Any]) -> Said:
    """The click or words that `Received.body` wrote."""
    kind = _KINDS.get(body["kind"])
    if kind is None:  # as it was once written: an event's own name
        return Other(body["user_id"], body["kind"])
    values = {_ONCE_NAMED.get(name, name): value for name, value in body.items()}
    return kind(**{each.name: values[each.name] for each in fields(kind) if each.name in values})
