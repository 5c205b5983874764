"""Taking what may go now: one short transaction, only SQL; the lease and the fence begin here.

A claim takes at most one message per person, the one in the foremost lane, and none while another
is on its way to that person: cards arrive in order, and a hundred cards for one person never stand
in front of one card for another (museum: oncall#4087). What may not go yet is pushed to the moment
it may, so it costs nothing until then. Not for sending (deliver.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    update,
)

from core.clock import HOUR, MINUTE, Instant, to_datetime
from core.db import Tx
from core.outbox import digest, rules
from core.outbox.card import Card
from core.outbox.channel import Delivery
from core.outbox.messages import Message, finish, of_row
from core.outbox.surfaces import surface
from core.outbox.tables import PENDING, SENDING, attempts, channel_gates, messages
from core.outbox.tokens import tokens_of
from core.people import person

BATCH = 20
ROUNDS = 5  # of looking again after some persons turned out to have to wait

_SEQS = 10**12  # lane · _SEQS + seq sorts by lane, then by age


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message leased to `worker`; `message.tries` is its fence. `handle` is there for edits."""

    message: Message
    delivery: Delivery
    handle: dict[str, Any] | None
    worker: str


_m = messages.c
_flying = (
    select(_m.recipient)
    .where(_m.channel == bindparam("channel_"), _m.state == SENDING)
    .scalar_subquery()
)
_rank = func.min(cast(_m.lane, BigInteger) * _SEQS + _m.seq).label("rank")
_HEADS = (
    select(_rank)
    .where(
        _m.channel == bindparam("channel_"),
        _m.state == PENDING,
        _m.not_before <= bindparam("now_"),
        _m.recipient.not_in(_flying),
    )
    .group_by(_m.recipient)
    .order_by(_rank)
    .limit(bindparam("limit_"))
)
_BY_SEQ = (
    select(messages).where(_m.seq.in_(bindparam("seqs_", expanding=True))).order_by(_m.lane, _m.seq)
)
_GATE = select(channel_gates.c.open_at).where(channel_gates.c.channel == bindparam("channel_"))
_first = (
    select(_m.not_before)
    .where(_m.channel == bindparam("channel_"), _m.state == PENDING, _m.recipient.not_in(_flying))
    .order_by(_m.not_before)
    .limit(1)
)
_first_lease = select(func.min(_m.lease_until)).where(
    _m.channel == bindparam("channel_"), _m.state == SENDING
)
_NEXT = select(  # one question, because an outbox at rest is asked this most
    _first.scalar_subquery().label("due"),
    _first_lease.scalar_subquery().label("lease"),
    _GATE.scalar_subquery().label("gate"),
)
_HISTORY = (
    select(attempts.c.begun_at, attempts.c.rings)
    .where(
        attempts.c.channel == bindparam("channel_"),
        attempts.c.recipient == bindparam("recipient_"),
        attempts.c.begun_at > bindparam("since_"),
    )
    .order_by(attempts.c.begun_at.desc())
    .limit(bindparam("limit_"))
)
_ACCOUNT = (
    select(attempts.c.begun_at)
    .where(attempts.c.channel == bindparam("channel_"), attempts.c.begun_at > bindparam("since_"))
    .order_by(attempts.c.begun_at.desc())
    .limit(1)
    .offset(bindparam("offset_"))
)


def _kept(until: str) -> ColumnElement[int]:
    """For how long a message was kept from going until `until`, though the vendor's gate was open:
    its patience, which is for a vendor that does not take it, counts from later.
    """
    gate = bindparam("gate_", type_=BigInteger)
    ready = case((_m.not_before > gate, _m.not_before), else_=gate)
    return bindparam(until, type_=BigInteger) - ready


