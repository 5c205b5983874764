"""Null: a channel without a vendor. It ships: a process without WeCom delivers here, tests too.

It keeps in memory what a person's phone would show, and answers as scripted: every behaviour a
vendor has shown us (429, accepting and then timing out, dropping duplicates, refusing for good) can
be asked of it. Not durable, and nobody is rung.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.outbox.card import Card
from core.outbox.channel import Capabilities, Delivery, SendResult

OK = SendResult("sent")


@dataclass(slots=True)
class Shown:
    """One card on one phone, as the person sees it now. `revisions` counts what it showed."""

    ref: str
    user_id: str
    card: Card
    tokens: Mapping[str, str]
    card_id: str
    revisions: int = 1


@dataclass(frozen=True, slots=True)
class Scripted:
    """An answer to give instead of `sent`. `accepts`: the card arrives nevertheless."""

    result: SendResult
    accepts: bool = False


RATE_LIMITED = Scripted(SendResult("later", retry_after_s=30, code="429", reason="太频繁"))
TIMEOUT_AFTER_ACCEPT = Scripted(SendResult("ambiguous", code="timeout"), accepts=True)
TIMEOUT_BEFORE_ACCEPT = Scripted(SendResult("ambiguous", code="timeout"))
LEFT_THE_COMPANY = Scripted(SendResult("never", code="60111", reason="账号不存在", gone=True))


@dataclass(slots=True)
class Null:
    """The in-memory channel. `script` holds answers per user id, used up in order."""

    name: str = "null"
    capabilities: Capabilities = field(default_factory=Capabilities)
    checks_duplicates: bool = True  # as WeCom's enable_duplicate_check
    phones: dict[str, list[Shown]] = field(default_factory=dict)
    attempts: list[Delivery] = field(default_factory=list)
    script: dict[str, deque[Scripted]] = field(default_factory=dict)
    _refs: int = 0

    def will(self, user_id: str, *answers: Scripted) -> None:
        """Answer the next attempts at `user_id` so, then `sent` again."""
        self.script.setdefault(user_id, deque()).extend(answers)

    def phone(self, user_id: str) -> list[Shown]:
        """The cards on a phone, oldest first."""
        return self.phones.setdefault(user_id, [])

    def live(self, user_id: str) -> list[Shown]:
        """The cards on a phone that still ask for something."""
        return [shown for shown in self.phone(user_id) if not shown.card.closed]

    async def send(self, delivery: Delivery) -> SendResult:
        """Show a new card, unless it is a repeat of one that is there."""
        self.attempts.append(delivery)
        scripted = self._scripted(delivery.user_id)
        if scripted is not None and not scripted.accepts:
            return scripted.result
        ref = self._show(delivery)
        if scripted is not None:
            return scripted.result
        return SendResult("sent", handle={"ref": ref})

    async def edit(self, delivery: Delivery, handle: Mapping[str, Any]) -> SendResult:
        """Change the card behind `handle`."""
        self.attempts.append(delivery)
        scripted = self._scripted(delivery.user_id)
        if scripted is not None and not scripted.accepts:
            return scripted.result
        shown = next(
            (each for each in self.phone(delivery.user_id) if each.ref == handle.get("ref")), None
        )
        if shown is None:
            return SendResult("never", code="no_card", reason="卡片已不在")
        shown.card, shown.tokens = delivery.card, delivery.tokens
        shown.revisions += 1
        return OK if scripted is None else scripted.result

    def _show(self, delivery: Delivery) -> str:
        for shown in self.phone(delivery.user_id):
            if self.checks_duplicates and shown.card_id == delivery.card_id:
                return shown.ref
        self._refs += 1
        ref = f"{self.name}-{self._refs}"
        card, tokens = delivery.card, delivery.tokens
        shown = Shown(ref, delivery.user_id, card, tokens, delivery.card_id)
        self.phone(delivery.user_id).append(shown)
        return ref

    def _scripted(self, user_id: str) -> Scripted | None:
        waiting = self.script.get(user_id)
        return waiting.popleft() if waiting else None
