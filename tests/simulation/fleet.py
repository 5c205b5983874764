"""Many seeds over several processes, one set of figures; what makes `simulate` a command.

Also how much must have happened in a thousand seeds: a simulator in which nothing goes wrong
proves nothing.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from multiprocessing.util import Finalize
from typing import Any

from tests.simulation.clock import CLOCKS
from tests.simulation.many import Kind, Outcome, Simulator

KINDS = {"day": Kind(), "clock": CLOCKS}
CHUNK = 200
# In a thousand seeds at least so often. Far below what is usual.
LEAST = {
    "crashes": 300,
    "phone crash after": 10,
    "phone repeat dropped": 100,
    "radio dropped": 20,
    "radio doubled": 20,
    "radio reordered": 20,
    "doubled requests": 200,
    "asked again": 40,
    "clock jumps": 100,
    "rungs climbed": 500,
    "sends sent": 2000,
    "sends dead": 50,
    "press done": 100,
    "scanner resumed": 500,
    "reserve done": 100,
    "inspect done": 20,
    "receive transfer done": 10,
    "leave done": 40,
    "raise done": 30,
    "shift done": 40,
    "goodbye done": 20,
    "bind done": 20,
    "asked the right one": 1000,
}

_simulator: list[Simulator] = []


def _begin(on: str, kind: str) -> None:
    open_here = Simulator(on, kind=KINDS[kind]).__enter__()
    Finalize(None, open_here.__exit__, (None, None, None), exitpriority=1)
    _simulator.append(open_here)


def _play(seeds: range) -> tuple[list[Outcome], Counter[str]]:
    """The outcomes that are wrong, and all figures of these seeds."""
    counts: Counter[str] = Counter()
    wrong = []
    for seed in seeds:
        outcome = _simulator[0].play(seed)
        counts.update(outcome.counts)
        if outcome.wrong:
            wrong.append(outcome)
    return wrong, counts


def simulate(
    seeds: range, on: str, processes: int, kind: str = "day"
) -> tuple[list[str], dict[str, Any]]:
    """(what is wrong, each with its seed; figures)."""
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for bad, more in _spread(chunks, on, processes, kind):
        counts.update(more)
        wrong += [f"seed {each.seed}: {each.wrong[0]}" for each in bad]
    if kind == "day":
        wrong += dry(counts, len(seeds))
    return wrong, figures(counts, len(seeds))


def _spread(chunks: list[range], on: str, processes: int, kind: str) -> Iterator[Any]:
    with multiprocessing.get_context("spawn").Pool(processes, _begin, (on, kind)) as pool:
        yield from pool.imap_unordered(_play, chunks)
        pool.close()
        pool.join()


def dry(counts: Counter[str], seeds: int) -> list[str]:
    """What happened too seldom to say anything."""
    if seeds < 50:
        return []
    return [
        f"too seldom in {seeds} seeds: {name}, {counts[name]} times"
        for name, least in LEAST.items()
        if counts[name] < least * seeds // 1000
    ]


def figures(counts: Counter[str], seeds: int) -> dict[str, Any]:
    """The line for the record."""
    ended = ("done", "refused", "gone")
    return {
        "seeds": seeds,
        "actions": sum(n for name, n in counts.items() if name.rpartition(" ")[2] in ended),
        "answered": sum(n for name, n in counts.items() if name.endswith(" done")),
        "refused": sum(n for name, n in counts.items() if name.endswith(" refused")),
        "unknown": sum(n for name, n in counts.items() if name.endswith(" gone")),
        "repeated": counts["doubled requests"] + counts["asked again"],
        "crashes": counts["crashes"],
        "clock_jumps": counts["clock jumps"],
        "drops": counts["radio dropped"],
        "duplicates": counts["radio doubled"],
        "reordered": counts["radio reordered"],
        "resumed": counts["scanner resumed"],
        "escalations": counts["rungs climbed"],
        "cards": counts["sends sent"] + counts["edits sent"],
        "dead_letters": counts["sends dead"],
        "vendor_faults": sum(
            n for name, n in counts.items() if name.startswith("phone ") and name != "phone well"
        ),
    }
