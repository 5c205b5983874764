"""A chat vendor and everybody's phone, as a double of the Channel port that misbehaves.

It accepts and then times out, refuses, forgets, is slow, throws, or takes the whole process down
with it; the mix comes from the seed. What a person sees is kept here and survives our crashes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any

from core.outbox.card import Card
from core.outbox.channel import Capabilities, Delivery, SendResult

TOO_LONG = 20.0  # seconds; the deliverer gives up before
AT_ONCE = {
    "busy": SendResult("later", code="429"),
    "busy for long": SendResult("later", retry_after_s=40, code="429"),
    "account busy": SendResult("later", retry_after_s=30, code="45009", scope="account"),
    "refuses": SendResult("never", code="40058", reason="坏卡片"),
}


@dataclass(slots=True)
class Shown:
    """One card on one phone as it looks now."""

    ref: str
    login: str
    card_id: str
    task_id: str
    card: Card
    tokens: Mapping[str, str]
    changes: int = 0


@dataclass(slots=True)
class Phones:
    """The vendor. `mood` maps a misbehaviour to how likely it is; without one it is perfect."""

    rng: Random
    mood: dict[str, float] = field(default_factory=dict)
    crash: Callable[[str], None] = lambda _: None
    phones: dict[str, list[Shown]] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)
    name: str = "chat"
    capabilities: Capabilities = field(default_factory=Capabilities)
    _refs: int = 0

    def live(self, login: str) -> list[Shown]:
        """The cards that still ask this person for something."""
        return [shown for shown in self.phones.get(login, ()) if not shown.card.closed]

    async def send(self, delivery: Delivery) -> SendResult:
        return await self._answer(lambda: self._arrives(delivery))

    async def edit(self, delivery: Delivery, handle: Mapping[str, Any]) -> SendResult:
        return await self._answer(lambda: self._changes(delivery, str(handle.get("ref"))))

    async def _answer(self, arrive: Callable[[], SendResult]) -> SendResult:
        way = self._way()
        self.happened[way] += 1
        if way in AT_ONCE:
            return AT_ONCE[way]
        if way in ("accepts, no answer", "accepts, unsure", "crash after"):
            arrive()
        match way:
            case "slow":
                await asyncio.sleep(self.rng.uniform(0.2, 9.0))
            case "accepts, no answer" | "drops":
                await asyncio.sleep(TOO_LONG)
                raise AssertionError("the deliverer waits for ever")
            case "accepts, unsure":
                return SendResult("ambiguous", code="timeout")
            case "breaks":
                raise RuntimeError("a bug in a vendor's file")
            case "crash before" | "crash after":
                self.crash(f"{way.removeprefix('crash ')} sending")
                await asyncio.get_running_loop().create_future()
        return arrive()

    def _way(self) -> str:
        point = self.rng.random()
        for way, share in self.mood.items():
            if point < share:
                return way
            point -= share
        return "well"

    def _arrives(self, delivery: Delivery) -> SendResult:
        mine = self.phones.setdefault(delivery.user_id, [])
        known = next((each for each in mine if each.card_id == delivery.card_id), None)
        if known is not None:  # as WeCom's duplicate check
            self.happened["repeat dropped"] += 1
            return SendResult("sent", handle={"ref": known.ref})
        self._refs += 1
        ref = f"card-{self._refs}"
        mine.append(
            Shown(
                ref,
                delivery.user_id,
                delivery.card_id,
                delivery.task_id,
                delivery.card,
                delivery.tokens,
            )
        )
        return SendResult("sent", handle={"ref": ref})

    def _changes(self, delivery: Delivery, ref: str) -> SendResult:
        mine = self.phones.get(delivery.user_id, [])
        shown = next((each for each in mine if each.ref == ref), None)
        if shown is None:
            return SendResult("never", code="no_card")
        shown.card, shown.tokens = delivery.card, delivery.tokens
        shown.changes += 1
        return SendResult("sent")
