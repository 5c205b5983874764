"""What a task is to others: `NewTask` to open one, `Task` as stored, `TaskView` on the wire.

Only data. The verbs are in `board.py`, `hold.py`, `pause.py` and `talk.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping

from core.clock import Instant, iso
from core.outbox.card import Card
from core.people import Thing
from core.tasks.policy import Policy, kept
from core.tasks.words import due_text, won_sentence

LIVE = ("open", "claimed", "snoozed", "paused")
SURFACES = ("chat", "pda", "desk")


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to open. `to` are recipient specs; buttons come from `card.buttons`.

    `group` ties siblings (one climb card for all), `dedupe_key` allows one live task per cause.
    `hears`: persons who hear how it goes on without being asked anything.
    """

    kind: str
    title: str
    subject: str
    to: tuple[str, ...]
    policy: Policy
    card: Card
    context: dict[str, Any] = field(default_factory=dict)
    group: str = ""
    dedupe_key: str = ""
    priority: str = "normal"
    warehouse_id: int | None = None
    partner_id: int | None = None
    surfaces: tuple[str, ...] = SURFACES
    calendar: str = "cn"
    hears: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """A task as stored. `people` may act now; `audience` hears of every change."""

    id: str
    kind: str
    title: str
    subject: str
    state: str
    generation: int
    level: int
    priority: str
    context: dict[str, Any]
    card: Card
    policy: Policy
    calendar: str
    surfaces: tuple[str, ...]
    people: tuple[int, ...]
    audience: tuple[int, ...]
    holder_id: int | None
    holder_name: str
    claimed_at: Instant | None
    opened_by: str
    opened_at: Instant
    due_at: Instant | None
    snooze_until: Instant | None
    paused_at: Instant | None
    pause_why: str
    remaining: tuple[dict[str, Any], ...]
    closed_by: int | None
    closed_name: str
    closed_face: str
    closed_at: Instant | None
    outcome: dict[str, Any] | None
    sentence: str
    group: str
    dedupe_key: str
    repeat_count: int
    warehouse_id: int | None
    partner_id: int | None
    row_version: int

    @property
    def is_live(self) -> bool:
        """Somebody may still act on it."""
        return self.state in LIVE

    @property
    def assignees(self) -> tuple[int, ...]:
        return self.people

    @property
    def thing(self) -> Thing:
        """What `people.require` must know about this task."""
        return Thing(
            kind="task",
            id=self.id,
            people=frozenset(self.people),
            partner_id=self.partner_id,
            warehouse_id=self.warehouse_id,
        )

    @property
    def result(self) -> str:
        """Who won, when and where; empty while the task is live."""
        if self.closed_at is None:
            return ""
        if self.state == "cancelled":
            return f"已撤销：{self.sentence}"
        return won_sentence(self.closed_name, self.closed_face, self.sentence, self.closed_at)


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task as every client sees it; the same for all its people, so serialised once."""

    task: Task

    def to_wire(self) -> dict[str, Any]:
        """JSON-like. Changes only together with an event: clients patch from events alone."""
        task = self.task
        holder = None
        if task.holder_id is not None:
            holder = {"id": task.holder_id, "name": task.holder_name}
        return {
            "id": task.id,
            "kind": task.kind,
            "title": task.title,
            "subject": task.subject,
            "group": task.group,
            "state": task.state,
            "generation": task.generation,
            "version": task.row_version,
            "level": task.level,
            "priority": task.priority,
            "holder": holder,
            "people": list(task.people),
            "opened_at": iso(task.opened_at),
            "due_at": None if task.due_at is None else iso(task.due_at),
            "due_text": due_text(task.due_at, task.policy.clock),
            "snooze_until": None if task.snooze_until is None else iso(task.snooze_until),
            "pause_why": task.pause_why,
            "lead": task.card.lead,
            "facts": [[fact.label, fact.value] for fact in task.card.facts],
            "buttons": _buttons(task),
            "result": task.result,
            "repeat_count": task.repeat_count,
            "warehouse_id": task.warehouse_id,
            "context": task.context,
        }


def _buttons(task: Task) -> list[dict[str, Any]]:
    if not task.is_live:
        return []
    return [button.to_json() for button in task.card.buttons]


def from_row(row: RowMapping | dict[str, Any]) -> Task:
    """A `Task` from one row of the table, or from what was just written as one."""
    values = dict(row)
    values.pop("reported_generation")
    values["group"] = values.pop("group_key")
    values["dedupe_key"] = values["dedupe_key"] or ""
    values["card"] = Card.from_json(values["card"])
    values["policy"] = kept(values["policy"])
    for name in ("surfaces", "people", "audience", "remaining"):
        values[name] = tuple(values[name])
    return Task(**values)
