"""The small company that torture works on, and the judge who recounts everything afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from core import audit, calendar, catalog, people
from core.catalog import NewItem, NewLocation
from core.catalog import tables as catalog_tables
from core.clock import SystemClock
from core.db import Database, Tx
from core.migrations.run import upgrade
from core.outbox import queue
from core.people import ENGINE, NewPerson
from core.quantity import ONE
from core.stock import Line, Posting, post, prove
from core.stock.tables import postings
from core.tasks.tables import tasks

ITEMS = 12
PLACES = ("A-1", "A-2", "B-1", "B-2")


@dataclass(frozen=True, slots=True)
class Yard:
    """Ids to work with."""

    items: tuple[int, ...]
    places: tuple[int, ...]

    @classmethod
    def find(cls, conn: Connection) -> Yard:
        items = conn.execute(select(catalog_tables.items.c.id)).scalars().all()
        places = select(catalog_tables.locations.c.id)
        wanted = places.where(catalog_tables.locations.c.code.in_(PLACES))
        return cls(tuple(items), tuple(conn.execute(wanted).scalars().all()))


def furnish(tx: Tx) -> None:
    """Plenty of everything in every place."""
    people.add_person(tx, ENGINE, NewPerson("admin", "管理员", ("admin",)))
    warehouse = catalog.add_warehouse(tx, ENGINE, "W1", "压测仓")
    places = catalog.add_locations(
        tx, ENGINE, [NewLocation(code, "bin", warehouse_id=warehouse) for code in PLACES]
    )
    items = [catalog.add_item(tx, ENGINE, NewItem(f"T{n}", f"货品{n}")) for n in range(ITEMS)]
    count = catalog.location_by_code(tx.conn, "COUNT").id
    lines = [Line(item, 1_000_000 * ONE, count, place) for item in items for place in places]
    post(tx, ENGINE, Posting("torture:opening", "opening", tuple(lines)))


def prepare(url: str, fill: Callable[[Tx], None] = furnish) -> None:
    """A migrated database that `fill` has filled."""
    queue.configure("torture")
    db = Database(url, SystemClock())
    upgrade(db)
    for each in (calendar.seed, catalog.seed_locations, fill):
        db.write_now(each)
    db.close()


def judge(url: str, journals: list[Path], most: int | None = 5) -> tuple[list[str], dict[str, int]]:
    """What is wrong, at most `most` of a kind, and figures. Every promise is looked for."""
    db = Database(url, SystemClock())
    try:
        proof = db.read_now(prove)
        found = [*proof.problems, *db.read_now(lambda conn: list(audit.verify(conn)))]
        did = db.read_now(_effects)
    finally:
        db.close()
    asked, acked = set[str](), dict[str, str]()
    for journal in journals:
        for line in journal.read_text().splitlines():
            word, _, key, *answer = line.split(" ")
            asked.add(key)
            if word == "ack" and acked.setdefault(key, answer[0]) != answer[0]:
                found.append(f"{key} was answered {acked[key]} and then {answer[0]}")
    times = Counter(key for key, _ in did)
    lost = [key for key in acked if times[key] == 0]
    doubled = [key for key, count in times.items() if count > 1]
    strange = [key for key in times if key not in asked]
    wrong = [key for key, name in did if key in acked and acked[key] != name and times[key] == 1]
    for what, keys in (
        ("lost", lost),
        ("doubled", doubled),
        ("unasked", strange),
        ("other", wrong),
    ):
        found += [f"{what}: {key}" for key in keys[:most]]
    figures = {
        "acknowledged": len(acked),
        "asked": len(asked),
        "effects": len(did),
        "lost": len(lost),
        "doubled": len(doubled),
        "events": proof.events,
    }
    return found, figures


def _effects(conn: Connection) -> list[tuple[str, str]]:
    """(key, what came of it) of every effect in the books."""
    made = select(postings.c.doc, postings.c.id).where(postings.c.doc.like("torture:%"))
    found = [(doc.removeprefix("torture:"), str(number)) for doc, number in conn.execute(made)]
    opened = select(tasks.c.subject, tasks.c.id).where(tasks.c.kind == "torture")
    found += [(each.removeprefix("torture:"), name) for each, name in conn.execute(opened)]
    recorded = select(audit.audits.c.thing, audit.audits.c.after)
    found += [
        (thing.removeprefix("torture:"), after["did"])
        for thing, after in conn.execute(recorded.where(audit.audits.c.verb == "torture"))
    ]
    return found
