"""What the people of the shop asked for and what they were answered: all that the auditor hears.

A fact is one operation. `gone` means that the connection broke and nobody asked again: it happened
or it did not, as a whole.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any

import orjson

from core.clock import Instant

Wire = dict[str, Any]


@dataclass(slots=True)
class Fact:
    """`state`: asked · done · refused · gone. `answers` are all that came, equal if all is well."""

    op: str
    who: str
    verb: str
    ask: Wire
    at: Instant
    state: str = "asked"
    answers: list[Any] = field(default_factory=list)
    why: str = ""
    taken_back: str = ""  # the code with which a repeat was refused after the first was answered

    @property
    def answer(self) -> Any:
        return self.answers[0] if self.answers else None


@dataclass(slots=True)
class Heard:
    """Everything that was heard in one day."""

    facts: list[Fact] = field(default_factory=list)

    def ask(self, op: str, who: str, verb: str, ask: Wire, at: Instant) -> Fact:
        fact = Fact(op, who, verb, ask, at)
        self.facts.append(fact)
        return fact

    def done(self, verb: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.verb == verb and fact.state == "done"]


def parsed(value: Any) -> Any:
    """A JSON column as plain SQL gives it: text on SQLite, the value itself on PostgreSQL."""
    return orjson.loads(value) if isinstance(value, str | bytes) else value


def plain(answer: Any) -> Any:
    """An answer as dicts and tuples, so that two of them can be compared."""
    if not is_dataclass(answer) or isinstance(answer, type):
        return answer
    found = asdict(answer)
    found.pop("replayed", None)  # says that it is a repeat
    return found
