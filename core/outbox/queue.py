"""What is to be said: `put` a card to a person, `edit_everywhere` a task's cards, `supersede`.

Everything here runs inside the transaction of the verb that causes it, so a task and the cards
about it stand or fall together. Not for sending (deliver.py) and not for what a card says (the
feature that owns the task).

Promise: at-least-once delivery, and a repeat changes the same card instead of adding one. There is
at most one unsent card per (task, person) and one pending edit per surface, the newest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, CursorResult, and_, bindparam, case, func, or_, select, update

from core import events
from core.bus import OUTBOX
from core.clock import Instant
from core.db import Tx
from core.outbox import digest, rules
from core.outbox.card import Card
from core.outbox.channel import GROUP
from core.outbox.claiming import Claimed, claim, next_due
from core.outbox.edits import enqueue_edit, replace_card
from core.outbox.letters import DeadLetter, OnDead
from core.outbox.messages import (
    Message,
    find_message,
    finish,
    insert,
    messages_of,
    of_row,
)
from core.outbox.recording import record
from core.outbox.surfaces import Surface, amend_handle, living, surface_of_card, surfaces_of
from core.outbox.tables import PENDING, SENDING, messages, receipts
from core.outbox.tokens import ActionToken, Bound, configure, find_token, make_tokens, spend_token
from core.people import ChatIdentity, reach_of_many


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One card for one person. `key` says what it is about: the same key is the same message.

    The key should hold task, generation, level and person. `generation` is the task's now; the
    card's buttons are bound to it. `urgent` wakes people; `expires_us`: nobody wants it later;
    `can_wait`: a digest that comes before this instant may bring it.
    """

    task_id: str
    generation: int
    person_id: int
    card: Card
    key: str
    priority: rules.Priority = "new"
    urgent: bool = False
    expires_us: Instant | None = None
    group: str = ""
    can_wait: Instant = 0


def notice(person_id: int, card: Card, key: str, priority: rules.Priority = "new") -> Outgoing:
    """Words for one person that belong to no task: nothing to press, nothing to keep up to date."""
    assert not card.buttons, "buttons belong to a task"
    return Outgoing("", 0, person_id, card, key, priority)


_BY_KEYS = (
    select(messages.c.dedupe, messages.c.id)
    .where(messages.c.dedupe.in_(bindparam("keys_", expanding=True)))
    .where(messages.c.state != "superseded")
    .order_by(messages.c.seq)
)
_UNFINISHED = (
    select(messages)
    .where(
        messages.c.task_id == bindparam("task_id_"),
        messages.c.intent == "send",
        or_(messages.c.state == PENDING, messages.c.state == SENDING),
    )
    .order_by(messages.c.seq)
    .limit(500)
)
_UNSENT_OF = (
    select(messages)
    .where(
        messages.c.task_id == bindparam("task_id_"),
        messages.c.person_id == bindparam("person_id_"),
        messages.c.channel != GROUP,
        messages.c.intent == "send",
        messages.c.state == PENDING,
        messages.c.frozen.is_(False),
    )
    .limit(20)
)
_WAITS = and_(messages.c.state == PENDING, messages.c.unsure == 0)
_SUPERSEDE = (  # what waits is dropped; what is in flight, or may have arrived, is marked
    update(messages)
    .where(
        messages.c.task_id == bindparam("task_id_"),
        messages.c.intent == "send",
        messages.c.generation < bindparam("generation_"),
        or_(messages.c.state == PENDING, messages.c.state == SENDING),
    )
    .values(
        state=case((_WAITS, "superseded"), else_=messages.c.state),
        moved=case((_WAITS, messages.c.moved), else_=True),
        finished_at=case((_WAITS, bindparam("now_")), else_=messages.c.finished_at),
        code=case((_WAITS, "moved"), else_=messages.c.code),
        reason=case((_WAITS, "任务已有变化"), else_=messages.c.reason),
    )
)
_REACHED = (
    select(messages.c.person_id)
    .where(messages.c.task_id == bindparam("task_id_"), messages.c.intent == "send")
    .where(messages.c.channel != GROUP, messages.c.state != "superseded")
    .where(or_(messages.c.state != SENDING, ~messages.c.moved))
    .distinct()
    .limit(500)
)
_OLDEST = select(func.min(messages.c.not_before)).where(messages.c.state == PENDING)
_TOLD = (
    select(events.events.c.subject)
    .distinct()
    .where(events.events.c.subject.in_(bindparam("subjects_", expanding=True)))
    .where(events.events.c.kind == "outbox.unreachable")
)


