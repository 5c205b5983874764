"""The feed tells every event once, in order, whoever committed between two commits of ours."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from core import events
from core.clock import ManualClock
from core.db import Database, Together, Tx
from core.errors import AppError
from core.feed import Feed

pytestmark = pytest.mark.postgres


def say(tx: Tx, words: Sequence[str]) -> list[str | AppError]:
    for each in words:
        events.append(tx, "task.noted", "task:1", "system", {"says": each})
    return list(words)


@pytest.mark.parametrize("sweep_seconds", [30.0, 0.02])
def test_what_others_commit_between_two_of_a_batch_is_told(
    fresh_url: str, clock: ManualClock, sweep_seconds: float
) -> None:
    """A posting, a kept answer, a posting: three commits, told as one."""
    here, there = Database(fresh_url, clock), Database(fresh_url, clock)
    heard: list[int] = []
    all_of_it, gate, running = threading.Event(), threading.Event(), threading.Event()

    def listen(news: Sequence[events.Event]) -> None:
        heard.extend(each.seq for each in news)
        if 3 in heard:
            all_of_it.set()

    feed = Feed(here, ("task.",), listen, sweep_seconds)
    feed.start()
    here.on_commit = lambda committed: feed.committed(committed.news)

    def wait(_tx: Tx, words: Sequence[str]) -> list[str | AppError]:
        running.set()
        gate.wait(5)
        return list(words)

    def another_kind(_tx: Tx, words: Sequence[str]) -> list[str | AppError]:
        there.write_now(lambda tx: say(tx, ["theirs"]))
        return list(words)

    try:
        first = here.submit(Together(wait, "first"))
        running.wait(5)
        runs = (say, another_kind, say)
        batch = [first, *(here.submit(Together(run, "ours")) for run in runs)]
        gate.set()
        for each in batch:
            each.result()
        assert all_of_it.wait(5)
        feed.look()
    finally:
        feed.stop()
        here.close()
        there.close()
    assert heard == [1, 2, 3]
