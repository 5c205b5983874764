"""How an attempt ended: the fence, the next try, the surface a card now stands on, dead letters.

One call of `record` is one transaction after the network. Not for deciding (rules.py) and not for
sending (deliver.py).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, select, update

from core import events
from core.clock import SECOND
from core.db import Tx
from core.outbox import rules
from core.outbox.card import Card
from core.outbox.channel import SendResult
from core.outbox.claiming import Claimed, close_gate, push_person
from core.outbox.detour import detour
from core.outbox.edits import (
    MOVED_ON,
    OUTDATED,
    enqueue_edit,
    print_of,
    retire,
    retire_older,
    set_state,
    show_again,
)
from core.outbox.letters import DeadLetter, OnDead, nobody_told
from core.outbox.messages import (
    Message,
    change,
    chat_for,
    comes_elsewhere,
    find_message,
    finish,
    of_row,
)
from core.outbox.surfaces import Surface, merged, on_phone, surface
from core.outbox.tables import SENDING, attempts, messages, surfaces
from core.people import mark_chat_dead

LEASE_LOST = "lease_lost"  # the code of an attempt that ended, or reported, after its lease

_m = messages.c
_FENCED = select(messages).where(
    _m.id == bindparam("id_"),
    _m.lease_owner == bindparam("worker_"),
    _m.tries == bindparam("tries_"),
    _m.state == SENDING,
)
_LAPSED = (
    select(messages)
    .where(
        _m.channel == bindparam("channel_"),
        _m.state == SENDING,
        _m.lease_until <= bindparam("now_"),
    )
    .order_by(_m.lease_until)
    .limit(bindparam("limit_"))
)
_NEWER_SENT = (
    select(_m.seq)
    .where(
        _m.task_id == bindparam("task_id_"),
        _m.person_id == bindparam("person_id_"),
        _m.channel == bindparam("channel_"),
        _m.intent == "send",
        _m.state == "sent",
        _m.seq > bindparam("seq_"),
    )
    .limit(1)
)
_END_ATTEMPT = (
    update(attempts)
    .where(attempts.c.message_id == bindparam("message_id_"), attempts.c.n == bindparam("n_"))
    .values(
        ended_at=bindparam("now_"),
        outcome=bindparam("outcome_"),
        retry_after_s=bindparam("wait_"),
        code=bindparam("code_"),
        reason=bindparam("reason_"),
    )
)
_SET_SURFACE = (
    update(surfaces)
    .where(surfaces.c.id == bindparam("id_"))
    .values(
        handle=bindparam("handle_"),
        card_rev=bindparam("rev_"),
        state=bindparam("state_"),
        changed_at=bindparam("now_"),
    )
)
_NEW_SURFACE = surfaces.insert()


def record(
    tx: Tx,
    claimed: Claimed,
    result: SendResult,
    *,
    on_dead: OnDead = nobody_told,
    retry: rules.Retry | None = None,
    spread: int | None = None,
) -> bool:
    """Write down how the attempt ended and what follows; False when the lease was lost meanwhile.

    A worker that comes back late changes nothing of the message, but what it brought into the world
    is kept: its card becomes a surface that is edited like any other. `spread` is the jitter in
    [0, rules.SPREAD), drawn here unless a test gives it.
    """
    fence = {"id_": claimed.message.id, "worker_": claimed.worker}
    row = tx.execute(_FENCED, fence | {"tries_": claimed.message.tries}).mappings().first()
    if row is None:
        _end_attempt(tx, claimed.message, result.kind, _as_late(result))
        _came_late(tx, claimed, result)
        return False
    _end_attempt(tx, claimed.message, result.kind, result)
    now_message = of_row(row)
    if result.gone:
        mark_chat_dead(tx, now_message.channel, now_message.recipient, result.reason)
    if not now_message.is_send:
        _learn(tx, now_message, result)
    ended = _End(
        now_message,
        result,
        retry or rules.Retry(),
        secrets.randbelow(rules.SPREAD) if spread is None else spread,
        on_dead,
    )
    _follow(tx, ended)
    return True


@dataclass(frozen=True, slots=True)
class _End:
    message: Message
    result: SendResult
    retry: rules.Retry
    spread: int
    on_dead: OnDead


def _follow(tx: Tx, end: _End) -> None:
    message, result = end.message, end.result
    tried = [*message.tried, message.channel]
    moves = result.kind == "never" and not message.is_for_group
    other = chat_for(tx.conn, message.person_id, tried) if moves else None
    unsure = message.unsure + (result.kind == "ambiguous")
    situation = rules.Situation(
        intent=message.intent,
        kind=result.kind,
        moved=message.moved,
        unsure=unsure,
        has_other_channel=other is not None,
        comes_elsewhere=result.kind == "never" and comes_elsewhere(tx, message),
        expired=message.expires_at is not None and message.expires_at <= tx.now,
        patience_over=message.patient_until <= tx.now,
    )
    ending = rules.ending(situation, end.retry)
    if ending == "sent":
        _landed(tx, message, result)
    elif ending == "superseded" and situation.comes_elsewhere:
        finish(tx, message, "superseded", result.code, f"走了别的渠道：{result.reason}")
    elif ending == "superseded":
        finish(tx, message, "superseded", "moved", "任务已有变化")
    elif ending == "dead":
        _die(tx, end)
    elif ending == "elsewhere":
        assert other is not None, "rules said there is another channel"
        where = {"channel": other.channel, "recipient": other.user_id, "tried": tried}
        fresh = {"unsure": 0, "failures": 0, "not_before": tx.now}
        change(tx, message, **_free(), **_thawed(message), **where, **fresh)
    else:
        _try_again(tx, end, keep=ending == "resend", unsure=unsure)


def recover(tx: Tx, channel: str, *, on_dead: OnDead = nobody_told, limit: int = 20) -> int:
    """Take back up to `limit` messages whose lease ran out (a worker died or froze); how many.

    They go again at once with the same content: the vendor may have them already.
    """
    values = {"channel_": channel, "now_": tx.now, "limit_": limit}
    lapsed = [of_row(row) for row in tx.execute(_LAPSED, values).mappings()]
    lost = SendResult("ambiguous", code=LEASE_LOST, reason="发送中断，结果未知")
    for each in lapsed:
        _end_attempt(tx, each, "lost", lost)
        assert each.lease_until is not None, "it was found by it"
        if each.patient_until <= each.lease_until:
            _die(tx, _End(each, lost, rules.Retry(), 0, on_dead))
        else:  # for as long as nobody was here to take it back, nobody refused it
            patient = each.patient_until + tx.now - each.lease_until
            kept = _unsure(each, max(each.unsure, 1)) if each.is_send else _thawed(each)
            change(tx, each, **_free(), **kept, not_before=tx.now, patient_until=patient)
    return len(lapsed)


def _landed(tx: Tx, message: Message, result: SendResult) -> None:
    """The card stands on the person's phone as `message.card`; newer revisions follow as edits."""
    card = Card.from_json(message.card)
    if message.is_send:
        here = _stand(tx, message, result)
        change(tx, message, surface_id=here.id, frozen=False)
        finish(tx, message, "sent")
        if here.state != "live":
            return  # a repeat of a card that a newer one has replaced already
        if message.task_id and tx.execute(_NEWER_SENT, _newer_of(message)).first() is not None:
            retire(tx, here, card.ended(OUTDATED), message.generation)
            return
        if message.task_id:
            retire_older(tx, here, card, message.generation)
        if message.next is not None:
            newest, generation = message.newest()
            enqueue_edit(tx, here, newest, generation)
        elif message.moved:
            retire(tx, here, card.ended(MOVED_ON), message.generation)
        return
    if message.next is not None:
        change(tx, message, **_free(), **_thawed(message), failures=0, not_before=tx.now)
        return
    assert message.surface_id is not None
    if card.closed:
        set_state(tx, message.surface_id, "closed")
    change(tx, message, frozen=False)
    finish(tx, message, "sent")


