"""Servers that are broken on purpose: each harness must catch its own, or it proves nothing.

A process of tests/stories/warm_server.py becomes one when TORTURE_MUTANT names it.
"""

from __future__ import annotations

import os
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from typing import Any

import orjson
from sqlalchemy import Pool, bindparam, select
from sqlalchemy.event import listens_for

import api.main
import pda.session
from core.bus import Bus
from core.clock import SECOND, Instant
from core.db import Committed
from core.events import Event
from core.feed import Feed
from core.outbox import deliver, recording, rules
from core.outbox.tables import messages
from pda.catchup import catch_up
from pda.session import Session


def become(name: str) -> None:
    """Turn this process into the mutants called `name`, with commas; empty: stay sound."""
    for each in filter(None, name.split(",")):
        MUTANTS[each]()


def skips_the_gap() -> None:
    """Resumes a scanner at the newest event without telling it what it missed."""

    def mutant(*asked: Any) -> Any:
        return replace(catch_up(*asked), missed=())

    vars(pda.session)["catch_up"] = mutant


def hints_are_the_data() -> None:
    """Sends each event inside the hint and never reads the log: what Redis drops is gone."""
    feeds: list[Feed] = []
    build, hear = api.main.build, Bus.hear

    def build_and_know(*parts: Any) -> Any:
        jieli = build(*parts)
        feeds.append(jieli.feed)
        return jieli

    def after_commit(jieli: Any, committed: Committed) -> None:
        told = [fact for fact in committed.news if isinstance(fact, Event)]
        jieli.feed.committed(told)
        jieli.bus.wake(committed.wakes)
        packed = (b64encode(orjson.dumps(asdict(event))).decode() for event in told)
        jieli.bus.tell_others(f"event:{each}" for each in packed)

    def hear_events(bus: Bus, topics: Iterable[str]) -> None:
        topics = tuple(topics)
        for each in topics:
            kind, _, packed = each.partition(":")
            if kind == "event":
                fields = orjson.loads(b64decode(packed))
                feeds[0]._tell([Event(**fields)])
        hear(bus, topics)

    vars(api.main).update(build=build_and_know, _after_commit=after_commit)
    type.__setattr__(Feed, "committed", Feed._tell)
    type.__setattr__(Feed, "_read", lambda _feed: None)
    type.__setattr__(Bus, "hear", hear_events)


def keeps_what_left() -> None:
    """Leaves a descriptor and a hundred kilobytes behind for every connection."""
    kept: list[Any] = []
    init = Session.__init__

    def remember(session: Session, *parts: Any) -> None:
        kept.append((os.dup(0), b"x" * 100_000))
        init(session, *parts)

    type.__setattr__(Session, "__init__", remember)


def small_caches() -> None:
    """Not broken: SQLite's page caches, which fill for as long as the database grows, are full at
    once, so that whatever still grows is ours."""

    @listens_for(Pool, "checkout")
    def shrink(connection: Any, record: Any, _: object) -> None:
        if isinstance(connection, sqlite3.Connection) and "shrunk" not in record.info:
            record.info["shrunk"] = True
            connection.execute("PRAGMA cache_size=-1024")
            connection.execute("PRAGMA mmap_size=0")


SHORT_LEASE: Instant = 5 * SECOND // 2


def short_lease() -> None:
    """Not broken: a lease of seconds, so that five hundred may run out in minutes."""
    vars(rules)["LEASE"] = SHORT_LEASE
    vars(deliver).update(PATIENCE_SECONDS=2.0, BURST_SECONDS=1.0)


def no_fence() -> None:
    """Records a delivery without asking whether the lease is still its own."""
    unfenced = select(messages).where(messages.c.id == bindparam("id_"))
    vars(recording)["_FENCED"] = unfenced


MUTANTS: dict[str, Callable[[], None]] = {
    "skips-the-gap": skips_the_gap,
    "hints-are-the-data": hints_are_the_data,
    "short-lease": short_lease,
    "no-fence": no_fence,
    "small-caches": small_caches,
    "keeps-what-left": keeps_what_left,
}