def put(tx: Tx, out: Outgoing) -> str | None:
    """`put_all` of one card; the message's id, or None when the person has no chat account."""
    return put_all(tx, [out])[0]


def put_all(tx: Tx, outs: Sequence[Outgoing], *, first: bool = False) -> list[str | None]:
    """Queue cards. Answers each message's id, or None when the person has no chat account.

    A key that came before answers the first message's id and changes nothing, unless that one was
    superseded. An unsent older card of the same task for the same person is folded into this one,
    which comes as early as that would have, and wakes him if that would have. `first`: the task is
    new, so there is neither. Whoever wants cards everywhere gets one on each channel.
    """
    known: dict[str, str] = {}
    reach = reach_of_many(tx.conn, (out.person_id for out in outs))
    if not first:
        rows = tx.execute(_BY_KEYS, {"keys_": [out.key for out in outs]})
        known = {row.dedupe: row.id for row in rows}  # the newest of a key comes last
    fresh = [out for out in outs if out.key not in known]
    made: dict[str, str] = {}
    unreachable = []
    for out in fresh:
        wishes = reach(out.person_id)
        chats = wishes.targets()
        if not chats:
            unreachable.append(out)
        elif out.key not in made:
            folded = [] if first else _fold_unsent(tx, out)
            newest = _instead_of(folded, out)
            going = _going(tx.now, newest, folded, wishes.digest_at)
            made[out.key] = _put(tx, newest, chats[0], going, out.key)
            for chat in chats[1:]:
                _put(tx, newest, chat, going, f"{out.key}@{chat.channel}")
    _say_unreachable(tx, unreachable)
    return [known.get(out.key) or made.get(out.key) for out in outs]


def put_to(tx: Tx, out: Outgoing, channel: str, recipient: str) -> None:
    """Queue a card for somebody who is no person of ours, beside the one that `out.person_id` gets;
    the same key is the same message. It is not his: his hours, apps, newer cards leave it alone.
    """
    key = f"{out.key}@{channel}"
    if not tx.execute(_BY_KEYS, {"keys_": [key]}).first():
        chat = ChatIdentity(0, out.person_id, channel, recipient, "active")
        _put(tx, out, chat, _Going(rules.LANES[out.priority], tx.now), key)


@dataclass(frozen=True, slots=True)
class _Going:
    """In which lane a message goes, and not before when."""

    lane: int
    not_before: Instant


def _going(now: Instant, out: Outgoing, folded: Sequence[Message], digest_at: int | None) -> _Going:
    """Only what is in no hurry waits for the digest: neither this nor what it replaces."""
    lanes = [each.lane for each in folded]
    can_wait = not out.urgent and all(lane == rules.LANES["digest"] for lane in lanes)
    later = digest.moment(now, digest_at, out.can_wait) if can_wait else None
    return _Going(min([rules.LANES["digest" if later else out.priority], *lanes]), later or now)


def _put(tx: Tx, out: Outgoing, chat: ChatIdentity, going: _Going, key: str) -> str:
    message_id = tx.new_id()
    bound = Bound(message_id, out.task_id, out.generation, out.person_id)
    make_tokens(tx, bound, out.card, new_card=True)
    insert(
        tx,
        {
            "id": message_id,
            "dedupe": key,
            "task_id": out.task_id,
            "generation": out.generation,
            "person_id": out.person_id,
            "intent": "send",
            "lane": going.lane,
            "urgent": out.urgent or out.card.urgent,
            "group_key": out.group,
            "card": out.card.to_json(),
            "card_rev": 1,
            "card_id": message_id,
            "channel": chat.channel,
            "recipient": chat.user_id,
            "not_before": going.not_before,
            "expires_at": out.expires_us,
            "patient_until": going.not_before + rules.Retry().patience,
        },
    )
    return message_id


def edit_everywhere(
    tx: Tx,
    task_id: str,
    card_for: Callable[[int], Card],
    *,
    generation: int,
    drop_older: bool = False,
) -> int:
    """Bring every card of a task up to date; how many will change.

    Cards that stand somewhere are edited; cards in flight are edited as soon as they land; unsent
    ones are rewritten, or dropped when the new card is closed. `generation` binds the new buttons;
    `drop_older`: and unsent ones of an older one are dropped first.
    """
    changed = 0
    stand = living(tx.conn, task_id)
    unfinished = _unfinished(tx, task_id)
    if drop_older and any(each.generation < generation for each in unfinished):
        dropped = _supersede(tx, task_id, generation)
        unfinished = _unfinished(tx, task_id)  # in one trip with it
        if dropped.rowcount:
            tx.wake(OUTBOX)
    for unsent in unfinished:
        card = card_for(unsent.person_id)
        if card.closed and not unsent.frozen:
            finish(tx, unsent, "superseded", "closed", "发出前任务已结束")
        else:
            replace_card(tx, unsent, card, generation)
        changed += 1
    for surface in stand:
        changed += enqueue_edit(tx, surface, card_for(surface.person_id), generation)
    return changed


