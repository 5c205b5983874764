"""Tasks of one group that climbed to one person: one card speaks for all, as long as it speaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from core.clock import HOUR, MINUTE, ManualClock
from core.db import Database, Tx
from core.people import Actor
from core.tasks import hold, pause
from core.tasks.policy import Policy, Rung
from core.tasks.task import Task
from tests.core.task_room import CARD, Room

NAGS = Policy(
    "nags", HOUR, rungs=(Rung(HOUR, ("role:director",), repeat_every=HOUR, repeat_times=5),)
)
Rest = Callable[[Tx, Actor, Task], Task]
RESTS: dict[str, Rest] = {
    "claim": lambda tx, by, task: hold.claim(tx, by, task.id),
    "pause": lambda tx, by, task: pause.pause(tx, by, task.id, "等供应商"),
    "snooze": lambda tx, by, task: pause.snooze(tx, by, task.id, tx.now + 9 * HOUR),
}


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Room:
    made = Room(db, clock)
    made.person("李某")
    return made


@pytest.fixture
def director(room: Room) -> Actor:
    return room.person("陈总监", "director")


def siblings(room: Room, *titles: str) -> list[Task]:
    made = []
    for title in titles:
        card = replace(CARD, title=title)
        made.append(room.open("role:buyer", policy=NAGS, group="g", title=title, card=card))
        room.clock.advance(1000)
    return made


def shown(room: Room, *, of: Task) -> list[bool]:
    """The cards of a task on the director's phone, oldest first: whether each still asks."""
    cards = [each.card for each in room.null.phone("陈总监")]
    return [not each.closed for each in cards if each.title[0] == of.title]


@pytest.mark.parametrize("rests", sorted(RESTS))
async def test_a_sibling_goes_on_asking_when_its_speaker_rests(
    room: Room, director: Actor, rests: str
) -> None:
    a, b = siblings(room, "A", "B")
    room.after(HOUR)
    await room.deliver()
    assert (shown(room, of=a), shown(room, of=b)) == ([True], [])
    room.do(lambda tx: RESTS[rests](tx, director, a))
    await room.deliver()
    assert shown(room, of=b) == [True]
    for each in room.null.live("陈总监"):
        assert "同一件事" not in [fact.label for fact in each.card.facts]
    for times in range(1, 6):
        room.after(HOUR)
        await room.deliver()
        assert shown(room, of=b) == [False] * times + [True], "a reminder, and no card came"


@pytest.mark.parametrize("rests", sorted(RESTS))
async def test_the_first_open_sibling_speaks_for_the_others(
    room: Room, director: Actor, rests: str
) -> None:
    a, b, c, d = siblings(room, "A", "B", "C", "D")
    room.after(HOUR)
    room.do(lambda tx: RESTS[rests](tx, director, b))
    room.do(lambda tx: RESTS[rests](tx, director, a))
    await room.deliver()
    assert (shown(room, of=c), shown(room, of=d)) == ([True], [])
    card = room.null.live("陈总监")[-1].card
    assert [fact.value for fact in card.facts if fact.label == "同一件事"] == ["B", "D"]


@pytest.mark.parametrize("rests", sorted(RESTS))
async def test_a_sibling_that_climbs_later_does_not_join_a_speaker_that_rests(
    room: Room, director: Actor, rests: str
) -> None:
    (a,) = siblings(room, "A")
    room.after(30 * MINUTE)
    (b,) = siblings(room, "B")
    room.after(30 * MINUTE)
    room.do(lambda tx: RESTS[rests](tx, director, a))
    room.after(30 * MINUTE)
    await room.deliver()
    assert shown(room, of=b) == [True]
