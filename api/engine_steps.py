"""The list of engine steps of this product, in one place: what happens later, and who does it.

Each step is a function of a core package; here they are only named and put in a row. Also what a
message that nobody could deliver turns into: a task for somebody who can decide.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from api.callbacks import inbox_step
from core import once, stock
from core.bus import TIMER
from core.clock import DAY, Clock, Instant
from core.db import Database, Tx
from core.engine import Step, command_step
from core.outbox import inbox, tokens
from core.outbox.card import Button, Card, Fact, Field
from core.outbox.channel import Channel
from core.outbox.deliver import deliver_steps
from core.outbox.recording import DeadLetter
from core.people import ENGINE, forget_sessions, person
from core.tasks.board import NewTask, open_task
from core.tasks.escalation import escalation_step
from core.tasks.policies import policy_of
from core.tasks.queries import task
from core.tasks.replan import replan_step
from core.tasks.watch import watch_step

DEAD_LETTER = "dead_letter"
BATCH = 1000


def engine_steps(db: Database, clock: Clock, channels: Mapping[str, Channel]) -> list[Step]:
    """Every step of one process, the most urgent first."""
    return [
        escalation_step(db),
        *deliver_steps(db, channels, open_dead_letter),
        inbox_step(db),
        command_step(db, "reservations", stock.expire, stock.next_expiry, (TIMER,)),
        replan_step(db),
        watch_step(db),
        Forgetting(db, clock).step(),
    ]


class Forgetting:
    """Once a day: answers, tokens and callbacks that nobody can ask for any more are deleted."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._rested_at: Instant | None = None

    def step(self) -> Step:
        return Step("forget-old", self._run, self._next_due)

    async def _run(self) -> int:
        now = self._clock.now()
        if self._rested_at is not None and now < self._rested_at + DAY:
            return 0
        gone = await self._db.write(_forget)
        if gone == 0:
            self._rested_at = now
        return gone

    def _next_due(self, _conn: Connection) -> Instant | None:
        return 0 if self._rested_at is None else self._rested_at + DAY


def _forget(tx: Tx) -> int:
    old = (once.forget_old, tokens.forget_tokens, inbox.forget_old, forget_sessions)
    return sum(forget(tx, BATCH) for forget in old)


def open_dead_letter(tx: Tx, letter: DeadLetter) -> None:
    """A card could not be delivered: somebody decides whether to resend, reassign or drop it."""
    about = task(tx.conn, letter.task_id)
    if about.kind == DEAD_LETTER:
        return  # a task about undelivered tasks would never end
    name = person(tx.conn, letter.person_id).name
    who = Field("person_id", "改发给(人员编号)", "text", required=True)
    why = Field("why", "原因", "text", required=True)
    card = Card(
        title=f"消息没送到:{letter.title}"[:200],
        lead=f"{name}没有收到这张卡片。绑定或换人后重发,或者不再发",
        facts=(
            Fact("收件人", name),
            Fact("渠道", letter.channel or "没有可用账号"),
            Fact("原因", (letter.reason or letter.code)[:200]),
            Fact("试了", f"{letter.tries} 次"),
        ),
        buttons=(
            Button("resend", "重发", "primary"),
            Button("reassign", "改发给别人", inputs=(who,)),
            Button("drop", "不再发", "danger", inputs=(why,)),
        ),
    )
    new = NewTask(
        kind=DEAD_LETTER,
        title=card.title,
        subject=f"message:{letter.message_id}",
        to=("role:admin",),
        policy=policy_of(tx.conn, DEAD_LETTER),
        card=card,
        context={"message_id": letter.message_id, "task_id": letter.task_id},
        dedupe_key=f"dead:{letter.message_id}",
        surfaces=("chat", "desk"),
    )
    open_task(tx, ENGINE, new)
