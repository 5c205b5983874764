"""A room for task tests: people with phones, tasks, an engine that runs what is due.

Not a fake of our own code: board, timers, outbox and deliverer are the real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import select

from core.catalog import NewPartner, add_partner
from core.clock import HOUR, SHANGHAI, Instant, ManualClock, instant
from core.db import Database, Tx
from core.events import Event, read_after
from core.outbox.card import Button, Card, Fact
from core.outbox.channel import Channel
from core.outbox.deliver import deliver_steps
from core.outbox.null import Null
from core.people import ENGINE, Actor, NewPerson, actor_of, add_person, bind_chat
from core.tasks import board, escalation, replan, watch
from core.tasks.policy import Policy, Rung
from core.tasks.tables import assignments, timers
from core.tasks.task import NewTask, Task

T = TypeVar("T")

CARD = Card(
    "质检不合格",
    "张江仓等结果",
    (Fact("数量", "24 箱 = 288 件"),),
    (Button("return", "退回供应商", "danger"), Button("keep", "让步接收", "primary")),
)
TWO_DAYS = Policy(
    "two_days", 48 * HOUR, remind=(4 * HOUR,), rungs=(Rung(48 * HOUR, ("role:director",)),)
)


def at(text: str) -> Instant:
    """ "2026-03-02 09:00" in Shanghai."""
    return instant(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI))


@dataclass
class Room:
    """Everything a test of tasks needs, in the words of the tests."""

    db: Database
    clock: ManualClock
    null: Null = field(default_factory=Null)
    ids: dict[str, int] = field(default_factory=dict)

    def do(self, command: Callable[[Tx], T]) -> T:
        return self.db.write_now(command)

    def person(self, name: str, *roles: str, phone: bool = True, **more: object) -> Actor:
        """A person at WeCom with these roles (a buyer by default)."""
        new = replace(NewPerson(name, name, roles or ("buyer",)), **more)  # type: ignore[arg-type]
        person_id = self.do(lambda tx: add_person(tx, ENGINE, new))
        if phone:
            self.do(lambda tx: bind_chat(tx, ENGINE, person_id, "null", name))
        self.ids[name] = person_id
        return self.db.read_now(lambda conn: actor_of(conn, person_id, "wecom"))

    def partner(self, code: str) -> int:
        return self.do(lambda tx: add_partner(tx, ENGINE, NewPartner(code, code)))

    def new(self, *to: str, policy: Policy = TWO_DAYS, **more: object) -> NewTask:
        new = NewTask("qc_decide", "低糖基料 L-7 质检不合格", "inspection:1", to, policy, CARD)
        return replace(new, **more)  # type: ignore[arg-type]

    def open(self, *to: str, policy: Policy = TWO_DAYS, **more: object) -> Task:
        new = self.new(*to, policy=policy, **more)
        return self.do(lambda tx: board.open_task(tx, ENGINE, new))

    def close(
        self, actor: Actor, task: Task, generation: int | None = None, say: str = "退回供应商"
    ) -> Task:
        return self.do(
            lambda tx: board.close_task(
                tx, actor, task.id, generation, outcome={"action": "return"}, sentence=say
            )
        )

    def now(self, task: Task) -> Task:
        return self.db.read_now(lambda conn: board.task(conn, task.id))

    def run(self) -> int:
        """The engine does what is due now, until nothing is."""
        total = 0
        steps = (escalation.fire, replan.replan, watch.watch)
        while done := sum(self.do(step) for step in steps):
            total += done
        return total

    def after(self, by: Instant) -> None:
        """Time passes; the engine wakes at every moment that something is due."""
        self.until(self.clock.now() + by)

    def until(self, end: Instant) -> None:
        self.run()
        while (due := self.db.read_now(escalation.next_due)) is not None and due <= end:
            self.clock.move_to(max(due, self.clock.now()))
            self.run()
        self.clock.move_to(max(end, self.clock.now()))
        self.run()

    async def deliver(self) -> None:
        """Every card that may go now goes."""
        channels: dict[str, Channel] = {"null": self.null}
        steps = deliver_steps(self.db, channels, lambda _tx, _letter: None)
        while sum([await step.run() for step in steps]):
            pass

    def events(self, kind: str = "") -> list[Event]:
        found = self.db.read_now(lambda conn: read_after(conn, 0))
        return [each for each in found if not kind or each.kind == kind]

    def fired(self, task: Task) -> list[tuple[str, Instant]]:
        """Keys and planned moments of everything that fired, by time."""
        query = (
            select(timers.c.key, timers.c.planned_us)
            .where(timers.c.task_id == task.id, timers.c.state == "fired")
            .order_by(timers.c.planned_us, timers.c.key)
            .limit(500)
        )
        return [
            (row.key, row.planned_us) for row in self.db.read_now(lambda c: c.execute(query).all())
        ]

    def via(self, task: Task) -> dict[int, str]:
        """Who has the task now, and why."""
        query = select(assignments.c.person_id, assignments.c.via).where(
            assignments.c.task_id == task.id, assignments.c.to_us.is_(None)
        )
        rows = self.db.read_now(lambda conn: conn.execute(query.limit(100)).all())
        return {row.person_id: row.via for row in rows}