_PUSH = update(messages).where(
    _m.channel == bindparam("channel_"),
    _m.recipient == bindparam("recipient_"),
    _m.state == PENDING,
    _m.not_before < bindparam("until_"),
)
_PUSH_REFUSED = _PUSH.values(not_before=bindparam("until_"))
_PUSH_ALL = _PUSH_REFUSED.values(patient_until=_m.patient_until + _kept("until_"))
_PUSH_SENDS = _PUSH_ALL.where(_m.intent == "send")
_PUSH_QUIET = _PUSH_SENDS.where(_m.urgent.is_(False))
_unasked = or_(_m.tries == 0, and_(_m.intent == "send", _kept("now_") >= HOUR))  # of the vendor
_STOOD_STILL = case((_unasked, _kept("now_")), else_=0)
_LEASE = (
    update(messages)
    .where(_m.seq == bindparam("seq_"))
    .values(
        state="sending",
        lease_owner=bindparam("worker_"),
        lease_until=bindparam("until_"),
        tries=_m.tries + 1,
        frozen=True,
        patient_until=_m.patient_until + _STOOD_STILL,
    )
)
_ATTEMPT = attempts.insert()


def claim(
    tx: Tx,
    worker: str,
    channel: str,
    *,
    limit: int = BATCH,
    limits: rules.Limits | None = None,
) -> list[Claimed]:
    """Lease up to `limit` messages of `channel` that may go now, foremost lane first.

    `worker` must be unique among everything that claims. The lease ends after `rules.LEASE`.
    """
    limits = limits or rules.Limits()
    limit = min(limit, BATCH)
    gate = _gate(tx.conn, channel)
    if gate > tx.now or _account_is_full(tx, channel, limit, limits):
        return []
    taken: list[Message] = []
    for _ in range(ROUNDS):
        heads = _heads(tx, channel, limit - len(taken))
        ready = [each for each in heads if _may_go(tx, each, limits, gate)]
        _lease(tx, worker, ready, gate)
        taken += ready
        if len(taken) == limit or len(ready) == len(heads):
            break
    return [_claimed(tx, each, worker) for each in taken]


def next_due(conn: Connection, channel: str) -> Instant | None:
    """When `claim` may next find something: a due message, or a lease that ends."""
    found = conn.execute(_NEXT, {"channel_": channel}).one()
    due = None if found.due is None else max(found.due, found.gate or 0)
    return min((each for each in (due, found.lease) if each is not None), default=None)


def push_person(tx: Tx, channel: str, recipient: str, until: Instant) -> None:
    """The vendor wants nothing for this person on this channel before `until`."""
    tx.execute(_PUSH_REFUSED, {"channel_": channel, "recipient_": recipient, "until_": until})


def _heads(tx: Tx, channel: str, limit: int) -> list[Message]:
    values = {"channel_": channel, "now_": tx.now, "limit_": limit}
    seqs = [rank % _SEQS for rank in tx.execute(_HEADS, values).scalars()]
    if not seqs:
        return []
    return [of_row(row) for row in tx.execute(_BY_SEQ, {"seqs_": seqs}).mappings()]


def _may_go(tx: Tx, message: Message, limits: rules.Limits, gate: Instant) -> bool:
    """True, or the message (and its like) was put off or dropped."""
    expired = message.expires_at is not None and message.expires_at <= tx.now
    if message.is_send and expired and not message.unsure:
        finish(tx, message, "superseded", "expired", "过了有效时间，没有再发")
        return False
    where = {"channel_": message.channel, "recipient_": message.recipient, "gate_": gate}
    is_his = message.is_send and not message.is_for_group
    someone = person(tx.conn, message.person_id) if is_his else None
    if someone and not someone.active and not message.unsure:
        finish(tx, message, "superseded", "left", "收件人已离职，没有再发")
        return False
    if someone and rules.respects_quiet("send", message.urgent, someone.urgent_wakes):
        here = to_datetime(tx.now)
        minute = here.hour * 60 + here.minute
        left = rules.quiet_minutes_left(minute, someone.quiet_from, someone.quiet_to)
        if left:
            morning = tx.now - tx.now % MINUTE + left * MINUTE
            push = _PUSH_QUIET if someone.urgent_wakes else _PUSH_SENDS
            tx.execute(push, where | {"until_": morning})
            return False
    if someone and someone.digest_at is not None and digest.fold(tx, message):
        return False
    history = _history(tx, message, limits)
    anything = rules.open_at(history, False, limits, tx.now)
    opens = rules.open_at(history, message.is_send, limits, tx.now)
    if anything > tx.now:
        tx.execute(_PUSH_ALL, where | {"until_": anything})
    if opens > anything:
        tx.execute(_PUSH_SENDS, where | {"until_": opens})
    return opens <= tx.now


