"""Deliberately broken products. The simulator must catch each; else its silence proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from core import calendar
from core.bus import TIMER
from core.db import Database, Tx
from core.engine import Step, command_step
from core.orders import replay
from core.orders.sales import ship, short
from core.outbox.channel import SendResult
from core.outbox.claiming import Claimed
from core.outbox.deliver import Deliverer
from core.outbox.recording import record
from core.stock import writing
from core.tasks import escalation
from core.tasks.change import load
from pda import session
from pda.catchup import CaughtUp, catch_up
from tests.simulation.day import Day
from tests.simulation.machine import every_step

Mutant = Callable[[Day], AbstractContextManager[None]]


@contextmanager
def lost_update(_day: Day) -> Iterator[None]:
    """Now and then somebody else's older balance overwrites the newer one."""
    whole, calls = writing._balance_rows, [0]

    def rows(*args: Any) -> Any:
        changed, added = whole(*args)
        calls[0] += 1
        if calls[0] % 7 == 0 and changed:
            changed[0] = (changed[0][0], 0, *changed[0][2:])
        return changed, added

    with patch.object(writing, "_balance_rows", rows):
        yield


@contextmanager
def _with_steps(day: Day, change: Callable[[Database, Step], Step | None]) -> Iterator[None]:
    def steps(db: Database, *rest: Any) -> list[Step]:
        found = [change(db, step) for step in every_step(db, *rest)]
        return [step for step in found if step is not None]

    day.machine.steps = steps
    yield


def _escalating(how: escalation.Firing) -> Mutant:
    def change(db: Database, step: Step) -> Step:
        if step.name != "escalation":
            return step
        return command_step(
            db,
            "escalation",
            lambda tx: escalation.fire(tx, 100, how),
            escalation.next_due,
            (TIMER,),
        )

    return lambda day: _with_steps(day, change)


drifts_from_now = _escalating(replace(escalation.EXACT, anchor=lambda _timer, now: now))
no_fence = _escalating(replace(escalation.EXACT, is_live=lambda _timer, task: task.is_live))


def done_before_effect(day: Day) -> AbstractContextManager[None]:
    """Timers are marked in a transaction of their own, before what they are for."""

    def change(db: Database, step: Step) -> Step:
        if step.name != "escalation":
            return step

        def take(tx: Tx) -> list[Any]:
            due = escalation.take_due(tx)
            live = [t for t in due if escalation.EXACT.is_live(t, load(tx.conn, t.task_id))]
            escalation.mark(tx, [each for each in due if each not in live], "stale", "")
            escalation.mark(tx, live, "fired", "acted")
            return live

        def effect(tx: Tx, live: list[Any]) -> int:
            for task_id in sorted({timer.task_id for timer in live}):
                mine = [timer for timer in live if timer.task_id == task_id]
                escalation.act(tx, load(tx.conn, task_id), mine)
            return len(live)

        async def run() -> int:
            live = await db.write(take)
            return await db.write(lambda tx: effect(tx, live)) if live else 0

        return replace(step, run=run)

    return _with_steps(day, change)


@contextmanager
def forgets_answers(_day: Day) -> Iterator[None]:
    """No operation id is remembered: a repeat is a new request."""

    def once(_tx: Any, _scope: Any, _key: Any, _content: Any, run: Any, **_how: Any) -> Any:
        return run()

    with patch.object(replay, "once", once), patch("core.actions.press.once", once):
        yield


@contextmanager
def sent_before_sending(_day: Day) -> Iterator[None]:
    """A message is marked as sent, then sent."""

    async def deliver(self: Deliverer, claimed: Claimed) -> None:
        hoped = SendResult("sent", handle={"ref": f"hoped-{claimed.message.id}"})
        await self.db.write(lambda tx: record(tx, claimed, hoped, on_dead=self.on_dead))
        await self._attempt(claimed)

    with patch.object(Deliverer, "_deliver", deliver):
        yield


@contextmanager
def resumes_from_the_head(_day: Day) -> Iterator[None]:
    """Whoever comes back hears only what follows."""

    def head_only(conn: Any, person: int, epoch: str | None, cursor: int | None) -> CaughtUp:
        found = catch_up(conn, person, epoch, cursor)
        return replace(found, missed=()) if found.tasks is None else found

    with patch.object(session, "catch_up", head_only):
        yield


def promises_for_ever(day: Day) -> AbstractContextManager[None]:
    """Nobody takes back a reservation that ran out."""
    return _with_steps(day, lambda _db, step: None if step.name == "reservations" else step)


@contextmanager
def ignores_leave(_day: Day) -> Iterator[None]:
    """Cards wait for people who are away, whoever stands in for them."""
    with patch.object(calendar, "away", lambda *_: set()):
        yield


def nobody_fills(day: Day) -> AbstractContextManager[None]:
    """Goods come, and nobody gives them to the orders that wait."""
    return _with_steps(day, lambda _db, step: None if step.name == "fill_sales" else step)


@contextmanager
def short_keeps_promise(_day: Day) -> Iterator[None]:
    """What a picker did not find stays promised to his order."""
    with patch.object(short, "release_part", lambda *_: 0):
        yield


@contextmanager
def ships_what_is_not_packed(_day: Day) -> Iterator[None]:
    """Boxes leave the paper, the goods stay at the door."""
    with patch.object(ship, "post_new", lambda *_: None):
        yield


# name → the product, and what the auditor says of it
MUTANTS: dict[str, tuple[Mutant, str]] = {
    "lost update": (lost_update, r"its moves make"),
    "drifts from now": (drifts_from_now, r"drifted to"),
    "no fence": (
        no_fence,
        r"came after rung|left out|may not be before|drifted|reminded of|stood still",
    ),
    "done before effect": (done_before_effect, r"for nothing|was left out|was due and"),
    "forgets answers": (forgets_answers, r"its repeat was refused|was refused and posted"),
    "sent before sending": (sent_before_sending, r"stands on no phone"),
    "resumes from the head": (resumes_from_the_head, r"resumed to|shows"),
    "promises for ever": (promises_for_ever, r"ran out and is still open"),
    "ignores leave": (ignores_leave, r"stood in"),
    "nobody fills": (nobody_fills, r"lies free"),
    "short keeps promise": (short_keeps_promise, r"is over and its goods"),
    "ships what is not packed": (ships_what_is_not_packed, r"too few|moved 0|by moves"),
}
