"""A second process that writes the same SQLite file: reserves one unit at a time, then posts.

`python -m tests.stories.rival NAME` reads one JSON line from stdin (what to do), says "ready",
starts at the next line, and answers one JSON line: how the reservations ended, what was posted.
"""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import orjson

from core.clock import SystemClock
from core.db import Database, Together
from core.errors import AppError
from core.people import ENGINE
from core.quantity import ONE
from core.stock import Line, Posted, Posting, Reserve, post_many, reserve


def compete(db: Database, name: str, orders: dict[str, Any]) -> dict[str, Any]:
    """Ten callers reserve one unit each, as fast as they can; then `postings` on an own item."""

    def one(number: int) -> str:
        wish = Reserve(f"reserve-{name}-{number:03d}", orders["scarce"], ONE)
        try:
            db.write_now(lambda tx: reserve(tx, ENGINE, wish))
        except AppError as refusal:
            return refusal.code
        return "ok"

    with ThreadPoolExecutor(orders["callers"]) as pool:
        ended = Counter(pool.map(one, range(orders["callers"])))
    line = Line(orders["own"], ONE, orders["start"], orders["to"])
    asked: list[Future[Posted]] = [
        db.submit(
            Together(post_many, (ENGINE, Posting(f"post-{name}-{n:05d}", "receive", (line,))))
        )
        for n in range(orders["postings"])
    ]
    return {"ended": ended, "posted": len({each.result().posting_id for each in asked})}


def main() -> None:
    """Wait for the starting shot, compete, report."""
    orders = orjson.loads(sys.stdin.readline())
    db = Database(orders["url"], SystemClock(), batch=8)  # small batches: the lock changes hands
    db.write_now(lambda _: None)
    print("ready", flush=True)
    sys.stdin.readline()
    print(orjson.dumps(compete(db, sys.argv[1], orders)).decode(), flush=True)
    db.close()


if __name__ == "__main__":
    main()
