"""Card: what a person is told and may press, said once; every channel renders the same card.

Not for vendor formats (bots/) and not for who gets it (queue.py). A card is plain data: it is kept
as JSON in the task and in the outbox, so its form here is the form of old rows too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

FieldKind = Literal["quantity", "choice", "text", "photo"]
ButtonStyle = Literal["primary", "danger", "plain"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a card: 「数量  24 箱」."""

    label: str
    value: str

    def to_json(self) -> dict[str, Any]:
        return {"label": self.label, "value": self.value}


@dataclass(frozen=True, slots=True)
class Field:
    """Something the person fills in before pressing. `options` are (value, words) of a choice.

    `free`: a face with a keyboard may send other words than the options.
    """

    key: str
    label: str
    kind: FieldKind = "text"
    options: tuple[tuple[str, str], ...] = ()
    required: bool = False
    free: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "label": self.label,
            "kind": self.kind,
            "options": [list(option) for option in self.options],
            "required": self.required,
            "free": self.free,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Field:
        options = tuple((value, words) for value, words in data.get("options", ()))
        free = data.get("free", False)
        return Field(data["key"], data["label"], data["kind"], options, data["required"], free)


@dataclass(frozen=True, slots=True)
class Button:
    """A verb to press. With `url` it opens a page and carries no action token."""

    key: str
    label: str
    style: ButtonStyle = "plain"
    inputs: tuple[Field, ...] = ()
    url: str = ""
    confirm: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "label": self.label,
            "style": self.style,
            "inputs": [each.to_json() for each in self.inputs],
            "url": self.url,
            "confirm": self.confirm,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Button:
        inputs = tuple(Field.from_json(each) for each in data.get("inputs", ()))
        return Button(
            key=data["key"],
            label=data["label"],
            style=data.get("style", "plain"),
            inputs=inputs,
            url=data.get("url", ""),
            confirm=data.get("confirm", ""),
        )


@dataclass(frozen=True, slots=True)
class Card:
    """Four lines and some buttons. `picture` is a file id; `result` says who won, once closed."""

    title: str
    lead: str = ""
    facts: tuple[Fact, ...] = ()
    buttons: tuple[Button, ...] = ()
    footer: str = ""
    picture: str = ""
    closed: bool = False
    result: str = ""
    urgent: bool = False
    ding: bool = False  # rings louder where the channel can (DingTalk's DING), once

    def button(self, key: str) -> Button | None:
        """The button named `key`, if the card has it."""
        return next((button for button in self.buttons if button.key == key), None)

    def ended(self, result: str) -> Card:
        """The same card, closed: no buttons, and one sentence about how it ended."""
        return replace(self, buttons=(), closed=True, result=result)

    def to_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "lead": self.lead,
            "facts": [fact.to_json() for fact in self.facts],
            "buttons": [button.to_json() for button in self.buttons],
            "footer": self.footer,
            "picture": self.picture,
            "closed": self.closed,
            "result": self.result,
            "urgent": self.urgent,
            **({"ding": True} if self.ding else {}),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Card:
        return Card(
            title=data["title"],
            lead=data.get("lead", ""),
            facts=tuple(Fact(each["label"], each["value"]) for each in data.get("facts", ())),
            buttons=tuple(Button.from_json(each) for each in data.get("buttons", ())),
            footer=data.get("footer", ""),
            picture=data.get("picture", ""),
            closed=data.get("closed", False),
            result=data.get("result", ""),
            urgent=data.get("urgent", False),
            ding=data.get("ding", False),
        )
