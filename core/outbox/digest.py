"""The digest: what can wait comes at the person's own hour, several as one message.

Only reminders wait, and only when they still come before what they remind of. Whoever wants none
has no hour (`person.digest_at`) and never gets here. Not for quiet hours (claiming.py).
"""

from __future__ import annotations

from sqlalchemy import bindparam, select

from core.clock import MINUTE, Instant, to_datetime
from core.db import Tx
from core.outbox import rules
from core.outbox.card import Card, Fact
from core.outbox.messages import Message, finish, insert, of_row
from core.outbox.tables import PENDING, messages

MOST = 200
SHOWN = 6

_WAITING = (
    select(messages)
    .where(
        messages.c.channel == bindparam("channel_"),
        messages.c.recipient == bindparam("recipient_"),
        messages.c.state == PENDING,
        messages.c.intent == "send",
        messages.c.lane == rules.LANES["digest"],
        messages.c.not_before <= bindparam("now_"),
        messages.c.unsure == 0,
        messages.c.task_id != "",
    )
    .order_by(messages.c.seq)
    .limit(MOST)
)


def moment(now: Instant, digest_at: int | None, can_wait: Instant) -> Instant | None:
    """When the person's next digest comes; None when there is none, or it would come too late."""
    if digest_at is None:
        return None
    here = to_datetime(now)
    left = rules.minutes_until(here.hour * 60 + here.minute, digest_at)
    comes = now - now % MINUTE + left * MINUTE
    return comes if comes < can_wait else None


def fold(tx: Tx, message: Message) -> bool:
    """Make one message of all that waits with `message`; False when it waits alone."""
    if message.lane != rules.LANES["digest"] or not message.task_id:
        return False
    values = {"channel_": message.channel, "recipient_": message.recipient, "now_": tx.now}
    found = [of_row(row) for row in tx.execute(_WAITING, values).mappings()]
    if len(found) < 2:
        return False
    for each in found:
        finish(tx, each, "superseded", "digest", "并入汇总")
    card = _summary([str(each.card["title"]) for each in found])
    insert(
        tx,
        {
            "id": (message_id := tx.new_id()),
            "dedupe": f"digest:{message.id}",
            "task_id": "",
            "generation": 0,
            "person_id": message.person_id,
            "intent": "send",
            "lane": message.lane,
            "urgent": False,
            "group_key": "",
            "card": card.to_json(),
            "card_rev": 1,
            "card_id": message_id,
            "channel": message.channel,
            "recipient": message.recipient,
            "not_before": tx.now,
            "patient_until": tx.now + rules.Retry().patience,
        },
    )
    return True


def _summary(titles: list[str]) -> Card:
    facts = tuple(Fact(f"第{n}件", title) for n, title in enumerate(titles[:SHOWN], 1))
    more = f"，还有 {len(titles) - SHOWN} 件" if len(titles) > SHOWN else ""
    return Card(
        title=f"汇总：{len(titles)} 件事等你处理",
        lead=f"到点一起提醒{more}。点开看全部，或发「待办」。",
        facts=facts,
    )