def _stand(tx: Tx, message: Message, result: SendResult) -> Surface:
    """The surface of a card that was just sent; the same one when the vendor dropped a repeat."""
    ref = (result.handle or {}).get("ref")
    for known in on_phone(tx.conn, message.task_id, message.person_id, message.channel):
        same = known.recipient == message.recipient
        if same and ref and known.handle.get("ref") == ref:
            _save(tx, known, merged(known.handle, result.handle, result.spent), message.card_rev)
            return surface(tx.conn, known.id)
    made = tx.execute(
        _NEW_SURFACE,
        {
            "task_id": message.task_id,
            "person_id": message.person_id,
            "channel": message.channel,
            "recipient": message.recipient,
            "card_id": message.card_id,
            "handle": merged({}, result.handle, result.spent),
            "card_rev": message.card_rev,
            "asked": print_of(Card.from_json(message.card), message.generation),
            "state": "closed" if message.card["closed"] else "live",
            "opened_at": tx.now,
            "changed_at": tx.now,
        },
    )
    assert made.inserted_primary_key is not None
    return surface(tx.conn, int(made.inserted_primary_key[0]))


def _learn(tx: Tx, message: Message, result: SendResult) -> None:
    """Keep what an edit taught about the handle, however it ended."""
    assert message.surface_id is not None
    here = surface(tx.conn, message.surface_id)
    revision = message.card_rev if result.kind == "sent" else here.card_rev
    _save(tx, here, merged(here.handle, result.handle, result.spent), revision)


