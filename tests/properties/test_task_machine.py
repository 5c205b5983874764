"""The task machine: random histories over the real SQL, with crashes and a clock that jumps.

The model is small: it reads the event log and knows, for each task, the moment of its next rung.
Three mutants of the engine (no fence, drift from now, done before effect) must be caught by the
same machine: they are the tests of this test.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from core import calendar
from core.clock import HOUR, MINUTE, Instant, ManualClock
from core.db import Tx
from core.errors import AppError
from core.events import Event, read_after
from core.people import Actor
from core.tasks import board, escalation, hold, pause
from core.tasks.change import load
from core.tasks.policy import CLAIM, WORKING, Policy, Rung
from core.tasks.rules import plan
from core.tasks.tables import timers
from core.tasks.timers import Timer, left_until, reckoner
from tests.core.task_room import Room
from tests.databases import DATABASES, MONDAY_0900

POLICIES = (
    Policy(
        "natural",
        2 * HOUR,
        remind=(30 * MINUTE,),
        claim_expires=90 * MINUTE,
        rungs=(
            Rung(20 * MINUTE, ("role:supervisor",), stop_on=CLAIM),
            Rung(HOUR, ("role:director",), repeat_every=15 * MINUTE, repeat_times=3),
            Rung(40 * MINUTE, ("role:admin",)),
        ),
    ),
    Policy(
        "working",
        4 * HOUR,
        WORKING,
        remind=(HOUR,),
        rungs=(
            Rung(3 * HOUR, ("role:supervisor",), WORKING),
            Rung(2 * HOUR, ("role:director",), WORKING, repeat_every=HOUR, repeat_times=2),
        ),
    ),
)
EXAMPLES = int(os.environ.get("JIELI_TEST_EXAMPLES", "40"))  # nightly: thousands
JUMPS = (1, MINUTE, 14 * MINUTE, 20 * MINUTE, HOUR, 3 * HOUR, 26 * HOUR)


class CrashError(Exception):
    """The machine stops after the work and before the commit."""


@dataclass
class Expected:
    """What the model knows of one task: when its next rung comes, and what it has seen."""

    policy: Policy
    base: Instant
    level: int
    coming: Instant | None
    left: Instant = 0
    claimed: bool = False
    untouched: bool = True


class Machine(RuleBasedStateMachine):
    """The engine as it ships. Mutants override `how` and `fire_once`."""

    how: ClassVar[escalation.Firing] = escalation.EXACT

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(MONDAY_0900)
        self.db = DATABASES.database(self.clock)
        self.room = Room(self.db, self.clock)
        self.cal = self.db.read_now(lambda conn: calendar.load(conn, "cn"))
        names = (("李", "buyer"), ("周", "supervisor"), ("陈", "director"), ("管", "admin"))
        self.people = [self.room.person(name, role, phone=False) for name, role in names]
        self.known: dict[str, Expected] = {}
        self.ids: list[str] = []
        self.generations: dict[str, int] = {}
        self.levels: dict[tuple[str, int], int] = {}
        self.seen = 0
        self.fired: set[int] = set()

    # -- what people do ----------------------------------------------------------------------
    @initialize()
    def begin(self) -> None:
        self.open(POLICIES[0])

    @precondition(lambda self: len(self.ids) < 4)
    @rule(policy=st.sampled_from(POLICIES))
    def open(self, policy: Policy) -> None:
        self.ids.append(self.room.open("role:buyer", policy=policy).id)

    @rule(data=st.data(), verb=st.sampled_from(("claim", "put_back", "snooze", "pause", "resume")))
    def touch(self, data: st.DataObject, verb: str) -> None:
        task, actor = self._pick(data)
        until = self.clock.now() + data.draw(st.sampled_from(JUMPS[1:]))
        commands: dict[str, Callable[[Tx], object]] = {
            "claim": lambda tx: hold.claim(tx, actor, task),
            "put_back": lambda tx: hold.put_back(tx, actor, task),
            "snooze": lambda tx: pause.snooze(tx, actor, task, until),
            "pause": lambda tx: pause.pause(tx, actor, task, "等货"),
            "resume": lambda tx: pause.resume(tx, actor, task),
        }
        self._attempt(commands[verb], crash=data.draw(st.booleans()))

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        task, actor = self._pick(data)
        self._attempt(_closing(actor, task, None), crash=data.draw(st.booleans()))

    @rule(data=st.data())
    def reopen(self, data: st.DataObject) -> None:
        task, actor = self._pick(data)
        self._attempt(lambda tx: board.reopen(tx, actor, task, "再看"), crash=False)

    @rule(data=st.data())
    def click_an_old_button(self, data: st.DataObject) -> None:
        task, actor = self._pick(data)
        before = self.db.read_now(lambda conn: load(conn, task))
        with pytest.raises(AppError):
            self.room.do(_closing(actor, task, before.generation - 1))
        assert self.db.read_now(lambda conn: load(conn, task)) == before

    # -- time and the engine -----------------------------------------------------------------
    @rule(by=st.sampled_from(JUMPS))
    def time_passes(self, by: Instant) -> None:
        self.clock.advance(by)

    @rule(by=st.sampled_from((MINUTE, 50 * MINUTE)))
    def clock_steps_back(self, by: Instant) -> None:
        self.clock.advance(-by)

    @rule(limit=st.sampled_from((1, 2, 100)), crash=st.booleans())
    def fire(self, limit: int, crash: bool) -> None:
        retired = {task: self._generation(task) for task in self.ids}
        with suppress(CrashError):
            self.fire_once(limit, crash=crash)
        self._look_at_timers(retired)

    def fire_once(self, limit: int, *, crash: bool) -> int:
        def command(tx: Tx) -> int:
            done = escalation.fire(tx, limit, self.how)
            if crash:
                raise CrashError
            return done

        return self.db.write_now(command)

    # -- what must always hold ---------------------------------------------------------------
    @invariant()
    def the_log_agrees_with_the_model(self) -> None:
        log = self.db.read_now(lambda conn: read_after(conn, self.seen, 10_000))
        for event in log:
            self.seen = event.seq
            if event.kind.startswith("task."):
                self._follow(event)
        for task in self.ids:
            self._level_never_falls(task)

    @invariant()
    def one_row_per_task_generation_and_key(self) -> None:
        keys = (timers.c.task_id, timers.c.generation, timers.c.key)
        query = select(timers.c.key).group_by(*keys).having(func.count() > 1).limit(1)
        assert self.db.read_now(lambda conn: conn.execute(query).first()) is None

    @invariant()
    def every_rung_that_was_marked_had_its_effect(self) -> None:
        climbs = select(func.count()).where(
            timers.c.outcome == "acted", timers.c.key.like("L_"), timers.c.state == "fired"
        )
        marked = self.db.read_now(lambda conn: conn.execute(climbs).scalar_one())
        assert marked == len(self.room.events("task.escalated")), "an effect was lost"

    def teardown(self) -> None:
        """Drain: what was planned for the untouched is exactly what fired."""
        try:
            self._drain()
            self.the_log_agrees_with_the_model()
            for task, expected in self.known.items():
                self._check_drained(task, expected)
        finally:
            self.db.close()
            DATABASES.drop(self.db.url)

    # -- the model ---------------------------------------------------------------------------
    def _follow(self, event: Event) -> None:
        task_id = event.payload["task"]["id"]
        verb = event.kind.removeprefix("task.")
        if verb in ("opened", "reopened"):
            policy = POLICIES[0] if self._policy(task_id) == "natural" else POLICIES[1]
            first = self._add(policy.rungs[0], event.recorded_at)
            untouched = verb == "opened"
            self.known[task_id] = Expected(policy, event.recorded_at, 0, first, untouched=untouched)
            return
        model = self.known[task_id]
        if verb not in ("escalated", "reminded", "overdue"):
            model.untouched = False
        if verb == "escalated":
            self._climb(model, event.payload)
        elif verb == "paused" and model.coming is not None:
            model.left = self._left(model, event.recorded_at)
        elif verb == "resumed" and model.coming is not None:
            clock = model.policy.rungs[model.level].clock
            model.coming = self._reckon(clock, event.recorded_at, model.left)
        model.claimed = event.payload["task"]["state"] == "claimed"

    def _climb(self, model: Expected, payload: dict[str, Any]) -> None:
        """Exactly the next rung, at its planned moment; only a claim may pass rungs over."""
        level, planned = payload["level"], payload["planned_us"]
        assert level > model.level, "a rung was doubled"
        while model.level + 1 < level:
            passed = model.policy.rungs[model.level]
            assert model.claimed, "a rung was skipped"
            assert passed.stop_on == CLAIM, "a rung was skipped"
            self._advance(model)
        assert planned == model.coming, "the plan has drifted"
        self._advance(model)

    def _advance(self, model: Expected) -> None:
        assert model.coming is not None
        model.level += 1
        rungs = model.policy.rungs[model.level :]
        model.coming = self._add(rungs[0], model.coming) if rungs else None

    def _add(self, rung: Rung, start: Instant) -> Instant:
        return self._reckon(rung.clock, start, rung.after)

    def _reckon(self, clock: str, start: Instant, duration: Instant) -> Instant:
        if clock == WORKING:
            return calendar.add_working(self.cal, start, duration)
        return start + duration

    def _left(self, model: Expected, now: Instant) -> Instant:
        assert model.coming is not None
        clock, coming = model.policy.rungs[model.level].clock, model.coming
        return self.db.read_now(lambda conn: left_until(conn, "cn", clock, now, coming))

    # -- observing ---------------------------------------------------------------------------
    def _look_at_timers(self, before: dict[str, int]) -> None:
        query = select(timers).where(timers.c.state == "fired").limit(5000)
        for row in self.db.read_now(lambda conn: conn.execute(query).all()):
            if row.id in self.fired:
                continue
            self.fired.add(row.id)
            assert row.fired_us >= row.planned_us, "fired early"
            assert row.fired_us >= row.due_us or row.outcome == "collapsed", "fired early"
            assert row.generation >= before[row.task_id], "an old generation acted"

    def _level_never_falls(self, task: str) -> None:
        now = self.db.read_now(lambda conn: load(conn, task))
        key = (task, now.generation)
        assert now.level >= self.levels.get(key, 0)
        self.levels[key] = now.level

    def _check_drained(self, task: str, expected: Expected) -> None:
        now = self.db.read_now(lambda conn: load(conn, task))
        if now.is_live:
            assert now.level == len(expected.policy.rungs), "a rung was lost"
        if expected.untouched:
            reckon = self._reckon_both
            planned = {
                (each.key, each.planned) for each in plan(expected.policy, expected.base, reckon)
            }
            assert set(self.room.fired(now)) == planned

    def _reckon_both(self, clock: str, start: Instant, duration: Instant) -> Instant:
        return self.db.read_now(lambda conn: reckoner(conn, "cn")(clock, start, duration))

    def _drain(self) -> None:
        for _ in range(400):
            due = self.db.read_now(escalation.next_due)
            if due is None:
                return
            self.clock.move_to(max(due, self.clock.now()))
            self.fire(100, crash=False)
        raise AssertionError("the engine never comes to rest")

    def _policy(self, task: str) -> str:
        return self.db.read_now(lambda conn: load(conn, task)).policy.code

    def _generation(self, task: str) -> int:
        return self.db.read_now(lambda conn: load(conn, task)).generation

    def _pick(self, data: st.DataObject) -> tuple[str, Actor]:
        return data.draw(st.sampled_from(self.ids)), data.draw(st.sampled_from(self.people))

    def _attempt(self, command: Callable[[Tx], object], *, crash: bool) -> None:
        def attempt(tx: Tx) -> None:
            command(tx)
            if crash:
                raise CrashError

        try:
            self.room.do(attempt)
        except (AppError, CrashError):
            return  # refused or rolled back: the invariants see that nothing has changed


def _closing(actor: Actor, task: str, generation: int | None) -> Callable[[Tx], object]:
    return lambda tx: board.close_task(
        tx, actor, task, generation, outcome={}, sentence="退回供应商"
    )


class WithoutFence(Machine):
    """Mutant: a timer acts whatever generation it was written for."""

    how = replace(escalation.EXACT, is_live=lambda _timer, _task: True)


class DriftsFromNow(Machine):
    """Mutant: the next rung counts from when this one happened to fire."""

    how = replace(escalation.EXACT, anchor=lambda _timer, now: now)


class DoneBeforeEffect(Machine):
    """Mutant: timers are marked in a transaction of their own, before their effect."""

    def fire_once(self, limit: int, *, crash: bool) -> int:
        def take(tx: Tx) -> list[Timer]:
            due = escalation.take_due(tx, limit)
            live = [each for each in due if self.how.is_live(each, load(tx.conn, each.task_id))]
            escalation.mark(tx, [each for each in due if each not in live], "stale", "")
            escalation.mark(tx, live, "fired", "acted")
            return live

        due = self.db.write_now(take)

        def effect(tx: Tx) -> None:
            for task in sorted({timer.task_id for timer in due}):
                mine = [timer for timer in due if timer.task_id == task]
                escalation.act(tx, load(tx.conn, task), mine)
            if crash:
                raise CrashError

        self.db.write_now(effect)
        return len(due)


def run(machine: type[Machine], examples: int, *, shrink: bool) -> None:
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    chosen = settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=chosen)


def test_the_engine_keeps_its_promises() -> None:
    run(Machine, EXAMPLES, shrink=True)


@pytest.mark.parametrize(
    ("mutant", "broken"),
    [
        (WithoutFence, "an old generation acted"),
        (DriftsFromNow, "the plan has drifted"),
        (DoneBeforeEffect, "an effect was lost|a rung was lost"),
    ],
)
def test_a_broken_engine_is_caught(mutant: type[Machine], broken: str) -> None:
    """Caught by the promise that it breaks, not by accident."""
    with pytest.raises(AssertionError, match=broken):
        run(mutant, 60, shrink=False)
