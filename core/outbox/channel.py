"""The port to a chat vendor: what a channel must be able to do, and what it may answer.

Not for any vendor (bots/) and not for deciding when or what to send (queue.py, deliver.py).

A channel never retries, never waits out a limit and never decides that a card is old: it makes one
attempt and says honestly how it ended. `ambiguous` means "the vendor may have accepted it".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from core.outbox.card import Card

ResultKind = Literal["sent", "later", "never", "ambiguous"]
Scope = Literal["message", "person", "account"]
Handle = dict[str, Any]
GROUP = "group"  # the channel of the team's group chat, where one is connected


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can do; what it cannot, nobody pretends (receipts: 未知, never 未读)."""

    edit: bool = True
    receipts: bool = False
    inputs: frozenset[str] = frozenset()  # kinds of Field it can ask on the card itself
    buttons: int = 6
    pictures: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt. The same message tried again is equal in everything but `again`.

    `card_id` names the card for ever (32 hex digits, ours, unique): the vendor's own card id
    (WeCom task_id, DingTalk outTrackId) is made from it, also by later edits. `tokens` holds one
    opaque action token per button that has no url. `again` is true when the vendor may already have
    this very content.
    """

    message_id: str
    card_id: str
    task_id: str
    person_id: int
    user_id: str
    card: Card
    card_rev: int
    tokens: Mapping[str, str] = field(default_factory=dict)
    urgent: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class SendResult:
    """How an attempt ended.

    `handle`: what is needed to edit this card later; `handle["ref"]` is the vendor's id of it and
    `handle["codes"]` its one-use codes (surfaces.add_code). After an edit it is merged into what is
    known. `spent`: codes used by this attempt, however it ended. `scope`: whom `later` concerns:
    a 429 of one chat must not delay the others. `gone`: with `never`, the person's account on this
    channel is dead. `retry_after_s`: whole seconds the vendor asked for, 0 when it did not.
    """

    kind: ResultKind
    handle: Handle | None = None
    retry_after_s: int = 0
    code: str = ""
    reason: str = ""
    scope: Scope = "person"
    gone: bool = False
    spent: tuple[str, ...] = ()


class Channel(Protocol):
    """One vendor account. Methods raise only for bugs; every vendor answer is a SendResult."""

    @property
    def name(self) -> str:
        """`wecom`, `dingtalk`, …; equals chat_identity.channel."""

    @property
    def capabilities(self) -> Capabilities:
        """Constant for the life of the process."""

    async def send(self, delivery: Delivery) -> SendResult:
        """Bring a new card to `delivery.user_id`."""

    async def edit(self, delivery: Delivery, handle: Mapping[str, Any]) -> SendResult:
        """Make the card behind `handle` show `delivery.card`.

        When the card itself can no longer be changed (codes spent, too old) the channel says it
        another way (recall, plain message) and answers `sent`; `never` means there is no way.
        """