def _save(tx: Tx, here: Surface, handle: dict[str, Any], revision: int) -> None:
    values = {"id_": here.id, "handle_": handle, "rev_": max(revision, here.card_rev)}
    tx.execute(_SET_SURFACE, values | {"state_": here.state, "now_": tx.now})


def _try_again(tx: Tx, end: _End, *, keep: bool, unsure: int) -> None:
    message, result = end.message, end.result
    failures = message.failures + (result.retry_after_s == 0)
    pause = max(rules.backoff(failures, end.spread, end.retry), result.retry_after_s * SECOND)
    kept = _unsure(message, unsure) if keep else _thawed(message) | {"unsure": unsure}
    again = {"not_before": tx.now + pause, "failures": failures}
    why = {"code": result.code[:64], "reason": result.reason[:256]}
    change(tx, message, **_free(), **kept, **again, **why)
    if result.retry_after_s and result.scope == "person":
        push_person(tx, message.channel, message.recipient, tx.now + pause)
    elif result.scope == "account":
        close_gate(tx, message.channel, tx.now + pause, result.reason)
        detour(tx, message.channel, end.retry)


def _die(tx: Tx, end: _End) -> None:
    message, result = end.message, end.result
    finish(tx, message, "dead", result.code, result.reason)
    if not message.is_send:  # the card stays as it is; its buttons are refused with a reason
        assert message.surface_id is not None
        set_state(tx, message.surface_id, "lost")
        return
    letter = DeadLetter(
        message_id=message.id,
        task_id=message.task_id,
        generation=message.generation,
        person_id=message.person_id,
        channel=message.channel,
        recipient=message.recipient,
        title=str(message.card["title"]),
        code=result.code,
        reason=result.reason,
        tries=message.tries,
        group=message.group_key,
    )
    payload = {
        "message_id": message.id,
        "person_id": message.person_id,
        "channel": message.channel,
        "code": result.code,
        "reason": result.reason,
    }
    events.append(tx, "outbox.dead", f"task:{message.task_id}", "engine", payload)
    end.on_dead(tx, letter)


def _came_late(tx: Tx, claimed: Claimed, result: SendResult) -> None:
    """The lease was lost: change no message, but keep what now stands in the world, and mend it."""
    before, current = claimed.message, find_message(tx.conn, claimed.message.id)
    assert current is not None, "messages are never deleted while they may be in flight"
    if not before.is_send:
        _learn(tx, before, result)
        assert before.surface_id is not None
        if result.kind == "sent":
            show_again(tx, surface(tx.conn, before.surface_id))
        return
    if result.kind != "sent":
        return
    here = _stand(tx, before, result)
    if here.id == current.surface_id or here.state != "live":
        return  # the vendor dropped the repeat: it is the card we know
    is_outdated = tx.execute(_NEWER_SENT, _newer_of(before)).first() is not None
    if current.state in {"pending", "sending", "dead"} and not is_outdated:
        enqueue_edit(tx, here, *current.newest())  # the best there is; a next attempt retires it
        return
    card = Card.from_json(before.card)
    said = OUTDATED if is_outdated or current.state == "sent" else MOVED_ON
    retire(tx, here, card.ended(said), before.generation)


def _as_late(result: SendResult) -> SendResult:
    """As the attempts show it: instants of two processes do not tell who came after whom."""
    late = f"{result.reason} 回报时已由别的进程接手".strip()
    return replace(result, code=result.code or LEASE_LOST, reason=late)


def _end_attempt(tx: Tx, message: Message, outcome: str, result: SendResult) -> None:
    values = {
        "message_id_": message.id,
        "n_": message.tries,
        "now_": tx.now,
        "outcome_": outcome,
        "wait_": result.retry_after_s,
        "code_": result.code[:64],
        "reason_": result.reason[:256],
    }
    tx.execute(_END_ATTEMPT, values)


def _free() -> dict[str, Any]:
    return {"state": "pending", "lease_owner": None, "lease_until": None}


def _unsure(message: Message, times: int) -> dict[str, Any]:
    """It may stand on the phone: unchanged, and before anything newer for the same person."""
    return {"unsure": times, "lane": min(message.lane, rules.LANES["escalation"])}


def _newer_of(message: Message) -> dict[str, Any]:
    return {
        "task_id_": message.task_id,
        "person_id_": message.person_id,
        "channel_": message.channel,
        "seq_": message.seq,
    }


def _thawed(message: Message) -> dict[str, Any]:
    """The vendor has not got it (or an edit may be repeated): the newest revision takes over."""
    card, generation = message.newest()
    newer = {"card": card.to_json(), "generation": generation, "frozen": False, "next": None}
    return newer | {"card_rev": message.card_rev + (message.next is not None)}
