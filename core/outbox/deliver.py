"""Delivery: claim → send (outside any transaction) → record, one engine step per channel.

A vendor that hangs delays only its own channel. A crash between send and record is covered by the
lease: the message goes again with the same content. Not for deciding what may go (claiming.py) or
what an answer means (recording.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select, union

from core.bus import OUTBOX
from core.clock import Instant, perf
from core.db import Database, Tx
from core.engine import Step, command_step
from core.ids import secret_token
from core.outbox import rules
from core.outbox.channel import Channel, SendResult
from core.outbox.claiming import Claimed, claim, next_due
from core.outbox.letters import OnDead, nobody_told
from core.outbox.recording import record, recover
from core.outbox.tables import PENDING, SENDING, messages

log = logging.getLogger(__name__)

AT_ONCE = 8  # sends of one channel under way at a time
PATIENCE_SECONDS = 12.0  # for one vendor call; with one burst well inside the lease and step limit
BURST_SECONDS = 10.0  # a run takes no new messages after this, so it ends inside its time limit
LOOK_AGAIN_SECONDS = 0.25  # while something slow is under way, new messages wait at most this long


@dataclass(slots=True)
class Deliverer:
    """Delivers the messages of one channel; `run` is the body of its engine step."""

    db: Database
    channel: Channel
    on_dead: OnDead = nobody_told
    limits: rules.Limits = field(default_factory=rules.Limits)
    retry: rules.Retry = field(default_factory=rules.Retry)
    worker: str = field(default_factory=lambda: secret_token(96))

    async def run(self) -> int:
        """Deliver what may go now, at most `AT_ONCE` at a time; how many attempts were made."""
        began, done = perf(), 0
        flying: set[asyncio.Task[None]] = set()
        ended: set[asyncio.Task[None]] = set()
        failed: BaseException | None = None
        try:
            while True:
                room = AT_ONCE - len(flying)
                worth_it = room >= AT_ONCE // 2 or not ended  # a claim costs a transaction
                if worth_it and failed is None and perf() - began < BURST_SECONDS:
                    flying |= await self._launch(room)
                if not flying:
                    break
                ended, flying = await asyncio.wait(
                    flying, timeout=LOOK_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                done += len(ended)
                failed = failed or next((each.exception() for each in ended), None)
        finally:
            await _abandon(flying)
        if failed is not None:  # the others were let to finish: a cancelled send is a doubtful one
            raise failed
        return done

    async def _launch(self, room: int) -> set[asyncio.Task[None]]:
        """Begin up to `room` sends. Asks a reader first: an idle outbox spares the Writer."""
        if room <= 0:
            return set()
        due = await self.db.read(lambda conn: next_due(conn, self.channel.name))
        if due is None or due > self.db.clock.now():
            return set()

        def take(tx: Tx) -> list[Claimed]:
            recover(tx, self.channel.name, on_dead=self.on_dead)
            return claim(tx, self.worker, self.channel.name, limit=room, limits=self.limits)

        claimed = await self.db.write(take)
        return {asyncio.create_task(self._deliver(each)) for each in claimed}

    async def _deliver(self, claimed: Claimed) -> None:
        result = await self._attempt(claimed)
        await self.db.write(
            lambda tx: record(tx, claimed, result, on_dead=self.on_dead, retry=self.retry)
        )

    async def _attempt(self, claimed: Claimed) -> SendResult:
        delivery = claimed.delivery
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if claimed.handle is None:
                    return await self.channel.send(delivery)
                if not self.channel.capabilities.edit:
                    return SendResult("never", code="no_edit", reason="这个渠道不能改已发出的卡片")
                return await self.channel.edit(delivery, claimed.handle)
        except TimeoutError:
            return SendResult("ambiguous", code="timeout", reason="对方没有在时限内回答")
        except Exception as problem:  # a bug in one vendor's file becomes a visible dead letter
            log.exception("channel_failed", extra={"channel": self.channel.name})
            return SendResult("ambiguous", code=type(problem).__name__, reason=str(problem))


async def _abandon(flying: set[asyncio.Task[None]]) -> None:
    """Only when the step is stopped: the lease covers what was on its way."""
    for task in flying:
        task.cancel()
    await asyncio.gather(*flying, return_exceptions=True)


def deliver_steps(
    db: Database,
    channels: Mapping[str, Channel],
    on_dead: OnDead = nobody_told,
    limits: Mapping[str, rules.Limits] | None = None,
) -> list[Step]:
    """One step per channel, and one that refuses messages of channels that are not wired in.

    `on_dead` runs in the transaction that ends the message, exactly once per death.
    """
    steps = []
    for name, channel in channels.items():
        own = (limits or {}).get(name, rules.Limits())
        deliverer = Deliverer(db, channel, on_dead, own)
        steps.append(Step(f"outbox-{name}", deliverer.run, _due(name), (OUTBOX,)))
    known = sorted(channels)
    steps.append(
        command_step(
            db,
            "outbox-stray",
            lambda tx: refuse_strays(tx, known, on_dead),
            lambda conn: _stray_due(conn, known),
            (OUTBOX,),
        )
    )
    return steps


def _due(name: str) -> Callable[[Connection], Instant | None]:
    return lambda conn: next_due(conn, name)


def _channels_with(state: ColumnElement[str]) -> Select[Any]:
    """The channels of the messages in `state`: from each to the next in the index, because a vendor
    that is down for a day leaves a hundred thousand messages of one channel between.
    """
    its = messages.c.channel
    least = select(its).where(messages.c.state == state).order_by(its).limit(1)
    walk = select(least.scalar_subquery().label("channel")).cte(recursive=True)
    then = least.where(its > walk.c.channel).scalar_subquery()
    walk = walk.union_all(select(then).where(walk.c.channel.is_not(None)))
    return select(walk.c.channel).where(walk.c.channel.is_not(None))


_CHANNELS = union(_channels_with(PENDING), _channels_with(SENDING))
_NOT_WIRED = SendResult("never", code="not_wired", reason="本机没有接通这个渠道")


def refuse_strays(tx: Tx, known: list[str], on_dead: OnDead) -> int:
    """Send messages of unknown channels on to the person's next channel, or let them die loudly."""
    first = _first_stray(tx.conn, known)
    if first is None or first[0] > tx.now:
        return 0
    _, channel = first
    recover(tx, channel, on_dead=on_dead)
    strays = claim(tx, "stray", channel, limits=rules.NO_LIMITS)
    for each in strays:
        record(tx, each, _NOT_WIRED, on_dead=on_dead)
    return len(strays)


def _first_stray(conn: Connection, known: list[str]) -> tuple[Instant, str] | None:
    """The channel that is none of `known` whose next message is due first, and when that is."""
    strays = [each for each in conn.execute(_CHANNELS).scalars() if each not in known]
    dues = [(next_due(conn, channel), channel) for channel in strays]
    return min(((due, channel) for due, channel in dues if due is not None), default=None)


def _stray_due(conn: Connection, known: list[str]) -> Instant | None:
    first = _first_stray(conn, known)
    return first and first[0]
