"""Who is meant by "role:buyer" or "rota:night" at a moment, and why. Asked once, then recorded.

Nobody is asked whom the door (`people.require`) would refuse at every button. A person on leave is
replaced by the stand-in, and `via` says so: "role:buyer/for:12".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from core import calendar, people
from core.clock import Instant
from core.people import Actor, Thing
from core.tasks.policy import is_spec
from core.tasks.task import NewTask, Task

FALLBACK = "role:admin"
MOST = 50  # cards for one step; a larger circle is a mailing list, not a task


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person and the reason: the spec, with "/for:12" when he stands in for person 12."""

    person_id: int
    via: str


def resolve(
    conn: Connection, specs: Iterable[str], task: Task | NewTask, at: Instant
) -> list[Recipient]:
    """The active persons behind `specs` at `at`, each once, at most `MOST`.

    Roles and teams only reach people of the task's warehouse and, for suppliers, of its partner.
    """
    found: dict[int, Recipient] = {}
    known: dict[int, people.Standing] = {}
    for spec in specs:
        assert is_spec(spec), f"unknown recipient {spec}"
        behind = list(_behind(conn, spec, task, at, known))
        away = calendar.away(conn, behind, at)
        acting = {
            each: calendar.stand_in(conn, each, at) if each in away else each for each in behind
        }
        _learn(conn, [*behind, *acting.values()], known)
        for person_id, stand_in in acting.items():
            for each in dict.fromkeys((stand_in, person_id)):
                if each in known and could(known[each], "task.act", task):
                    via = spec if each == person_id else f"{spec}/for:{person_id}"
                    found.setdefault(each, Recipient(each, via))
                    break
            if len(found) == MOST:
                return list(found.values())
    return list(found.values())


def could(person: people.Person | people.Standing, verb: str, task: Task | NewTask) -> bool:
    """True when the person is here and might do `verb` to the task if it were given to him."""
    actor = Actor(person.id, "", frozenset(person.roles), partner_id=person.partner_id)
    his = Thing("task", "", frozenset({person.id}), task.partner_id, task.warehouse_id)
    return person.active and people.may(actor, verb, his)


def people_for(
    conn: Connection, specs: tuple[str, ...], about: Task | NewTask, at: Instant
) -> list[Recipient]:
    """Who is behind `specs` at `at`; administrators when that is nobody."""
    found = resolve(conn, specs, about, at)
    if found:
        return found
    why = f"nobody:{'+'.join(specs)}"[:120]
    return [replace(each, via=why) for each in resolve(conn, (FALLBACK,), about, at)]


def _behind(
    conn: Connection,
    spec: str,
    task: Task | NewTask,
    at: Instant,
    known: dict[int, people.Standing],
) -> Iterator[int]:
    kind, _, name = spec.partition(":")
    if kind == "person":
        yield int(name)
    elif kind == "role":
        yield from _in_reach(people.persons_with_role(conn, name), task, known)
    elif kind == "team":
        yield from _in_reach(people.members_of(conn, name), task, known)
    elif kind == "partner":
        yield from people.persons_of_partner(conn, int(name))
    elif kind == "rota":
        yield from calendar.on_duty(conn, name, at)
    else:
        below = [int(name)] if name.isdigit() else _holders(task)
        for person_id in below:
            manager = people.manager_of(conn, person_id)
            if manager is not None:
                yield manager


def _holders(task: Task | NewTask) -> list[int]:
    if isinstance(task, NewTask):
        return []
    return [task.holder_id] if task.holder_id is not None else list(task.people)


def _learn(conn: Connection, ids: Iterable[int], known: dict[int, people.Standing]) -> None:
    """Ask for those of `ids` that are not `known` yet."""
    new = [each for each in ids if each not in known]
    if new:
        known |= people.standing_of(conn, new)


def _in_reach(
    found: dict[int, people.Standing], task: Task | NewTask, known: dict[int, people.Standing]
) -> Iterator[int]:
    known |= found
    for person_id, person in found.items():
        elsewhere = (
            task.warehouse_id is not None
            and person.warehouse_ids
            and task.warehouse_id not in person.warehouse_ids
        )
        foreign = person.partner_id is not None and person.partner_id != task.partner_id
        if not elsewhere and not foreign:
            yield person_id
