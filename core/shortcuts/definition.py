"""A shortcut as data: its fields, where each may get its value, and the verb it ends in. Pure.

Only names stand in a definition: of verbs (verbs.py) and of sources (sources.py). So whoever edits
one can choose among what the product can do, and never bring code of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from core.errors import INVALID, AppError

KINDS = ("item", "warehouse", "place", "unit", "quantity", "text", "person", "moment")
MOST_FIELDS, MOST_SOURCES, MOST_NAMED = 20, 8, 100
LONGEST = 400  # letters of a value


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field of the form. The first of `sources` that knows something fills it."""

    key: str
    kind: str
    label: str
    label_en: str
    sources: tuple[str, ...] = ()
    required: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """What a verb is told beside the fields; each verb reads its own.

    `near`: for a warehouse's code, the codes of those it is supplied from, nearest first.
    `to` and `policy`: who gets the request, and its escalation policy.
    """

    urgent: bool = False
    near: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    to: tuple[str, ...] = ()
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A definition. Version 0 is the one that we ship."""

    key: str
    title: str
    title_en: str
    verb: str
    fields: tuple[FieldRule, ...]
    settings: Settings = Settings()
    active: bool = True
    version: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON-like; `from_json` gives an equal definition back."""
        body = asdict(self)
        body["fields"] = [each | {"sources": list(each["sources"])} for each in body["fields"]]
        settings = body["settings"]
        settings["near"] = {code: list(codes) for code, codes in settings["near"].items()}
        settings["to"] = list(settings["to"])
        return body

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> Shortcut:
        """The definition that `body` describes.

        Raises:
            AppError(invalid): a part is missing, unknown or of the wrong shape.
        """
        try:
            return _read(dict(body))
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            why = f"读不成快捷单（{problem}）"[:120]
            raise AppError(INVALID, field="快捷单", why=why) from problem


def _read(body: dict[str, Any]) -> Shortcut:
    rules = tuple(_read_field(each) for each in body.pop("fields"))
    settings = dict(body.pop("settings", {}))
    near = {
        _text(code): tuple(_text(each) for each in codes)
        for code, codes in settings.pop("near", {}).items()
    }
    to = tuple(_text(each) for each in settings.pop("to", ()))
    read = Shortcut(fields=rules, settings=Settings(near=near, to=to, **settings), **body)
    for words in (read.key, read.title, read.title_en, read.verb, read.settings.policy):
        _text(words)
    for flag in (read.active, read.settings.urgent):
        if not isinstance(flag, bool):
            raise TypeError("true / false")
    if not isinstance(read.version, int):
        raise TypeError("version")
    return read


def _read_field(body: Mapping[str, Any]) -> FieldRule:
    sources = tuple(_text(each) for each in body.get("sources", ()))
    read = FieldRule(**(dict(body) | {"sources": sources}))
    for words in (read.key, read.kind, read.label, read.label_en):
        _text(words)
    if not isinstance(read.required, bool):
        raise TypeError("required")
    return read


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or "\x00" in value:
        raise TypeError("text")
    return value
