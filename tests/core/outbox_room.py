"""A room for outbox tests: people with phones, one Null channel, and the deliverer.

Not a fake of our own code: the tables, the queue and the deliverer are the real ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from core.clock import ManualClock
from core.db import Database, Tx
from core.outbox import rules
from core.outbox.card import Button, Card, Fact
from core.outbox.channel import Channel
from core.outbox.claiming import Claimed, claim
from core.outbox.deliver import Deliverer, deliver_steps
from core.outbox.letters import DeadLetter, OnDead
from core.outbox.messages import Message, find_message
from core.outbox.null import Null
from core.outbox.queue import Outgoing, edit_everywhere, put
from core.people import ENGINE, NewPerson, add_person, bind_chat


def card(title: str = "质检不合格", *, buttons: bool = True) -> Card:
    """An ordinary card with two verbs."""
    verbs = (Button("return", "退回供应商", "danger"), Button("keep", "让步接收", "primary"))
    return Card(title, "张江仓等结果", (Fact("数量", "24 箱"),), verbs if buttons else ())


def closed(result: str = "已由 李某 处理:退回供应商(16:21)") -> Card:
    return card().ended(result)


@dataclass
class Room:
    """Everything a test of delivery needs, in the words of the tests."""

    db: Database
    clock: ManualClock
    null: Null = field(default_factory=Null)
    channels: dict[str, Channel] = field(default_factory=dict)
    deaths: list[DeadLetter] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.channels["null"] = self.null

    def person(
        self,
        name: str,
        *,
        chats: tuple[str, ...] = ("null",),
        quiet: tuple[int, int] | None = None,
    ) -> int:
        """A person with an account named like the person on each of `chats`."""
        quiet_from, quiet_to = quiet or (None, None)
        new = NewPerson(name, name, ("buyer",), quiet_from=quiet_from, quiet_to=quiet_to)
        person_id = self.db.write_now(lambda tx: add_person(tx, ENGINE, new))

        def bind(tx: Tx) -> None:
            for chat in chats:
                bind_chat(tx, ENGINE, person_id, chat, name)

        self.db.write_now(bind)
        return person_id

    def put(
        self,
        person_id: int,
        task: str = "t1",
        *,
        generation: int = 1,
        priority: rules.Priority = "new",
        urgent: bool = False,
        expires_us: int | None = None,
        key: str = "",
        say: Card | None = None,
        can_wait: int = 0,
    ) -> str | None:
        out = Outgoing(
            task_id=task,
            generation=generation,
            person_id=person_id,
            card=say or card(),
            key=key or f"{task}:{generation}:{next(self._numbers)}:{person_id}",
            priority=priority,
            urgent=urgent,
            expires_us=expires_us,
            can_wait=can_wait,
        )
        return self.db.write_now(lambda tx: put(tx, out))

    def edit(self, task: str, say: Callable[[int], Card] | Card, generation: int = 1) -> int:
        card_for = say if callable(say) else lambda _: say
        return self.db.write_now(
            lambda tx: edit_everywhere(tx, task, card_for, generation=generation)
        )

    def close(self, task: str, generation: int) -> None:
        """What the board does when somebody has answered."""
        self.db.write_now(
            lambda tx: edit_everywhere(
                tx, task, lambda _: closed(), generation=generation, drop_older=True
            )
        )

    def claim(self, worker: str = "a", limit: int = 20) -> list[Claimed]:
        return self.db.write_now(lambda tx: claim(tx, worker, "null", limit=limit))

    def message(self, message_id: str | None) -> Message:
        assert message_id is not None
        found = self.db.read_now(lambda conn: find_message(conn, message_id))
        assert found is not None
        return found

    @property
    def on_dead(self) -> OnDead:
        return lambda _, letter: self.deaths.append(letter)

    async def deliver(self) -> int:
        """Everything that may go now goes."""
        steps = deliver_steps(self.db, self.channels, self.on_dead)
        total = 0
        while done := sum([await step.run() for step in steps]):
            total += done
        return total

    def deliverer(self) -> Deliverer:
        return Deliverer(self.db, self.null, self.on_dead)
