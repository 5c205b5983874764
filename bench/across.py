"""A task that is answered at one web process, gone from the scanner at another (issue G3).

Two web and two worker processes on one PostgreSQL; what happened at the first is a hint by NOTIFY,
or by Redis, to the second. 1,000 scanners at the second, 50 tasks a second handed over at the first
in an open loop; from when each was due to the frame that takes it from its scanner.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack

import orjson

from bench.arena import Arena, serving
from bench.guns import Guns
from bench.machine import pause, percentile
from bench.push import (
    COLD_POSTS,
    SINGLE_PER_SECOND,
    SINGLE_POSTS,
    devices,
    persons,
    post,
    task_of,
)
from bench.table import Gate, Result, milliseconds
from bench.wire import open_loop

SCANNERS = 1_000
WORKER = (sys.executable, "-m", "api.cli", "worker")


def across(arena: Arena, hints: str, redis_url: str = "") -> Result:
    """One line; `hints` names the way that `redis_url` chooses."""
    posts = COLD_POSTS + SINGLE_POSTS
    everybody = persons(arena, SCANNERS)
    holders = [everybody[n * 7919 % SCANNERS] for n in range(posts)]
    tasks = [task_of(arena, each) for each in holders]
    notes = arena.folder / "across"

    def hand_over(n: int) -> bytes:
        return post(arena, f"/api/tasks/{tasks[n]}/hand-over", {"to_person": arena.admin})

    with ExitStack() as stack:
        settings = {"JIELI_ENGINE": "false", "JIELI_REDIS_URL": redis_url}
        noted = [sys.executable, "-m", "bench.noted", str(notes)]
        _, here = stack.enter_context(serving(arena, noted, **settings))
        _, there = stack.enter_context(serving(arena, **settings))
        for _ in range(2):
            stack.enter_context(serving(arena, WORKER, **settings))
        guns = Guns(there, devices(arena, everybody))
        pause(1.0)
        guns.heard()
        due, load = open_loop(here, SINGLE_PER_SECOND, posts, hand_over)
        assert not load.refused, load.refused[:3]
        pause(2.0)  # the last frames
        found = guns.heard().at
        guns.close()
    number_of = {what: seq for seq, what, _ in orjson.loads(notes.read_bytes())}
    gone = [found.get(number_of[f"task:{task}"], []) for task in tasks]
    late = [max(at) - start for start, at in zip(due, gone, strict=True) if at]
    warm, p99 = late[COLD_POSTS:], percentile(late[COLD_POSTS:], 0.99)
    lost = sum(not at for at in gone)
    return Result(
        "across",
        f"POST at one web process → gone from the scanner at another, by {hints}; lost {lost}",
        f"{milliseconds(warm)}, max {max(warm) * 1e3:.1f} ms",
        f"the first {COLD_POSTS}: {milliseconds(late[:COLD_POSTS])}",
        (Gate(p99 * 1e3, 200, unit=" ms p99"), Gate(lost, 0)),
        {"p99_ms": p99 * 1e3, "lost": lost},
    )
