"""When a chat account stops being a person's, or the person leaves: nothing goes there, nothing
there can be pressed.

Cards that wait go to the person's next account, cards that stand there lose their buttons. Not for
accounts that a vendor calls dead: those are found out by sending (recording.py).
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from core.db import Tx
from core.outbox.card import Card
from core.outbox.channel import GROUP
from core.outbox.edits import retire
from core.outbox.messages import (
    Message,
    change,
    chat_for,
    comes_elsewhere,
    finish,
    of_row,
)
from core.outbox.surfaces import living, of_account
from core.outbox.tables import PENDING, SENDING, messages
from core.people import reach_of_many

UNBOUND = "这个聊天账号已解绑，卡片作废。"

_CARDS = (
    select(messages)
    .where(
        messages.c.channel == bindparam("channel_"),
        messages.c.recipient == bindparam("recipient_"),
        messages.c.intent == "send",
    )
    .order_by(messages.c.seq)
    .limit(500)
)
_WAITING = _CARDS.where(messages.c.state == PENDING)
_FLYING = _CARDS.where(messages.c.state == SENDING)
_COMING = (
    select(messages.c.seq)
    .where(
        messages.c.task_id == bindparam("task_"),
        messages.c.person_id == bindparam("person_"),
        messages.c.intent == "send",
        messages.c.channel != GROUP,
        messages.c.state.in_([PENDING, SENDING]),
        messages.c.moved.is_(False),
    )
    .limit(1)
)


def has_card(conn: Connection, task_id: str, person_id: int) -> bool:
    """True when the person has a card of the task on an account that reaches him, or gets one."""
    his = {
        (each.channel, each.user_id)
        for each in reach_of_many(conn, [person_id])(person_id).living()
    }
    stands = any(
        each.person_id == person_id and (each.channel, each.recipient) in his
        for each in living(conn, task_id)
    )
    values = {"task_": task_id, "person_": person_id}
    return stands or conn.execute(_COMING, values).first() is not None


def leave(tx: Tx, channel: str, user_id: str, said: str = UNBOUND) -> None:
    """Take everything away from an account that is bound no longer, or whose person left.

    `said`: what its cards say from now on.
    """
    values = {"channel_": channel, "recipient_": user_id}
    while waiting := [of_row(row) for row in tx.execute(_WAITING, values).mappings()]:
        for message in waiting:
            _turn_back(tx, message)
    for message in [of_row(row) for row in tx.execute(_FLYING, values).mappings()]:
        if chat_for(tx.conn, message.person_id, [channel]) is None:
            change(tx, message, moved=True, next=None)  # closed as soon as it lands
    ended = Card("卡片已作废", closed=True, result=said)
    while standing := of_account(tx.conn, channel, user_id):
        for here in standing:
            retire(tx, here, ended, 0)


def _turn_back(tx: Tx, message: Message) -> None:
    """What waits goes to the person's other app, or nowhere."""
    other = chat_for(tx.conn, message.person_id, [message.channel])
    if other is None or message.unsure or comes_elsewhere(tx, message):
        finish(tx, message, "superseded", "unbound", "账号已解绑，没有再发")
    else:
        change(tx, message, channel=other.channel, recipient=other.user_id, not_before=tx.now)
