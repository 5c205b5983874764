"""Tables of the task relay: task, assignment, timer, comment, attachment, file, policy.

Written only by `core/tasks`; no rule lives here. `task.policy` and `task.card` are copies made when
the task opened: editing a policy later never moves a running task.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    text,
)

from core.db import SELDOM, Big, metadata

# Literals, because SQLite uses a partial index only when the query repeats its condition literally.
PENDING = text("timer.state = 'pending'")
PENDING_WORKING = text("timer.state = 'pending' AND timer.clock = 'working'")
LIVE_DEDUPE = text(
    "task.dedupe_key IS NOT NULL AND task.state IN ('open', 'claimed', 'snoozed', 'paused')"
)


def _where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, for both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


tasks = Table(
    "task",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("title", String(200), nullable=False),
    Column("subject", String(96), nullable=False),
    Column("state", String(12), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("priority", String(12), nullable=False),
    Column("context", JSON, nullable=False),
    Column("card", JSON, nullable=False),
    Column("policy", JSON, nullable=False),
    Column("calendar", String(32), nullable=False),
    Column("surfaces", JSON, nullable=False),
    Column("people", JSON, nullable=False),  # who may act now: the open assignments' persons
    Column("audience", JSON, nullable=False),  # everybody ever assigned: who hears of changes
    Column("holder_id", BigInteger),
    Column("holder_name", String(80), nullable=False, default=""),  # the name as it was then
    Column("claimed_at", BigInteger),
    Column("opened_by", String(64), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),
    Column("snooze_until", BigInteger),
    Column("paused_at", BigInteger),
    Column("pause_why", String(400), nullable=False, default=""),
    Column("remaining", JSON, nullable=False, default=list),  # timers kept while the clock stands
    Column("closed_by", BigInteger),
    Column("closed_name", String(80), nullable=False, default=""),
    Column("closed_face", String(12), nullable=False, default=""),
    Column("closed_at", BigInteger),
    Column("outcome", JSON(none_as_null=True)),
    Column("sentence", String(400), nullable=False, default=""),
    Column("group_key", String(96), nullable=False, default=""),
    Column("dedupe_key", String(160)),
    Column("repeat_count", Integer, nullable=False, default=0),
    Column("warehouse_id", BigInteger),
    Column("partner_id", BigInteger),
    Column("reported_generation", Integer, nullable=False, default=-1),  # by the watcher
    Column("row_version", Integer, nullable=False, default=1),
    Index(
        "uq_task_live_dedupe",
        "dedupe_key",
        unique=True,
        **_where("dedupe_key IS NOT NULL AND state IN ('open', 'claimed', 'snoozed', 'paused')"),
    ),
    Index("ix_task_live", "id", **_where("closed_at IS NULL")),
    Index(None, "state", "due_at"),
    Index(None, "group_key"),
    Index(None, "subject"),
)

assignments = Table(
    "assignment",
    metadata,
    Column("id", Big, primary_key=True),
    Column("task_id", ForeignKey("task.id"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("via", String(120), nullable=False),  # "role:buyer", "role:buyer/for:12" for a stand-in
    Column("group_key", String(96), nullable=False, default=""),
    Column("card_on", String(32)),  # the task whose card speaks for this assignment; null: none
    Column("from_us", BigInteger, nullable=False),
    Column("to_us", BigInteger),
    Column("ended_reason", String(24), nullable=False, default=""),
    Index(None, "task_id"),
    Index("ix_assignment_now", "person_id", **_where("to_us IS NULL")),
    Index(None, "group_key", "level", "person_id"),
    Index(None, "card_on"),
)

timers = Table(
    "timer",
    metadata,
    Column("id", Big, primary_key=True),
    Column("task_id", ForeignKey("task.id"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("key", String(24), nullable=False),
    Column("clock", String(8), nullable=False),  # natural | working
    Column("base_us", BigInteger, nullable=False),  # planned = base + span on `clock`
    Column("span_us", BigInteger, nullable=False),  # negative: so much before the base
    Column("planned_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),  # planned, or later after a standstill
    Column("calendar", String(32), nullable=False),
    Column("calendar_rev", Integer, nullable=False),
    Column("state", String(8), nullable=False, default="pending"),  # pending | fired | stale
    Column("outcome", String(12), nullable=False, default=""),  # acted | collapsed | nobody
    Column("fired_us", BigInteger),
    UniqueConstraint("task_id", "generation", "key"),
    Index("ix_timer_due", "due_us", "id", **_where("state = 'pending'")),
    Index(
        "ix_timer_working",
        "calendar",
        "calendar_rev",
        **_where("state = 'pending' AND clock = 'working'"),
    ),
)

comments = Table(
    "task_comment",
    metadata,
    Column("id", Big, primary_key=True),
    Column("task_id", ForeignKey("task.id"), nullable=False, index=True),
    Column("person_id", BigInteger, nullable=False),
    Column("name", String(80), nullable=False),
    Column("face", String(12), nullable=False),
    Column("body", String(2000), nullable=False),
    Column("at", BigInteger, nullable=False),
)

files = Table(
    "file",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("sha256", String(64), nullable=False, index=True),
    Column("media_type", String(80), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("name", String(200), nullable=False),
    Column("made_by", BigInteger, nullable=False),
    Column("partner_id", BigInteger),
    Column("at", BigInteger, nullable=False),
)

attachments = Table(
    "task_attachment",
    metadata,
    Column("id", Big, primary_key=True),
    Column("task_id", ForeignKey("task.id"), nullable=False, index=True),
    Column("file_id", ForeignKey("file.id"), nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("note", String(400), nullable=False, default=""),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("task_id", "file_id"),
)

sent_photos = Table(  # sent in chat, and not yet known for which task
    "sent_photo",
    metadata,
    Column("file_id", ForeignKey("file.id"), primary_key=True),
    Column("person_id", BigInteger, nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("placed_at", BigInteger),
)

policies = Table(
    "policy",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", JSON, nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    info=SELDOM,
)