def _supersede(tx: Tx, task_id: str, generation: int) -> CursorResult[Any]:
    """The task moved to `generation`: drop its older cards that were not sent.

    One that is in flight cannot be stopped. One that may or may not have arrived is repeated
    identically once more: the vendor drops the repeat, we learn where the card stands, and the edit
    that waits behind it takes its buttons away.
    """
    values = {"task_id_": task_id, "generation_": generation, "now_": tx.now}
    return tx.execute(_SUPERSEDE, values)


def unreached(conn: Connection, task_id: str, persons: Iterable[int]) -> list[int]:
    """Those of `persons` to whom no card of the task was sent, is to be sent, or has died.

    One that was on its way when the task moved on does not count: it is not tried a second time.
    """
    reached = set(conn.execute(_REACHED, {"task_id_": task_id}).scalars())
    return [each for each in persons if each not in reached]


def receipt(
    tx: Tx, card_id: str, kind: str, certainty: str = "reported", at: Instant | None = None
) -> None:
    """Keep that a card was `delivered`, `read` or `clicked`; the first report of each counts.

    `certainty`: `reported` by the vendor, or `inferred` by us (a click implies a read).
    """
    assert kind in {"delivered", "read", "clicked"}, f"unknown kind of receipt: {kind}"
    known = select(receipts.c.id).where(receipts.c.card_id == card_id, receipts.c.kind == kind)
    if tx.execute(known).first() is None:
        values = {"card_id": card_id, "kind": kind, "certainty": certainty}
        tx.add(receipts, values | {"at": tx.now if at is None else at})


def oldest_waiting(conn: Connection, now: Instant) -> Instant:
    """For how long (µs) the longest-waiting message has been allowed to go and did not."""
    oldest: Instant | None = conn.execute(_OLDEST).scalar()
    return 0 if oldest is None else max(0, now - oldest)


def _unfinished(tx: Tx, task_id: str) -> list[Message]:
    return [of_row(row) for row in tx.execute(_UNFINISHED, {"task_id_": task_id}).mappings()]


def _fold_unsent(tx: Tx, out: Outgoing) -> list[Message]:
    """Drop unsent cards of the same task for the same person; those that were dropped."""
    values = {"task_id_": out.task_id, "person_id_": out.person_id}
    folded = [of_row(row) for row in tx.execute(_UNSENT_OF, values).mappings()]
    for each in folded:
        finish(tx, each, "superseded", "folded", "并入同一任务更新的卡片")
    return folded


def _instead_of(folded: Sequence[Message], out: Outgoing) -> Outgoing:
    """`out`, standing for `folded` too: it may wake whom one of them would have woken."""
    urgent = out.urgent or any(each.urgent for each in folded)
    ding = out.card.ding or any(each.card.get("ding") for each in folded)
    return replace(out, urgent=urgent, card=replace(out.card, ding=ding))


def _say_unreachable(tx: Tx, outs: Sequence[Outgoing]) -> None:
    """Once for each person, for ever."""
    if not outs:
        return
    told: set[str] = tx.shared.setdefault("outbox.unreachable", set())
    subjects = sorted({f"person:{out.person_id}" for out in outs} - told)
    if subjects:
        told.update(tx.execute(_TOLD, {"subjects_": subjects}).scalars())
    for out in outs:
        subject = f"person:{out.person_id}"
        if subject not in told:
            told.add(subject)
            payload = {"person_id": out.person_id, "task_id": out.task_id}
            events.append(tx, "outbox.unreachable", subject, "engine", payload)


__all__ = [
    "ActionToken",
    "Claimed",
    "DeadLetter",
    "OnDead",
    "Outgoing",
    "Surface",
    "amend_handle",
    "claim",
    "configure",
    "edit_everywhere",
    "find_message",
    "find_token",
    "messages_of",
    "next_due",
    "oldest_waiting",
    "put",
    "put_all",
    "receipt",
    "record",
    "spend_token",
    "surface_of_card",
    "surfaces_of",
    "unreached",
]
