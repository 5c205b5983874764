"""How large may each table grow? One line for every table, and the step that keeps to it.

`BOUNDS` names every table of the product (tests/core/test_retention.py fails for a new one without
a line; docs/retention.md is made from it). `RULES` are the tables whose rows go when nobody can ask
for them any more. The logs do not go, they move into files: core/archive.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, exists, select

from core.clock import DAY, Clock, Instant
from core.db import Database, Tx
from core.engine import ELSEWHERE, Step
from core.once import operations
from core.outbox import tables as outbox
from core.people import tables as people
from core.shortcuts import tables as shortcuts
from core.tasks.tables import sent_photos, tasks, timers
from core.tasks.task import LIVE

AT_ONCE = 500
MONTH = 30 * DAY
UNFINISHED = (outbox.PENDING, outbox.SENDING)
FORMS = 400 * DAY  # a month is compared with the same one of the year before

Conditions = tuple[ColumnElement[bool], ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """Days that the settings give."""

    operations: int = 8
    history: int = 90


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of `table` that are old by `terms` at `now` go."""

    table: Table
    key: Column[Any]
    says: str
    old: Callable[[Terms, Instant], Conditions]


def _ended(task_id: Column[Any]) -> ColumnElement[bool]:
    return ~exists().where(tasks.c.id == task_id, tasks.c.state.in_(LIVE))


