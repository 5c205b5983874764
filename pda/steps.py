"""The shapes every flow shares: what one scan or one tap brings, and what the screen shows next.

A flow is stateless: its whole memory travels as `context` in the answer and comes back with the
next scan, and the truth is read again each time. So a dead battery costs one scan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import INVALID, AppError, define
from pda.messages import Message


class Context(BaseModel):
    """Base of a flow's memory: closed, frozen, checked at every step because clients may lie."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=512)


NOT_BOOKED = define("not_booked", 409, "{zh}", "{en}")

C = TypeVar("C", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Ask:
    """One scan (`code`) or one tap (`action`); `inputs` is what the screen's form holds now.

    `scope_id`: the device under which its other operations are known, too (`pda.answers.Hands`).
    """

    op_id: str
    state: str = ""
    code: str = ""
    symbology: str | None = None
    action: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    scope_id: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the screen shows next. `context` comes back unchanged with the next scan."""

    flow: str
    next_state: str
    message: Message
    data: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)

    def to_wire(self, op_id: str) -> dict[str, Any]:
        """The reply frame of operation `op_id`."""
        return {
            "t": "reply",
            "id": op_id,
            "ok": self.message.level != "error",
            "flow": self.flow,
            "next_state": self.next_state,
            "data": self.data,
            "context": self.context,
            "message": self.message.to_wire(),
            "sound": self.message.sound,
        }


def load(model: type[C], values: Mapping[str, Any], what: str) -> C:
    """`values` checked as `model`.

    Raises:
        AppError(invalid): a field is unknown or malformed; the sentence names it.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False, include_context=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or what
        raise AppError(INVALID, field=name, why=first["msg"]) from None


def refuse(message: Message) -> NoReturn:
    """Turn the question of a screen into a refusal: facts that a device sends later, maybe hours
    after the work, meet no screen that could ask. Nothing is stored, so mended they go again."""
    raise AppError(NOT_BOOKED, zh=message.text, en=message.en)
