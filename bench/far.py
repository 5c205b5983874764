"""What verbs cost when PostgreSQL is a network away: beside it, and behind 0.5 ms each way.

Without HTTP, one after the other, by a company of the tests. The way is a proxy between two
sockets, which adds some tenths of its own. The difference is mostly a verb's round trips, counted
in tests/core/test_round_trips.py.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any, TypeVar

from sqlalchemy.engine import make_url

from bench.table import Result
from core import catalog
from core.catalog import NewItem
from core.clock import ManualClock, perf
from core.db import Database
from core.migrations.run import upgrade
from core.orders.quick import Issue, issue
from core.people import ENGINE
from core.quantity import ONE
from tests.core.orders_world import Trader, trader
from tests.databases import MONDAY_0900

T = TypeVar("T")

ONE_WAY = 0.0005  # seconds
WARM, TIMES = 12, 40
LINES = 5
SOCKET = ".s.PGSQL.5432"
WHERE = ("beside it", "a network away")


def far(near: str, empty: str) -> list[Result]:
    """One line per verb. `near`, `empty`: two empty databases of the same server."""
    with _longer_way(empty) as distant:
        found = [_measured(near), _measured(distant)]
    return [
        Result(
            "far",
            f"{verb}, PostgreSQL {' / '.join(WHERE)}",
            " / ".join(f"{median(times[verb]) * 1e3:.1f}" for times in found) + " ms p50",
            f"{ONE_WAY * 1e3:g} ms each way, {TIMES} times",
            facts={"seconds": [median(times[verb]) for times in found]},
        )
        for verb in found[0]
    ]


def _measured(url: str) -> dict[str, list[float]]:
    """Seconds of each verb, again and again."""
    db = Database(url, clock := ManualClock(MONDAY_0900))
    upgrade(db)
    times: dict[str, list[float]] = defaultdict(list)

    def timed(verb: str, run: Callable[[], T]) -> T:
        began = perf()
        answer = run()
        times[verb].append(perf() - began)
        return answer

    try:
        company = _company(db, clock)
        for number in range(WARM + TIMES):
            if number == WARM:
                times.clear()
            _round(company, timed)
    finally:
        db.close()
    return times


def _company(db: Database, clock: ManualClock) -> Trader:
    found = trader(db, clock)
    for n in range(LINES):
        _add(found, f"货品{n}", NewItem(f"R-{n}", f"货品{n}"))
    _add(found, "要检的", NewItem("R-Q", "要检的", needs_inspection=True))
    return found


def _add(company: Trader, name: str, new: NewItem) -> None:
    company.items[name] = company.do(lambda tx: catalog.add_item(tx, ENGINE, new))


def _round(company: Trader, timed: Callable[[str, Callable[[], Any]], Any]) -> None:
    t = company
    goods = [(f"货品{n}", "10") for n in range(LINES)]
    made = timed("order of five lines", lambda: t.order(*goods))
    arriving = [t.bring(made, n, "10") for n in range(LINES)]
    got = timed("receipt of five lines", lambda: t.arrive(made, *arriving))
    timed("putaway", lambda: t.shelve(got.lines[0], "10", "ZJ-A-1"))
    ask = Issue(t.op(), t.items["货品0"], ONE, t.places["ZJ-A-1"])
    timed("issue", lambda: t.do(lambda tx: issue(tx, t.people["李某"], ask)))
    due = t.order(("要检的", "10"))
    waiting = t.arrive(due, t.bring(due, 0, "10")).lines[0]
    timed("inspection", lambda: t.judge(waiting, "10"))


@contextmanager
def _longer_way(url: str) -> Iterator[str]:
    """The same database behind a proxy that takes its time; both by sockets in a folder."""
    there = make_url(url)
    with tempfile.TemporaryDirectory(prefix="jieli-far-") as folder:
        ready = multiprocessing.Event()
        ends = (f"{there.query['host']}/{SOCKET}", f"{folder}/{SOCKET}")
        proxy = multiprocessing.Process(target=_proxy, args=(*ends, ready), daemon=True)
        proxy.start()
        try:
            assert ready.wait(10)
            yield there.update_query_dict({"host": folder}).render_as_string(hide_password=False)
        finally:
            proxy.kill()
            proxy.join()


def _proxy(there: str, here: str, ready: Any) -> None:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(65536):
            loop.call_later(ONE_WAY, writer.write, data)
        loop.call_later(ONE_WAY, writer.close)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_there, to_there = await asyncio.open_unix_connection(there)
        await asyncio.gather(carry(reader, to_there), carry(from_there, writer))

    async def listen() -> None:
        server = await asyncio.start_unix_server(serve, here)
        ready.set()
        await server.serve_forever()

    asyncio.run(listen())
