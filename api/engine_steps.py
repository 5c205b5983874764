"""The list of engine steps of this product, in one place: what happens later, and who does it.

Each step is a function of a core package; here they are only named and put in a row. Also what a
message that nobody could deliver turns into: a task for somebody who can decide.
"""

from __future__ import annotations

from collections.abc import Mapping

from core import stock
from core.archive import Archiving
from core.bus import TIMER
from core.clock import Clock
from core.config import Settings
from core.db import Database, Tx
from core.engine import Step, command_step
from core.orders.sales.promise import Filling
from core.outbox.card import Button, Card, Fact, Field
from core.outbox.channel import GROUP, Channel
from core.outbox.deliver import deliver_steps
from core.outbox.letters import DeadLetter
from core.outbox.rules import Limits
from core.people import ENGINE, person
from core.retention import Retiring, Terms
from core.tasks.again import cause_of
from core.tasks.board import NewTask, open_task
from core.tasks.escalation import escalation_step
from core.tasks.policies import policy_of
from core.tasks.queries import task
from core.tasks.replan import replan_step
from core.tasks.watch import watch_step

DEAD_LETTER = "dead_letter"


def engine_steps(
    settings: Settings,
    db: Database,
    clock: Clock,
    channels: Mapping[str, Channel],
    limits: Mapping[str, Limits] | None = None,
) -> list[Step]:
    """Every step of one process, the most urgent first."""
    days = settings.archive_after_days
    archiving = [Archiving(db, clock, settings.archive_dir, days).step()] if days else []
    return [
        escalation_step(db),
        *deliver_steps(db, channels, open_dead_letter, limits),
        command_step(db, "reservations", stock.expire, stock.next_expiry, (TIMER,)),
        Filling(db, clock).step(),
        replan_step(db),
        watch_step(db),
        Retiring(db, clock, Terms(settings.operation_days, settings.history_days)).step(),
        *archiving,
    ]


def open_dead_letter(tx: Tx, letter: DeadLetter) -> None:
    """A card could not be delivered: somebody decides whether to resend, reassign or drop it."""
    if not letter.task_id:
        return  # words that belong to no task: kept among the dead letters, and nobody waits
    about = task(tx.conn, letter.task_id)
    if about.kind == DEAD_LETTER:
        return  # a task about undelivered tasks would never end
    to_group = letter.channel == GROUP
    name = "团队群" if to_group else person(tx.conn, letter.person_id).name
    mend = "接通群机器人" if to_group else "绑定或换人"
    who = Field("person_id", "改发给（人员编号）", "text", required=True)
    why = Field("why", "原因", "text", required=True)
    card = Card(
        title=f"消息没送到：{letter.title}"[:200],
        lead=f"{name}没有收到这张卡片。{mend}后重发，或者不再发",
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
        warehouse_id=about.warehouse_id,
        context={"message_id": letter.message_id, "task_id": letter.task_id},
        dedupe_key=cause_of(letter.message_id),
        surfaces=("chat", "desk"),
    )
    open_task(tx, ENGINE, new)
