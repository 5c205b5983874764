"""What is known when a shortcut is opened: loaded once, so that filling the form is arithmetic.

The situation (what was scanned, which task was looked at, how much is missing) comes from the face;
everything else is read here. Decides nothing: rules.py and sources.py do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from core import catalog
from core.catalog import Item, Location, Pack
from core.clock import Instant
from core.errors import INVALID, AppError
from core.orders.transfer_book import asked_of, last_asked
from core.people import Actor
from core.quantity import MAX_MICRO, Micro
from core.shortcuts.definition import Shortcut
from core.shortcuts.missing import Missing, missing_of
from core.stock import available_by_warehouse
from core.stock.ledger import local_date
from core.tasks.foresee import Foreseen
from core.tasks.queries import warehouses_of_inbox


@dataclass(frozen=True, slots=True)
class Situation:
    """Where the shortcut was opened. All may be left out; `missing` is in base units.

    `item` and `place` are codes, `task_id` the task on the screen, `note` what the person said.
    """

    item: str = ""
    place: str = ""
    warehouse: str = ""
    task_id: str = ""
    missing: Micro = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class House:
    """A warehouse: what may be promised there, and what of it nobody has asked for yet."""

    id: int
    code: str
    name: str
    available: Micro
    free: Micro
    last_asked: Micro


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the sources may look at."""

    actor: Actor
    situation: Situation
    shortcut: Shortcut
    now: Instant
    houses: tuple[House, ...] = ()
    item: Item | None = None
    packs: tuple[Pack, ...] = ()
    place: Location | None = None
    looking: Missing | None = None  # the task that was looked at
    inbox_houses: tuple[int, ...] = ()  # where this person's tasks are, most first
    foreseen: Foreseen | None = None  # known once the other fields are
    given: Mapping[str, str] = field(default_factory=dict)

    def house(self, code: str) -> House | None:
        return next((each for each in self.houses if each.code == code), None)

    def house_by_id(self, warehouse_id: int | None) -> House | None:
        return next((each for each in self.houses if each.id == warehouse_id), None)


def load(
    conn: Connection,
    actor: Actor,
    shortcut: Shortcut,
    situation: Situation,
    now: Instant,
    *,
    given: Mapping[str, str],
) -> Facts:
    """The facts; `given` are values a person has set, so the item may be another than scanned.

    Raises:
        AppError(not_found): a code or the task does not exist. AppError(invalid, forbidden).
    """
    if not 0 <= situation.missing <= MAX_MICRO:
        raise AppError(INVALID, field="缺的数量", why="不能小于 0，也不能大得离谱")
    looking = missing_of(conn, actor, situation.task_id, now) if situation.task_id else None
    item = _item(conn, situation, given, looking)
    place = catalog.location_by_code(conn, situation.place) if situation.place else None
    if situation.warehouse:
        catalog.warehouse_by_code(conn, situation.warehouse)
    return Facts(
        actor=actor,
        situation=situation,
        shortcut=shortcut,
        now=now,
        houses=_houses(conn, item, now),
        item=item,
        packs=tuple(catalog.packs_of(conn, item.id)) if item else (),
        place=place,
        looking=looking,
        inbox_houses=warehouses_of_inbox(conn, actor.person_id),
        given=given,
    )


def _item(
    conn: Connection, situation: Situation, given: Mapping[str, str], looking: Missing | None
) -> Item | None:
    code = given.get("item") or situation.item
    if code:
        return catalog.item_by_code(conn, code)
    return catalog.item(conn, looking.item_id) if looking is not None and looking.item_id else None


def _houses(conn: Connection, item: Item | None, now: Instant) -> tuple[House, ...]:
    """Every warehouse, with what it has of the item and is free to give."""
    found = catalog.warehouses(conn)
    if item is None:
        return tuple(House(each.id, each.code, each.name, 0, 0, 0) for each in found)
    there, asked = available_by_warehouse(conn, item.id, local_date(now)), asked_of(conn, item.id)
    last = last_asked(conn, item.id)
    return tuple(
        House(
            each.id,
            each.code,
            each.name,
            (has := max(there.get(each.id, 0), 0)),
            max(has - asked.get(each.id, 0), 0),
            last.get(each.id, 0),
        )
        for each in found
    )
