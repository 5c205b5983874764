"""What a task will do once it is opened: who is told, on which surface, when it climbs to whom.

For previews. It asks the policy, the calendar and the rota by the same functions that the task
itself will use (recipients, rules, why), so it cannot promise anything else. Opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from core.clock import Instant
from core.people import CHANNELS, Person, Reach, persons_by_id, reach_of_many
from core.tasks.policy import Policy
from core.tasks.recipients import people_for
from core.tasks.rules import is_rung, plan
from core.tasks.task import NewTask
from core.tasks.timers import reckoner
from core.tasks.why import Step, step_of

MOST_STEPS = 3
SCANNER, DESK = "扫码枪", "工作台"


@dataclass(frozen=True, slots=True)
class Told:
    """One person who gets the task at once, and where it reaches them: 「赵刚（扫码枪）」."""

    person_id: int
    name: str
    surfaces: tuple[str, ...]

    @property
    def words(self) -> str:
        return f"{self.name}（{'、'.join(self.surfaces)}）"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """`climbs` are the next rungs if nobody acts; `confirms` who must agree to the answer."""

    policy: Policy
    due_at: Instant
    told: tuple[Told, ...]
    climbs: tuple[Step, ...]
    first_above: tuple[str, ...]
    confirms: tuple[str, ...]


def foresee(conn: Connection, new: NewTask, now: Instant) -> Foreseen:
    """What would happen if `new` were opened at `now` and nobody did anything."""
    reckon = reckoner(conn, new.calendar)
    moments = [each for each in plan(new.policy, now, reckon) if is_rung(each.key)][:MOST_STEPS]
    seconds = tuple(spec for _, spec in new.policy.second)
    rungs = new.policy.rungs
    return Foreseen(
        new.policy,
        reckon(new.policy.clock, now, new.policy.respond_within),
        _told(conn, new, now),
        tuple(step_of(conn, new, each.planned, each, now) for each in moments),
        _names(conn, rungs[0].to, new, moments[0].planned) if rungs else (),
        _names(conn, seconds, new, now) if seconds else (),
    )


def _names(conn: Connection, specs: tuple[str, ...], new: NewTask, at: Instant) -> tuple[str, ...]:
    ids = [each.person_id for each in people_for(conn, specs, new, at)]
    known = persons_by_id(conn, ids)
    return tuple(known[each].name for each in ids)


def _told(conn: Connection, new: NewTask, now: Instant) -> tuple[Told, ...]:
    ids = [each.person_id for each in people_for(conn, new.to, new, now)]
    known, reach = persons_by_id(conn, ids), reach_of_many(conn, ids)
    return tuple(
        Told(each, known[each].name, _surfaces(known[each], reach(each), new.surfaces))
        for each in ids
    )


def _surfaces(person: Person, reach: Reach, surfaces: tuple[str, ...]) -> tuple[str, ...]:
    chats = reach.targets() if "chat" in surfaces else []
    found = [CHANNELS.get(each.channel, each.channel) for each in chats]
    found += [SCANNER] if person.badge and "pda" in surfaces else []
    return tuple(found) or (DESK,)
