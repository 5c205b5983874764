"""The product, broken on purpose: what a death at one of *these* lines does must be caught.

Each splits what belongs into one transaction, the way it is often written elsewhere.
"""

from __future__ import annotations

from itertools import groupby

from api import engine_steps
from core import once
from core.db import Database, Tx
from core.engine import Step
from core.outbox.channel import SendResult
from core.outbox.claiming import Claimed
from core.outbox.deliver import Deliverer
from core.outbox.recording import record
from core.tasks import escalation
from core.tasks.change import load
from core.tasks.timers import Timer
from tests.torture.crash_unit import Effect

FILE = "tests/torture/crash_mutants.py"


async def remembers_too_late(db: Database, key: str, effect: Effect) -> str:
    """The effect commits, then the key that would have recognised the repeat."""
    known = await db.read(lambda conn: once.answer_of(conn, "torture", key))
    if known is not None:
        return str(known["did"])
    did = await db.write(effect)
    await db.write(lambda tx: once.once(tx, "torture", key, {"key": key}, lambda: {"did": did}))
    return did


async def _says_sent_first(self: Deliverer, claimed: Claimed) -> None:
    """The message counts as sent before the vendor has it."""
    sent = SendResult("sent", handle={"ref": claimed.delivery.card_id})
    await self.db.write(lambda tx: record(tx, claimed, sent, on_dead=self.on_dead))
    await self._attempt(claimed)


def _marks_first(db: Database) -> Step:
    """Timers count as fired in one transaction, what they cause is done in the next."""

    def take(tx: Tx) -> list[Timer]:
        taken = escalation.take_due(tx)
        escalation.mark(tx, taken, "fired", "acted")
        return taken

    async def run() -> int:
        taken = await db.write(take)

        def act(tx: Tx) -> None:
            for task_id, group in groupby(taken, lambda timer: timer.task_id):
                escalation.act(tx, load(tx.conn, task_id), list(group))

        await db.write(act)
        return len(taken)

    return Step("escalation", run, escalation.next_due)


MUTANTS = {"remembers-too-late": remembers_too_late}


def break_it(mutant: str) -> None:
    """Put the broken part in its place, in this process."""
    if mutant == "says-sent-first":
        Deliverer._deliver = _says_sent_first  # type: ignore[method-assign]
    elif mutant == "marks-first":
        engine_steps.__dict__["escalation_step"] = _marks_first
    else:
        assert mutant in MUTANTS, mutant
