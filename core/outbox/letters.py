"""Dead letters: cards that will not be sent any more, and what a person may decide about them.

Not for retrying by itself: a dead letter moves only when somebody says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from core.db import Tx
from core.errors import NOT_FOUND, AppError, define
from core.outbox import rules
from core.outbox.channel import GROUP
from core.outbox.messages import Message, change, chat_for, find_message, finish, of_row
from core.outbox.tables import DEAD, messages
from core.outbox.tokens import Bound, make_tokens
from core.people import Actor, ChatIdentity, Thing, person, record, require

NOT_DEAD = define(
    "letter_not_dead",
    409,
    "这条消息不在死信里（现在是 {state}）。刷新看板，也许已经有人处理。",
    "This message is no dead letter (it is {state} now). Refresh; somebody may have handled it.",
)
NO_CHAT = define(
    "no_chat",
    422,
    "{name}没有可用的聊天账号，消息发不出去。先绑定账号，或改派给别人。",
    "{name} has no working chat account. Bind one, or send it to somebody else.",
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A card that will not be sent any more; somebody has to decide what becomes of it."""

    message_id: str
    task_id: str
    generation: int
    person_id: int
    channel: str
    recipient: str
    title: str
    code: str
    reason: str
    tries: int
    group: str


_OF_PERSON = (
    select(messages)
    .where(
        messages.c.task_id == bindparam("task_"),
        messages.c.person_id == bindparam("person_"),
        messages.c.intent == "send",
        messages.c.channel != GROUP,
        messages.c.state == "dead",
    )
    .limit(100)
)
OnDead = Callable[[Tx, DeadLetter], None]


def nobody_told(tx: Tx, letter: DeadLetter) -> None:
    """The `on_dead` of a process that only keeps dead letters on the board."""


def dead_letters(
    conn: Connection, limit: int = 100, before_seq: int | None = None
) -> list[Message]:
    """The newest dead cards (older than `before_seq`), edits left out, at most `limit`."""
    query = (
        select(messages)
        .where(messages.c.state == DEAD, messages.c.intent == "send")
        .order_by(messages.c.seq.desc())
        .limit(limit)
    )
    if before_seq is not None:
        query = query.where(messages.c.seq < before_seq)
    return [of_row(row) for row in conn.execute(query).mappings()]


def resend(tx: Tx, actor: Actor, message_id: str) -> None:
    """Try a dead letter again, from the person's first channel on; one to the team goes there.

    Raises:
        AppError(not_found, letter_not_dead, no_chat, forbidden).
    """
    letter = _dead(tx, actor, message_id)
    team = ChatIdentity(0, letter.person_id, letter.channel, letter.recipient, "active")
    _send_to(tx, letter, letter.person_id, team if letter.is_for_group else None)
    record(tx, actor, "outbox.resend", f"message:{message_id}")


def reassign(tx: Tx, actor: Actor, message_id: str, person_id: int) -> None:
    """Send a dead letter to another person instead; its buttons are bound to that person.

    Who may act on the task is the task's business: hand it over too.

    Raises:
        AppError(not_found, letter_not_dead, no_chat, forbidden).
    """
    letter = _dead(tx, actor, message_id)
    _send_to(tx, letter, person_id)
    before, after = {"person_id": letter.person_id}, {"person_id": person_id}
    record(tx, actor, "outbox.resend", f"message:{message_id}", before=before, after=after)


def outlived(tx: Tx, task_id: str, person_id: int) -> list[str]:
    """Give up the dead cards of a task for a person who gets a new one; their ids."""
    values = {"task_": task_id, "person_": person_id}
    found = [of_row(row) for row in tx.execute(_OF_PERSON, values).mappings()]
    for letter in found:
        finish(tx, letter, "superseded", "bound", "账号已绑定，另发一张新的")
    return [letter.id for letter in found]


def drop(tx: Tx, actor: Actor, message_id: str, why: str) -> None:
    """Give a dead letter up.

    Raises:
        AppError(not_found, letter_not_dead, forbidden).
    """
    letter = _dead(tx, actor, message_id)
    finish(tx, letter, "superseded", "dropped", why)
    record(tx, actor, "outbox.resend", f"message:{message_id}", why=why)


def _dead(tx: Tx, actor: Actor, message_id: str) -> Message:
    require(actor, "outbox.resend", Thing("message", message_id))
    letter = find_message(tx.conn, message_id)
    if letter is None:
        raise AppError(NOT_FOUND, what="消息", name=message_id)
    if letter.state != "dead" or not letter.is_send:
        raise AppError(NOT_DEAD, state=letter.state)
    return letter


def _send_to(tx: Tx, letter: Message, person_id: int, chat: ChatIdentity | None = None) -> None:
    """Put the letter back as a fresh card: nobody edits an attempt that failed."""
    chat = chat or chat_for(tx.conn, person_id, [])
    if chat is None:
        raise AppError(NO_CHAT, name=person(tx.conn, person_id).name)
    card, generation = letter.newest()
    card_id = tx.new_id()
    bound = Bound(card_id, letter.task_id, generation, person_id)
    make_tokens(tx, bound, card, new_card=True)
    change(
        tx,
        letter,
        state="pending",
        person_id=person_id,
        card=card.to_json(),
        generation=generation,
        card_id=card_id,
        channel=chat.channel,
        recipient=chat.user_id,
        next=None,
        frozen=False,
        tried=[],
        unsure=0,
        failures=0,
        not_before=tx.now,
        finished_at=None,
        patient_until=tx.now + rules.Retry().patience,
    )
