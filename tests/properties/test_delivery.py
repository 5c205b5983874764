"""Any interleaving of puts, claims, crashes, late workers, edits and closings ends well.

What holds afterwards: every message is sent, superseded or dead; what we know to stand on a phone
shows what was asked for last; one person has one live card per task. On the way: one row per key,
one message under way per person, the foremost first, and never more than the limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from sqlalchemy import select

from core.clock import MINUTE, SECOND, ManualClock
from core.outbox import rules
from core.outbox.channel import SendResult
from core.outbox.claiming import Claimed, claim
from core.outbox.edits import print_of
from core.outbox.messages import Message, of_row
from core.outbox.null import Null, Scripted
from core.outbox.recording import record, recover
from core.outbox.surfaces import Surface
from core.outbox.tables import attempts, messages, surfaces
from tests.core.outbox_room import Room, card
from tests.databases import DATABASES, MONDAY_0900

T = TypeVar("T")
LIMITS = rules.Limits(rings=(rules.Window(2, MINUTE),), all=(rules.Window(4, MINUTE),), account=())
TASKS = st.sampled_from(["t1", "t2", "t3", "t4"])
ANSWERS = st.sampled_from(
    [
        None,
        None,
        None,
        Scripted(SendResult("later", code="-1")),
        Scripted(SendResult("later", retry_after_s=20, code="429")),
        Scripted(SendResult("never", code="40058")),
        Scripted(SendResult("ambiguous", code="timeout"), accepts=True),
        Scripted(SendResult("ambiguous", code="timeout")),
    ]
)


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits (the Null channel)."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("the Null channel waits for nothing")


class Delivery(RuleBasedStateMachine):
    """Several workers, four tasks, three persons of whom one has a second channel."""

    flying: Bundle[Claimed] = Bundle("flying")
    late: Bundle[tuple[Claimed, SendResult]] = Bundle("late")

    def __init__(self) -> None:
        super().__init__()
        clock = ManualClock(MONDAY_0900)
        self.room = Room(DATABASES.database(clock), clock)
        self.second = Null(name="second")
        self.channels = {"null": self.room.null, "second": self.second}
        self.people = [
            self.room.person("wang"),
            self.room.person("li"),
            self.room.person("zhao", chats=("null", "second")),
        ]
        self.generation: Counter[str] = Counter({"t1": 1, "t2": 1, "t3": 1, "t4": 1})
        self.closed: set[str] = set()
        self.versions = 0
        self.numbers = 0

    # -- what tasks do -----------------------------------------------------------------------
    @rule(
        who=st.integers(0, 2),
        tasks=st.sets(TASKS, min_size=1),
        priority=st.sampled_from(["escalation", "new", "reminder", "digest"]),
    )
    def put(self, who: int, tasks: set[str], priority: rules.Priority) -> None:
        for task in sorted(tasks - self.closed):
            generation = self.generation[task]
            self.room.put(self.people[who], task, generation=generation, priority=priority)

    @rule(task=TASKS)
    def put_twice(self, task: str) -> None:
        if task not in self.closed:
            self.numbers += 1
            key = f"{task}:again:{self.numbers}"
            generation = self.generation[task]
            ids = {
                self.room.put(self.people[0], task, generation=generation, key=key)
                for _ in range(2)
            }
            assert len(ids) == 1

    @rule(tasks=st.sets(TASKS, min_size=1))
    def edit(self, tasks: set[str]) -> None:
        for task in sorted(tasks - self.closed):
            self.versions += 1
            self.room.edit(task, card(f"第 {self.versions} 版"), self.generation[task])

    @rule(task=TASKS)
    def close(self, task: str) -> None:
        self.generation[task] += 1
        self.closed.add(task)
        self.room.close(task, self.generation[task])

    @rule(task=TASKS)
    def reopen(self, task: str) -> None:
        if task in self.closed:
            self.generation[task] += 1
            self.closed.remove(task)

    # -- what workers do ---------------------------------------------------------------------
    @rule(target=flying, worker=st.sampled_from(["a", "b"]), limit=st.integers(1, 3))
    def claim_some(self, worker: str, limit: int) -> Any:
        taken = [*self._claim(worker, "null", limit), *self._claim(worker, "second", limit)]
        return multiple(*taken)

    def _claim(self, worker: str, channel: str, limit: int) -> list[Claimed]:
        now = self.room.clock.now()
        self._recover(channel)
        before = self._rows()
        taken = self.room.db.write_now(
            lambda tx: claim(tx, worker, channel, limit=limit, limits=LIMITS)
        )
        for each in taken:
            assert not self._passed_over(each, before, now)
        return taken

    @rule(
        claimed=consumes(flying),
        answer=ANSWERS,
        spread=st.integers(0, rules.SPREAD - 1),
        gone=st.booleans(),
    )
    def attempt(self, claimed: Claimed, answer: Scripted | None, spread: int, gone: bool) -> None:
        result = self._reach(claimed, answer)
        if gone and result.kind == "never" and claimed.message.person_id == self.people[2]:
            result = SendResult("never", gone=True)
        self._record(claimed, result, spread)

    @rule(target=late, claimed=consumes(flying), answer=ANSWERS, before=st.booleans())
    def freeze(self, claimed: Claimed, answer: Scripted | None, before: bool) -> Any:
        """The worker stops, either just before its call or just after it."""
        return claimed, None if before else self._reach(claimed, answer)

    @rule(_claimed=consumes(flying))
    def die_before_sending(self, _claimed: Claimed) -> None:
        """Nothing else happens: the lease will tell."""

    @rule(seconds=st.integers(31, 40))
    def lose_every_lease(self, seconds: int) -> None:
        self.room.clock.advance(seconds * SECOND)
        for name in self.channels:
            self._recover(name)

    @rule(
        frozen=consumes(late),
        answer=ANSWERS,
        spread=st.integers(0, rules.SPREAD - 1),
    )
    def thaw(
        self, frozen: tuple[Claimed, SendResult | None], answer: Scripted | None, spread: int
    ) -> None:
        claimed, result = frozen
        self._record(claimed, result or self._reach(claimed, answer), spread)

    @rule(seconds=st.sampled_from([1, 5, 31, 61, 600]))
    def wait(self, seconds: int) -> None:
        self.room.clock.advance(seconds * SECOND)

    # -- what must hold ----------------------------------------------------------------------
    @invariant()
    def one_row_per_key_and_one_message_under_way_per_person(self) -> None:
        unfinished = [row for row in self._rows() if row.state in {"pending", "sending"}]
        assert max(Counter(row.dedupe for row in unfinished).values(), default=0) <= 1
        under_way = [(r.channel, r.recipient) for r in unfinished if r.state == "sending"]
        assert max(Counter(under_way).values(), default=0) <= 1

    @invariant()
    def nobody_gets_more_than_the_window_allows(self) -> None:
        rows = self.room.db.read_now(lambda conn: conn.execute(select(attempts)).all())
        for person in {(row.channel, row.recipient) for row in rows}:
            mine = [row for row in rows if (row.channel, row.recipient) == person]
            assert _most_in_a_minute([row.begun_at for row in mine]) <= 4
            assert _most_in_a_minute([row.begun_at for row in mine if row.rings]) <= 2

    def teardown(self) -> None:
        try:
            self._drain()
            self.nobody_gets_more_than_the_window_allows()
            self._all_is_well()
        finally:
            self.room.db.close()
            DATABASES.drop(self.room.db.url)

    def _drain(self) -> None:
        for _ in range(400):
            for name in self.channels:
                while taken := self._claim("z", name, 20):
                    for each in taken:
                        self._record(each, self._reach(each, None), 0)
            if not [row for row in self._rows() if row.state in {"pending", "sending"}]:
                return
            self.room.clock.advance(20 * SECOND)
        raise AssertionError("messages are still waiting")

    def _all_is_well(self) -> None:
        rows = self._rows()
        assert {row.state for row in rows} <= {"sent", "superseded", "dead"}
        dead = [row.id for row in rows if row.state == "dead" and row.is_send]
        assert sorted(letter.message_id for letter in self.room.deaths) == sorted(dead)
        standing = self._surfaces()
        live = [s for s in standing if s.state == "live"]
        assert not [s for s in live if s.task_id in self.closed]
        per_person = Counter((s.task_id, s.channel, s.recipient) for s in live)
        assert max(per_person.values(), default=0) <= 1
        newest = {row.surface_id: row for row in rows if not row.is_send}
        for each in standing:
            if each.state != "lost":
                self._shows_what_was_asked(each, newest.get(each.id))

    def _shows_what_was_asked(self, here: Surface, edit: Message | None) -> None:
        phone = self.channels[here.channel].phone(here.recipient)
        (shown,) = [each for each in phone if each.ref == here.handle["ref"]]
        assert shown.card.closed == (here.state == "closed")
        if edit is not None:
            assert print_of(shown.card, edit.generation) == here.asked

    # -- means -------------------------------------------------------------------------------
    def _reach(self, claimed: Claimed, answer: Scripted | None) -> SendResult:
        channel = self.channels[claimed.message.channel]
        if answer is not None:
            channel.will(claimed.delivery.user_id, answer)
        if claimed.handle is None:
            return at_once(channel.send(claimed.delivery))
        return at_once(channel.edit(claimed.delivery, claimed.handle))

    def _recover(self, channel: str) -> None:
        self.room.db.write_now(lambda tx: recover(tx, channel, on_dead=self.room.on_dead))

    def _record(self, claimed: Claimed, result: SendResult, spread: int) -> None:
        """Record an end; a worker that lost its lease must not have changed the message."""
        before = self.room.message(claimed.message.id)
        mine = ("sending", claimed.worker, claimed.message.tries)
        holds = (before.state, before.lease_owner, before.tries) == mine
        kept = self.room.db.write_now(
            lambda tx: record(tx, claimed, result, on_dead=self.room.on_dead, spread=spread)
        )
        assert kept is holds
        after = self.room.message(claimed.message.id)
        assert (
            kept
            or (after.state, after.tries) == (before.state, before.tries)
            or (not after.is_send)
        )

    def _passed_over(self, taken: Claimed, before: list[Message], now: int) -> list[Message]:
        """Messages that should have gone to this person before `taken`, leaving limits aside."""
        mine = taken.message
        waiting = [
            row
            for row in before
            if (row.channel, row.recipient) == (mine.channel, mine.recipient)
            and row.state == "pending"
            and row.not_before <= now
            and row.is_send == mine.is_send
        ]
        return [row for row in waiting if (row.lane, row.seq) < (mine.lane, mine.seq)]

    def _rows(self) -> list[Message]:
        query = select(messages).order_by(messages.c.seq)
        return self.room.db.read_now(
            lambda conn: [of_row(row) for row in conn.execute(query).mappings()]
        )

    def _surfaces(self) -> list[Surface]:
        query = select(surfaces).order_by(surfaces.c.id)
        return self.room.db.read_now(
            lambda conn: [Surface(**row) for row in conn.execute(query).mappings()]
        )


def _most_in_a_minute(times: list[int]) -> int:
    return max((sum(t <= u < t + MINUTE for u in times) for t in times), default=0)


Delivery.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestDelivery = Delivery.TestCase
