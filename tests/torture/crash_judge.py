"""The judge of units: after a death and a repeat, everything is as if nobody had ever died.

What an undisturbed unit leaves behind is the measure of all others. On top of what every torture
asks (yard.py: nothing acknowledged lost, nothing doubled, books and chains proven).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Table, select

from core.clock import SystemClock
from core.db import Database
from core.events import events
from core.outbox.tables import messages, surfaces
from core.tasks.tables import tasks, timers
from tests.torture.yard import judge

Traces = dict[str, Counter[str]]  # by unit


def judge_units(url: str, folder: Path) -> tuple[list[str], dict[str, int]]:
    """What is wrong, naming units, and figures; unit 0 was left in peace."""
    found, figures = judge(url, [folder / "journal"])
    taken = [orjson.loads(line) for line in (folder / "phones").read_text().splitlines()]
    db = Database(url, SystemClock())
    try:
        traces = db.read_now(lambda conn: traces_of(conn, taken))
        found += db.read_now(lambda conn: unsaid(conn, taken))
    finally:
        db.close()
    wanted = traces.pop("unit-000000")
    for unit, trace in sorted(traces.items()):
        if trace != wanted:
            more, less = dict(trace - wanted), dict(wanted - trace)
            found.append(f"{unit}: too much {more}, missing {less}")
    sent = Counter(each["card"] for each in taken if each["how"] == "send")
    figures |= {"units": len(traces) + 1, "cards": len(sent)}
    figures["cards_sent_again"] = sum(times - 1 for times in sent.values())
    return found, figures


def traces_of(conn: Connection, taken: list[dict[str, Any]]) -> Traces:
    """What each unit left in the books and on the phones, as countable words."""
    unit_of = {row["id"]: _unit(row["subject"]) for row in _rows(conn, tasks)}
    traces: Traces = defaultdict(Counter)
    for row in _rows(conn, events):
        task = row["subject"].removeprefix("task:")
        if task in unit_of:
            traces[unit_of[task]][f"event {row['kind']}"] += 1
    for row in _rows(conn, timers):
        word = f"timer {row['key']} {row['state']} {row['outcome']}"
        traces[unit_of[row["task_id"]]][word] += 1
    for row in _rows(conn, messages):
        if row["intent"] == "send":
            word = f"message to {row['recipient']} {row['state']}"
            traces[unit_of[row["task_id"]]][word] += 1
    for row in _rows(conn, surfaces):
        word = f"card of {row['recipient']} {row['state']}"
        traces[unit_of[row["task_id"]]][word] += 1
    newest = {(each["user"], each["card"]): each for each in taken}
    for each in newest.values():
        word = f"{each['user']} sees a card {'closed' if each['closed'] else 'with buttons'}"
        traces[unit_of[each["task"]]][word] += 1
    return traces


def unsaid(conn: Connection, taken: list[dict[str, Any]]) -> list[str]:
    """Cards that count as sent and never were; repeats that are not honest repeats."""
    first: dict[str, str] = {}
    found = []
    for each in taken:
        if each["how"] == "send":
            card, content = each["card"], each["content"]
            if card in first and not each["again"]:
                found.append(f"card {card}: sent again as if it were new")
            if first.setdefault(card, content) != content:
                found.append(f"card {card}: sent again with other content")
    sent = [row for row in _rows(conn, messages) if row["state"] == "sent"]
    return found + [
        f"card {row['card_id']} counts as sent and never was"
        for row in sent
        if row["intent"] == "send" and row["card_id"] not in first
    ]


def _unit(text: str) -> str:
    """`torture:unit-000007-task` → `unit-000007`; other subjects stay as they are."""
    name = text.removeprefix("torture:")
    return name.rpartition("-")[0] if name.startswith("unit-") else name


def _rows(conn: Connection, table: Table) -> list[dict[str, Any]]:
    return [dict(row) for row in conn.execute(select(table)).mappings()]