def _history(tx: Tx, message: Message, limits: rules.Limits) -> list[rules.Attempted]:
    windows = (*limits.rings, *limits.all)
    if not windows:
        return []
    values = {
        "channel_": message.channel,
        "recipient_": message.recipient,
        "since_": tx.now - max(window.span for window in windows),
        "limit_": max(window.count for window in windows),
    }
    return [rules.Attempted(row.begun_at, row.rings) for row in tx.execute(_HISTORY, values)]


def _account_is_full(tx: Tx, channel: str, limit: int, limits: rules.Limits) -> bool:
    """True when a whole batch might pass the vendor's limit of our account; closes the gate."""
    for window in limits.account:
        values = {
            "channel_": channel,
            "since_": tx.now - window.span,
            "offset_": max(0, window.count - limit),
        }
        crowded = tx.execute(_ACCOUNT, values).scalar()
        if crowded is not None:
            close_gate(tx, channel, crowded + window.span, "本账号发送已达上限")
            return True
    return False


def close_gate(tx: Tx, channel: str, until: Instant, reason: str) -> None:
    """Nothing goes out on this channel before `until`."""
    gone = channel_gates.delete().where(channel_gates.c.channel == channel)
    before = _gate(tx.conn, channel)
    tx.execute(gone)
    values = {"channel": channel, "open_at": max(before, until), "reason": reason[:256]}
    tx.add(channel_gates, values)


def _gate(conn: Connection, channel: str) -> Instant:
    opens: Instant | None = conn.execute(_GATE, {"channel_": channel}).scalar()
    return opens or 0


def _lease(tx: Tx, worker: str, ready: list[Message], gate: Instant) -> None:
    if not ready:
        return
    lease = {"worker_": worker, "until_": tx.now + rules.LEASE, "now_": tx.now, "gate_": gate}
    tx.execute(_LEASE, [lease | {"seq_": each.seq} for each in ready])
    tx.execute(
        _ATTEMPT,
        [
            {
                "message_id": each.id,
                "n": each.tries + 1,
                "channel": each.channel,
                "recipient": each.recipient,
                "rings": each.is_send,
                "begun_at": tx.now,
                "ended_at": None,
                "outcome": None,
                "retry_after_s": 0,
                "code": "",
                "reason": "",
            }
            for each in ready
        ],
    )


def _claimed(tx: Tx, before: Message, worker: str) -> Claimed:
    rows = tx.execute(_BY_SEQ, {"seqs_": [before.seq]}).mappings()
    message = of_row(rows.one())
    card = Card.from_json(message.card)
    handle = None
    if not message.is_send:
        assert message.surface_id is not None, "an edit always knows its surface"
        handle = surface(tx.conn, message.surface_id).handle
    delivery = Delivery(
        message_id=message.id,
        card_id=message.card_id,
        task_id=message.task_id,
        person_id=message.person_id,
        user_id=message.recipient,
        card=card,
        card_rev=message.card_rev,
        tokens=tokens_of(message.card_id, message.generation, card),
        urgent=message.urgent,
        again=before.frozen,
    )
    return Claimed(message, delivery, handle, worker)
