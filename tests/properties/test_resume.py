"""Resume without loss: an old snapshot plus the events since then is the snapshot of now.

The reference client is `core.tasks.inbox.apply_event`; desk and scanner do the same. Histories are
random and run over the real tables.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendar import seed, set_day
from core.clock import DAY, HOUR, MINUTE, ManualClock
from core.db import Tx
from core.errors import AppError
from core.events import read_after
from core.people import ENGINE, Actor
from core.tasks import board, hold, pause, talk
from core.tasks.inbox import Inbox, apply_event, snapshot
from core.tasks.policy import Policy, Rung
from tests.core.task_room import Room
from tests.databases import DATABASES, MONDAY_0900

POLICY = Policy(
    "p",
    6 * HOUR,
    "working",
    remind=(HOUR,),
    claim_expires=2 * HOUR,
    rungs=(
        Rung(HOUR, ("role:supervisor",), stop_on="claim", repeat_every=HOUR, repeat_times=2),
        Rung(4 * HOUR, ("role:director",), "working"),
    ),
)
VERBS = (
    "open",
    "repeat",
    "claim",
    "put_back",
    "hand_over",
    "close",
    "cancel",
    "snooze",
    "pause",
    "resume",
    "reopen",
    "comment",
    "advance",
    "holiday",
)
HISTORIES = int(os.environ.get("JIELI_HISTORIES", "35"))  # full size: `tests.torture resume`
STEP = st.tuples(st.sampled_from(VERBS), st.integers(0, 2), st.integers(0, 3))


class Story:
    """One random history: who does what to which task."""

    steps = 0  # of all histories

    def __init__(self) -> None:
        self.clock = ManualClock(MONDAY_0900)
        self.db = DATABASES.database(self.clock)
        self.room = Room(self.db, self.clock)
        self.people = [
            self.room.person("李某", "buyer", phone=False),
            self.room.person("周主管", "supervisor", phone=False),
            self.room.person("陈总监", "director", phone=False),
        ]
        self.room.do(seed)
        self.tasks: list[str] = []
        self.days = 0

    def step(self, verb: str, who: int, which: int) -> None:
        Story.steps += 1
        self.clock.advance(7 * MINUTE)
        actor = self.people[who]
        if verb == "advance":
            self.room.after(which * 3 * HOUR + HOUR)
        elif verb == "holiday":
            self.days += 1
            off = date.fromordinal(date(2026, 3, 2).toordinal() + self.days)
            self.room.do(lambda tx: set_day(tx, ENGINE, "cn", off, False))
            self.room.run()
        elif verb in ("open", "repeat"):
            to = ("role:buyer",) if which % 2 else ("role:buyer", "role:supervisor")
            key = "cause" if verb == "repeat" else ""
            task = self.room.open(*to, policy=POLICY, dedupe_key=key)
            self.tasks.append(task.id)
        elif self.tasks:
            self._try(self._verb(verb, actor, self.tasks[which % len(self.tasks)]))

    def _try(self, command: Callable[[Tx], object]) -> None:
        try:
            self.room.do(command)
        except AppError:
            return  # a refusal changes nothing; the property must hold all the same

    def _verb(self, verb: str, actor: Actor, task: str) -> Callable[[Tx], object]:
        to = self.people[(self.people.index(actor) + 1) % 3].person_id
        commands: dict[str, Callable[[Tx], object]] = {
            "claim": lambda tx: hold.claim(tx, actor, task),
            "put_back": lambda tx: hold.put_back(tx, actor, task),
            "hand_over": lambda tx: hold.hand_over(tx, actor, task, to, "接力"),
            "close": lambda tx: board.close_task(
                tx, actor, task, None, outcome={}, sentence="退回"
            ),
            "cancel": lambda tx: board.cancel_task(tx, actor, task, "不用了"),
            "snooze": lambda tx: pause.snooze(tx, actor, task, tx.now + 3 * HOUR),
            "pause": lambda tx: pause.pause(tx, actor, task, "等货"),
            "resume": lambda tx: pause.resume(tx, actor, task),
            "reopen": lambda tx: board.reopen(tx, actor, task, "再看"),
            "comment": lambda tx: talk.comment(tx, actor, task, "看过了"),
        }
        return commands[verb]

    def inboxes(self) -> tuple[int, list[Inbox]]:
        """The head of the log and everybody's inbox, from one snapshot."""
        return self.db.read_now(
            lambda conn: (
                max((event.seq for event in read_after(conn, 0, 10_000)), default=0),
                [snapshot(conn, person.person_id) for person in self.people],
            )
        )


def check(story: Story, past: list[tuple[int, list[Inbox]]]) -> None:
    """From every moment of the past the events lead to the present."""
    _, today = story.inboxes()
    log = story.db.read_now(lambda conn: read_after(conn, 0, 10_000))
    for seq, inboxes in past:
        for person, before, now in zip(story.people, inboxes, today, strict=True):
            replayed = before
            for event in log[seq:]:
                replayed = apply_event(replayed, event, person.person_id)
                replayed = apply_event(replayed, event, person.person_id)  # a repeat is harmless
            assert replayed == now, f"{person.name} from event {seq}"


def replay(steps: list[tuple[str, int, int]]) -> None:
    """One history, and the check from each of its moments."""
    story = Story()
    past = [story.inboxes()]
    story.step("open", 0, 0)
    for verb, who, which in steps:
        story.step(verb, who, which)
        past.append(story.inboxes())
    story.clock.advance(DAY)
    story.room.run()
    check(story, past)
    story.db.close()
    DATABASES.drop(story.db.url)


def run(histories: int, *, derandomize: bool) -> None:
    """So many histories."""
    chosen = settings(max_examples=histories, deadline=None, derandomize=derandomize, database=None)
    chosen(given(st.lists(STEP, min_size=4, max_size=22))(replay))()


def test_old_snapshot_plus_events_is_the_fresh_snapshot() -> None:
    run(HISTORIES, derandomize=True)
