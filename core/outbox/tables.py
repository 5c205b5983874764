"""Tables of the outbox: messages, attempts, surfaces, receipts, action tokens, raw callbacks.

Instants are µs UTC. `message.not_before` is the only truth of when a message may go: limits, quiet
hours and retries move it, so "what is due" is one index range and nothing waits in memory.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    literal_column,
)

from core.db import Big, metadata

# Literals, because SQLite uses a partial index only when the query repeats its condition literally.
PENDING: ColumnElement[str] = literal_column("'pending'", String)
SENDING: ColumnElement[str] = literal_column("'sending'", String)
DEAD: ColumnElement[str] = literal_column("'dead'", String)

messages = Table(
    "message",
    metadata,
    Column("seq", Big, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("dedupe", String(192), nullable=False, index=True),
    Column("task_id", String(32), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("intent", String(8), nullable=False),  # send | edit
    Column("lane", Integer, nullable=False),  # rules.LANES, 0 goes first
    Column("urgent", Boolean, nullable=False),
    Column("group_key", String(96), nullable=False),
    Column("card", JSON, nullable=False),
    Column("card_rev", Integer, nullable=False),
    Column("next", JSON(none_as_null=True)),  # {card, generation}: newer, waits for `card` to land
    Column("frozen", Boolean, nullable=False),  # the vendor may have `card`: it must not change
    Column("moved", Boolean, nullable=False),  # the task went on while this was in flight
    Column("card_id", String(32), nullable=False),
    Column("surface_id", Big),
    Column("channel", String(24), nullable=False),
    Column("recipient", String(128), nullable=False),
    Column("tried", JSON, nullable=False),  # channels that refused for good
    Column("state", String(12), nullable=False),  # pending sending sent superseded dead
    Column("not_before", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("lease_owner", String(64)),
    Column("lease_until", BigInteger),
    Column("tries", Integer, nullable=False),  # the fence: one more with every claim
    Column("unsure", Integer, nullable=False),  # ambiguous ends so far
    Column("failures", Integer, nullable=False),  # tries that ended in `later`, for the backoff
    Column("patient_until", BigInteger, nullable=False),  # of the vendor; our own delays move it
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("code", String(64), nullable=False),
    Column("reason", String(256), nullable=False),
)
_state = messages.c.state
for _name, _columns, _where, _unique in (
    ("ux_message_live", ("dedupe",), _state.in_([PENDING, SENDING]), True),
    ("ix_message_due", ("channel", "not_before", "recipient", "lane", "seq", "state"), None, False),
    ("ix_message_waiting", ("channel", "recipient"), None, False),
    ("ix_message_lease", ("channel", "lease_until"), _state == SENDING, False),
    ("ix_message_dead", ("seq",), _state == DEAD, False),
):
    _condition = (_state == PENDING) if _where is None else _where
    Index(
        _name,
        *(messages.c[each] for each in _columns),
        unique=_unique,
        sqlite_where=_condition,
        postgresql_where=_condition,
    )
Index("ix_message_task", messages.c.task_id, messages.c.person_id)

attempts = Table(
    "attempt",
    metadata,
    Column("id", Big, primary_key=True),
    Column("message_id", String(32), nullable=False, index=True),
    Column("n", Integer, nullable=False),
    Column("channel", String(24), nullable=False),
    Column("recipient", String(128), nullable=False),
    Column("rings", Boolean, nullable=False),  # a new card; an edit does not ring
    Column("begun_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("outcome", String(12)),  # sent later never ambiguous lost
    Column("retry_after_s", Integer, nullable=False),
    Column("code", String(64), nullable=False),
    Column("reason", String(256), nullable=False),
    Index("ix_attempt_person", "channel", "recipient", "begun_at"),
    Index("ix_attempt_account", "channel", "begun_at"),
)

surfaces = Table(
    "surface",
    metadata,
    Column("id", Big, primary_key=True),
    Column("task_id", String(32), nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("channel", String(24), nullable=False),
    Column("recipient", String(128), nullable=False),
    Column("card_id", String(32), nullable=False, index=True),
    Column("handle", JSON, nullable=False),
    Column("card_rev", Integer, nullable=False),
    Column("asked", String(64), nullable=False),  # print of what it shows or is about to show
    Column("state", String(8), nullable=False),  # live closed lost
    Column("opened_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Index("ix_surface_task", "task_id", "person_id"),
)

channel_gates = Table(
    "channel_gate",
    metadata,
    Column("channel", String(24), primary_key=True),
    Column("open_at", BigInteger, nullable=False),
    Column("reason", String(256), nullable=False),
)

action_tokens = Table(
    "action_token",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("card_id", String(32), nullable=False, index=True),
    Column("task_id", String(32), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("action", String(64), nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("used_at", BigInteger),
)

receipts = Table(
    "message_receipt",
    metadata,
    Column("id", Big, primary_key=True),
    Column("card_id", String(32), nullable=False),
    Column("kind", String(12), nullable=False),  # delivered read clicked
    Column("at", BigInteger, nullable=False),
    Column("certainty", String(12), nullable=False),  # reported | inferred
    UniqueConstraint("card_id", "kind"),
)

callbacks = Table(
    "inbox",
    metadata,
    Column("id", Big, primary_key=True),
    Column("channel", String(24), nullable=False),
    Column("dedupe", String(192), nullable=False),
    Column("body", JSON, nullable=False),
    Column("state", String(12), nullable=False),  # pending done failed
    Column("tries", Integer, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("answer", JSON(none_as_null=True)),
    Column("received_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    UniqueConstraint("channel", "dedupe"),
)
Index(
    "ix_inbox_pending",
    callbacks.c.not_before,
    sqlite_where=callbacks.c.state == PENDING,
    postgresql_where=callbacks.c.state == PENDING,
)