def _unfinished(*same: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(*same, outbox.messages.c.state.in_(UNFINISHED))


def _operations(terms: Terms, now: Instant) -> Conditions:
    return (operations.c.at < now - terms.operations * DAY,)


def _sessions(_terms: Terms, now: Instant) -> Conditions:
    each = people.sessions.c
    return ((each.closed_at < now - MONTH) | (each.expires_at < now - MONTH),)


def _codes(_terms: Terms, now: Instant) -> Conditions:
    return (people.enrol_codes.c.expires_at < now - MONTH,)


def _bind_codes(_terms: Terms, now: Instant) -> Conditions:
    return (people.bind_codes.c.expires_at < now - MONTH,)


def _sent_photos(_terms: Terms, now: Instant) -> Conditions:
    return (sent_photos.c.at < now - MONTH,)


def _tokens(_terms: Terms, now: Instant) -> Conditions:
    return (outbox.action_tokens.c.expires_at < now,)


def _callbacks(_terms: Terms, now: Instant) -> Conditions:
    return (outbox.callbacks.c.finished_at < now - MONTH,)


def _timers(terms: Terms, now: Instant) -> Conditions:
    each = timers.c
    fired = each.fired_us < now - terms.history * DAY
    return (each.state != "pending", fired, _ended(each.task_id))


def _messages(terms: Terms, now: Instant) -> Conditions:
    each = outbox.messages.c
    done = each.state.not_in([outbox.PENDING, outbox.SENDING])
    return (done, each.finished_at < now - terms.history * DAY, _ended(each.task_id))


def _attempts(terms: Terms, now: Instant) -> Conditions:
    each, same = outbox.attempts.c, outbox.messages.c.id
    begun = each.begun_at < now - terms.history * DAY
    return (begun, ~_unfinished(same == each.message_id))


def _receipts(terms: Terms, now: Instant) -> Conditions:
    each, same = outbox.receipts.c, outbox.messages.c.id
    return (each.at < now - terms.history * DAY, ~exists().where(same == each.card_id))


def _surfaces(terms: Terms, now: Instant) -> Conditions:
    each, of = outbox.surfaces.c, outbox.messages.c
    changed = each.changed_at < now - terms.history * DAY
    # Asked once and not for each surface: in a long outage many messages are unfinished.
    unfinished = of.state.in_(UNFINISHED) & of.surface_id.is_not(None)
    return (changed, _ended(each.task_id), each.id.not_in(select(of.surface_id).where(unfinished)))


def _forms(_terms: Terms, now: Instant) -> Conditions:
    each, same = shortcuts.runs.c, shortcuts.values.c.run_id
    return (each.opened_at < now - FORMS, ~exists().where(same == each.id))


def _form_values(_terms: Terms, now: Instant) -> Conditions:
    return (shortcuts.values.c.at < now - FORMS,)


_OPERATIONS = "`JIELI_OPERATION_DAYS` after the answer, never under 7"
_HISTORY = "`JIELI_HISTORY_DAYS` after {}, once the task has ended"

# In this order: attempts and receipts outlive their message, a surface its last edit.
RULES = (
    Rule(operations, operations.c.key, _OPERATIONS, _operations),
    Rule(
        people.sessions, people.sessions.c.token_hash, "30 days after the session ended", _sessions
    ),
    Rule(people.enrol_codes, people.enrol_codes.c.code_hash, "30 days after it expired", _codes),
    Rule(people.bind_codes, people.bind_codes.c.code_hash, "30 days after it expired", _bind_codes),
    Rule(sent_photos, sent_photos.c.file_id, "30 days after it was sent", _sent_photos),
    Rule(
        outbox.action_tokens,
        outbox.action_tokens.c.token_hash,
        "when the button expires, 30 days after its card was made",
        _tokens,
    ),
    Rule(outbox.callbacks, outbox.callbacks.c.id, "30 days after it was answered", _callbacks),
    Rule(timers, timers.c.id, _HISTORY.format("it fired"), _timers),
    Rule(outbox.messages, outbox.messages.c.seq, _HISTORY.format("it was finished"), _messages),
    Rule(
        outbox.attempts,
        outbox.attempts.c.id,
        "`JIELI_HISTORY_DAYS` after it began, when its message is finished",
        _attempts,
    ),
    Rule(
        outbox.receipts,
        outbox.receipts.c.id,
        "`JIELI_HISTORY_DAYS` after it came, when its message is gone",
        _receipts,
    ),
    Rule(shortcuts.values, shortcuts.values.c.run_id, "400 days after the launch", _form_values),
    Rule(
        shortcuts.runs,
        shortcuts.runs.c.id,
        "400 days after the form was opened, when its fields are gone",
        _forms,
    ),
    Rule(outbox.surfaces, outbox.surfaces.c.id, _HISTORY.format("its last change"), _surfaces),
)

_ARCHIVED = "`JIELI_ARCHIVE_AFTER_DAYS` into files, the chain goes on from an anchor; 0 keeps all"
_BOOK = "for ever: past days are asked of it, and an operation id is spent for ever"
_PAPER = "for ever, like the paper it replaces"

# What is not in RULES: kept for as long as the business is what it is.
KEPT = {
    "posting": f"one per posting; {_BOOK}",
    "move": f"one per line of a posting; {_BOOK}",
    "move_serial": f"one per serial number moved; {_BOOK}",
    "event": f"one per fact; {_ARCHIVED}",
    "audit": f"one per change of master data, right or rule; {_ARCHIVED}",
    "turn": "none, ever: PostgreSQL's writers take turns by locking it",
    "log_anchor": "one per archive file (5,000 rows of a log, or what one day has)",
    "balance": (
        "items × lots × places × status × owners that ever held goods; "
        "who asks what is there reads those that are not at nothing alone"
    ),
    "serial_place": "one per serial number",
    "reservation": f"one per reservation; {_PAPER}",
    "reservation_part": f"one per reservation and balance; {_PAPER}",
    "purchase_order": f"one per order; {_PAPER}",
    "purchase_line": f"one per order line; {_PAPER}",
    "receipt": f"one per receipt; {_PAPER}",
    "receipt_line": f"one per receipt line; {_PAPER}",
    "inspection": f"one per inspection; {_PAPER}",
    "transfer": f"one per transfer; {_PAPER}",
    "transfer_line": f"one per transfer line; {_PAPER}",
    "transfer_load": f"one per loading of a transfer line; {_PAPER}",
    "stock_count": f"one per stock count; {_PAPER}",
    "stock_count_line": f"one per place and item counted; {_PAPER}",
    "sale_order": f"one per sale; {_PAPER}",
    "sale_line": f"one per line of a sale; {_PAPER}",
    "wave": f"one per wave; {_PAPER}",
    "pick_line": f"one per bin that gave something to a line of a sale; {_PAPER}",
    "package": f"one per box; {_PAPER}",
    "package_line": f"one per box and lot in it; {_PAPER}",
    "put_back": f"one per bin that gave something to a sale that was given up; {_PAPER}",
    "carrier": "the number of carriers",
    "pick_face": "bins that are picked from, and their items",
    "substitute": "pairs of items that stand for each other",
    "task": f"one per task, its cards and policy on it: who decided what; {_PAPER}",
    "assignment": f"one per person a task went to; {_PAPER}",
    "task_comment": f"one per comment; {_PAPER}",
    "task_attachment": f"one per photo on a task; {_PAPER}",
    "file": f"one per photo, its bytes in the folder of files; {_PAPER}",
    "item": "the number of items",
    "pack": "units of items",
    "barcode": "barcodes of items",
    "lot": "one per lot received",
    "warehouse": "the number of warehouses",
    "location": "the number of places",
    "partner": "suppliers and customers",
    "person": "everybody who ever worked here",
    "team": "the number of teams",
    "team_member": "persons in teams",
    "device": "scanners ever enrolled",
    "chat_identity": "chat accounts of persons",
    "channel_gate": "one per chat channel",
    "lease": "one per long connection to a vendor",
    "calendar": "the number of calendars",
    "calendar_day": "holidays and make-up days: under 40 a year and calendar",
    "calendar_year": "one per year and calendar",
    "rota": "the number of rotas",
    "rota_shift": "shifts that were planned",
    "leave": "absences that were entered",
    "policy": "one per version of an escalation policy",
    "shortcut": "one per version of a shortcut",
    "meta": "a handful of facts about the database",
}

BOUNDS = KEPT | {rule.table.name: rule.says for rule in RULES}


def old_keys(conn: Connection, rule: Rule, terms: Terms, now: Instant) -> list[Any]:
    """The keys of up to `AT_ONCE` rows that may go."""
    query = select(rule.key).where(*rule.old(terms, now)).order_by(rule.key).limit(AT_ONCE)
    return list(conn.execute(query).scalars())


def retire(tx: Tx, rule: Rule, keys: list[Any], terms: Terms) -> int:
    """Delete those of `keys` that are still old; how many went."""
    wanted = (rule.key.in_(keys), *rule.old(terms, tx.now))
    return tx.execute(rule.table.delete().where(*wanted)).rowcount


def retire_now(tx: Tx, terms: Terms | None = None) -> int:
    """One handful of every table, in one command; for whoever does not run the engine."""
    chosen = terms or Terms()
    return sum(retire(tx, rule, old_keys(tx.conn, rule, chosen, tx.now), chosen) for rule in RULES)


class Retiring:
    """Once a day, a handful at a time. What is old is looked for outside the Writer."""

    def __init__(self, db: Database, clock: Clock, terms: Terms) -> None:
        self._db, self._clock, self._terms = db, clock, terms
        self._rested_at: Instant | None = None

    def step(self) -> Step:
        return Step("retire", self._run, self._next_due)

    async def _run(self) -> int:
        now = self._clock.now()
        if self._rested_at is not None and now < self._rested_at + DAY:
            return 0
        for rule in RULES:
            keys = await self._db.read(lambda conn, r=rule: old_keys(conn, r, self._terms, now))  # type: ignore[misc]
            if keys:
                return await self._retire(rule, keys)
        self._rested_at = now
        return 0

    async def _retire(self, rule: Rule, keys: list[Any]) -> int:
        def command(tx: Tx) -> int:
            # 0 would mean that all is done; another process may have been faster.
            return retire(tx, rule, keys, self._terms) or ELSEWHERE

        return await self._db.write(lambda tx: command(tx) if tx.alone("retire") else ELSEWHERE)

    def _next_due(self, _conn: Connection) -> Instant | None:
        return 0 if self._rested_at is None else self._rested_at + DAY
