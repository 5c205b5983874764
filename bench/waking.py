"""What a request costs a server that had nothing to do for 30 ms, with large pages and without.

One connection asks again and again, at once or after a rest. Two servers on the same database take
turns; the one `without` was forbidden large pages by the system (prctl, inherited).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.arena import Arena, serving
from bench.day import BINS, ITEMS, Firm, furnish
from bench.machine import cpu_seconds, waking_factor
from bench.table import Result
from bench.wire import Pool, get, request
from core.clock import SystemClock, perf
from core.ids import new_id

REST = 0.03  # seconds; the day's load leaves about as much between two requests
WARM, TIMES = 20, 150
WITHOUT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(41, 1, 0, 0, 0); "  # PR_SET_THP_DISABLE
    "os.execv(sys.executable, [sys.executable, '-m', 'api.cli', 'serve'])"
)
SERVERS: dict[str, Sequence[str]] = {"with": (), "without": (sys.executable, "-c", WITHOUT)}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one request: seconds until its answer (median), and of the server's processor."""

    answer: float
    cpu: float


def waking(arena: Arena) -> list[Result]:
    """One line per verb."""
    firm = furnish(arena)
    found: dict[tuple[str, str, float], Cost] = {}
    for server, command in SERVERS.items():
        with serving(arena, command) as (process, port):
            for name, wire in _verbs(firm).items():
                for rest in (0.0, REST):
                    asked = _ask(Pool(port, 1), wire, rest, process.pid)
                    found[server, name, rest] = asyncio.run(asked)
    beside = f"3,000 objects in memory after 50 ms: {waking_factor():.0f} × slower"
    return [_line(name, found, beside) for name in _verbs(firm)]


def _line(name: str, found: dict[tuple[str, str, float], Cost], beside: str) -> Result:
    told = []
    for server in SERVERS:
        at_once, rested = found[server, name, 0.0], found[server, name, REST]
        answers = f"{at_once.answer * 1e3:.1f} ms at once, {rested.answer * 1e3:.1f} rested"
        cpu = f"CPU {at_once.cpu * 1e3:.1f}, {rested.cpu * 1e3:.1f}"
        told.append(f"{server} large pages {answers} ({cpu})")
    facts = {
        f"{server}, {'rested' if rest else 'at once'}": [cost.answer, cost.cpu]
        for (server, each, rest), cost in found.items()
        if each == name
    }
    return Result("waking", name, "; ".join(told), beside, facts=facts)


async def _ask(pool: Pool, wire: Callable[[int], bytes], rest: float, pid: int) -> Cost:
    taken: list[float] = []
    before = 0.0
    for n in range(WARM + TIMES):
        if n == WARM:
            before = cpu_seconds(pid)
        await asyncio.sleep(rest)  # tidy: banned — it is the rest that is measured
        begun = perf()
        status, body = await pool.ask(wire(n))
        taken.append(perf() - begun)
        assert status < 300, body
    return Cost(median(taken[WARM:]), (cpu_seconds(pid) - before) / TIMES)


def _verbs(firm: Firm) -> dict[str, Callable[[int], bytes]]:
    """Whom `n` asks for is another item each time."""

    def item(n: int) -> int:
        return n * 37 % ITEMS

    def token(n: int) -> str:
        return firm.tokens[n % len(firm.tokens)]

    def issue(n: int) -> bytes:
        place = firm.bins[item(n) % BINS]
        body = {"item_id": firm.items[item(n)], "quantity": "1", "from_location": place}
        key = new_id(SystemClock().now())
        return request("/api/issues", token(n), key, json.dumps(body).encode())

    return {
        "health": lambda n: get("/healthz", token(n)),
        "stock of an item": lambda n: get(f"/api/stock?item_id={firm.items[item(n)]}", token(n)),
        "task list": lambda n: get("/api/tasks/inbox", token(n)),
        "search item by code": lambda n: get(f"/api/items?q=X{item(n):06d}", token(n)),
        "issue": issue,
    }
