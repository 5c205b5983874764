"""One message as it stands in its row, and the statements every part of the outbox shares.

Not for deciding anything: queue.py puts, claiming.py takes, recording.py ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from core.bus import OUTBOX
from core.clock import Instant
from core.db import Tx
from core.outbox.card import Card
from core.outbox.channel import GROUP
from core.outbox.tables import PENDING, SENDING, messages
from core.people import CHANNELS, ChatIdentity, reach_of_many

PAGE = 200


@dataclass(frozen=True, slots=True)
class Message:
    """A card on its way to one person. See tables.py for the meaning of each field."""

    seq: int
    id: str
    dedupe: str
    task_id: str
    generation: int
    person_id: int
    intent: str
    lane: int
    urgent: bool
    group_key: str
    card: dict[str, Any]
    card_rev: int
    next: dict[str, Any] | None
    frozen: bool
    moved: bool
    card_id: str
    surface_id: int | None
    channel: str
    recipient: str
    tried: list[str]
    state: str
    not_before: Instant
    expires_at: Instant | None
    lease_owner: str | None
    lease_until: Instant | None
    tries: int
    unsure: int
    failures: int
    patient_until: Instant
    created_at: Instant
    finished_at: Instant | None
    code: str
    reason: str

    @property
    def is_send(self) -> bool:
        return self.intent == "send"

    @property
    def is_for_group(self) -> bool:
        """Words to the team; `person_id` is only whom they name."""
        return self.channel == GROUP

    def newest(self) -> tuple[Card, int]:
        """The newest revision asked for, and the generation its buttons belong to."""
        if self.next is None:
            return Card.from_json(self.card), self.generation
        return Card.from_json(self.next["card"]), int(self.next["generation"])


def of_row(row: RowMapping) -> Message:
    return Message(**row)


_INSERT = messages.insert()
_ONE = select(messages).where(messages.c.id == bindparam("id_"))
_OF_TASK = (
    select(messages)
    .where(messages.c.task_id == bindparam("task_id_"))
    .order_by(messages.c.seq.desc())
    .limit(PAGE)
)
_SIBLING = (
    select(messages.c.seq)
    .where(
        messages.c.dedupe.in_(bindparam("keys_", expanding=True)),
        messages.c.id != bindparam("id_"),
        messages.c.state.in_([PENDING, SENDING, "sent"]),
    )
    .limit(1)
)
_CHANGE = update(messages).where(messages.c.seq == bindparam("seq_"))
_FINISH = _CHANGE.values(
    state=bindparam("state_"),
    finished_at=bindparam("now_"),
    lease_owner=None,
    lease_until=None,
    code=bindparam("code_"),
    reason=bindparam("reason_"),
)


def insert(tx: Tx, values: dict[str, Any]) -> None:
    """Write a new pending message; `values` are the columns that have no obvious beginning."""
    tx.execute(
        _INSERT,
        {
            "next": None,
            "frozen": False,
            "moved": False,
            "surface_id": None,
            "tried": [],
            "state": "pending",
            "expires_at": None,
            "lease_owner": None,
            "lease_until": None,
            "tries": 0,
            "unsure": 0,
            "failures": 0,
            "created_at": tx.now,
            "finished_at": None,
            "code": "",
            "reason": "",
            **values,
        },
    )
    tx.wake(OUTBOX)


def change(tx: Tx, message: Message, **values: Any) -> None:
    """Set columns of one message and wake the deliverer."""
    tx.execute(_CHANGE, values | {"seq_": message.seq})
    tx.wake(OUTBOX)


def finish(tx: Tx, message: Message, state: str, code: str = "", reason: str = "") -> None:
    """End a message as sent, superseded or dead."""
    values = {"seq_": message.seq, "state_": state, "now_": tx.now}
    tx.execute(_FINISH, values | {"code_": code[:64], "reason_": reason[:256]})
    tx.wake(OUTBOX)


def find_message(conn: Connection, message_id: str) -> Message | None:
    """The message with this id, if there is one."""
    row = conn.execute(_ONE, {"id_": message_id}).mappings().first()
    return None if row is None else of_row(row)


def messages_of(conn: Connection, task_id: str) -> list[Message]:
    """What was and will be sent about a task, newest first, at most `PAGE`."""
    return [of_row(row) for row in conn.execute(_OF_TASK, {"task_id_": task_id}).mappings()]


def chat_for(conn: Connection, person_id: int, tried: list[str]) -> ChatIdentity | None:
    """The first living account of a person on a channel that has not refused this message."""
    living = reach_of_many(conn, [person_id])(person_id).living(tried)
    return living[0] if living else None


def comes_elsewhere(tx: Tx, message: Message) -> bool:
    """True when the person, who wants cards everywhere, has or gets this one on another channel."""
    if message.is_for_group:
        return False
    base = message.dedupe.removesuffix(f"@{message.channel}")
    keys = [base, *(f"{base}@{channel}" for channel in CHANNELS)]
    return tx.execute(_SIBLING, {"keys_": keys, "id_": message.id}).first() is not None
