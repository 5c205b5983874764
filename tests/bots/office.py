"""Two people on a vendor's app behind the real outbox: queue, deliver, change, wait."""

from __future__ import annotations

from collections.abc import Mapping

from core.bus import Bus
from core.clock import ManualClock
from core.db import Database, Tx
from core.engine import Engine
from core.outbox import rules
from core.outbox.card import Card
from core.outbox.channel import Channel
from core.outbox.deliver import deliver_steps
from core.outbox.queue import Outgoing, edit_everywhere, put
from core.people import ENGINE, NewPerson, add_person, bind_chat
from tests.bots.conftest import CARD

TASK = "7" * 32


class Outboxed:
    """A database with people, and an engine that delivers to them.

    `accounts`: by name, the user id on each channel, the preferred first.
    """

    def __init__(
        self,
        db: Database,
        clock: ManualClock,
        channels: Mapping[str, Channel],
        accounts: Mapping[str, Mapping[str, str]],
        limits: Mapping[str, rules.Limits] | None = None,
    ) -> None:
        self.db, self.clock = db, clock
        steps = deliver_steps(db, dict(channels), limits=limits)
        self.engine = Engine(db, clock, Bus(), steps)
        self.people = [self._person(name, known) for name, known in accounts.items()]

    def _person(self, name: str, known: Mapping[str, str]) -> int:
        def make(tx: Tx) -> int:
            login = next(iter(known.values())).lower()
            person_id = add_person(tx, ENGINE, NewPerson(login, name, ("buyer",)))
            for channel, user_id in known.items():
                bind_chat(tx, ENGINE, person_id, channel, user_id)
            return person_id

        return self.db.write_now(make)

    async def send(self, card: Card = CARD, task: str = TASK) -> None:
        """One card to everybody."""

        def queue(tx: Tx) -> None:
            for person_id in self.people:
                put(tx, Outgoing(task, 1, person_id, card, key=f"{task}/1/{person_id}"))

        await self.db.write(queue)
        await self.engine.drain()

    async def change(self, card: Card, generation: int = 2) -> None:
        """What the cards of `TASK` show from now on."""
        await self.db.write(
            lambda tx: edit_everywhere(tx, TASK, lambda _: card, generation=generation)
        )
        await self.engine.drain()

    async def wait(self, duration: int) -> None:
        """µs; what is due then goes."""
        self.clock.advance(duration)
        await self.engine.drain()
