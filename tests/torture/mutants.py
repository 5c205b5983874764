"""Servers that are broken on purpose: each harness must catch its own, or it proves nothing.

A process of tests/stories/warm_server.py becomes one when TORTURE_MUTANT names it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from typing import Any

import orjson

import api.main
import pda.session
from core.bus import Bus
from core.db import Committed
from core.events import Event
from core.feed import Feed
from pda.catchup import catch_up


def become(name: str) -> None:
    """Turn this process into the mutant called `name`; empty: stay sound."""
    if name:
        MUTANTS[name]()


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


MUTANTS: dict[str, Callable[[], None]] = {
    "skips-the-gap": skips_the_gap,
    "hints-are-the-data": hints_are_the_data,
}
