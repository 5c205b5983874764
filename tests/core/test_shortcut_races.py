"""Many taps at the same moment: one donor's stock is asked for once, one form is launched once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future
from dataclasses import replace

import pytest

from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.transfer_book import asked_of, transfers
from core.people import Actor
from core.quantity import ONE
from core.shortcuts.facts import Situation
from core.shortcuts.launch import Launch, Launched, Open, launch, open_form
from core.shortcuts.proposal import Proposal
from tests.core.orders_world import CUP, Trader, q, trader


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    return trader(db, clock)


def opened(t: Trader, who: Actor, missing: str) -> Proposal:
    ask = Open(t.op(), "urgent_transfer", Situation("C-001", "SJ-A-1", missing=q(missing)))
    return t.do(lambda tx: open_form(tx, who, ask))


def at_once(t: Trader, taps: list[tuple[Actor, Launch]]) -> list[str]:
    """All taps are on their way before the first is answered; how each ended."""
    waiting: list[Future[Launched]] = [
        t.db.submit(lambda tx, w=who, a=ask: launch(tx, w, a))  # type: ignore[misc]
        for who, ask in taps
    ]
    ended = []
    for each in waiting:
        problem = each.exception(60)
        if problem is not None and not isinstance(problem, AppError):
            raise problem
        ended.append("launched" if problem is None else problem.code)
    return ended


def test_eight_pickers_want_the_last_forty_eight_cups(t: Trader) -> None:
    """Each asks for twelve; four get them promised, the others hear it before anybody drives."""
    t.put(CUP, "48", "ZJ-A-1")
    crowd = [t.people[name] for name in ("李某", "王师傅", "赵主管", "管理员")] * 2
    taps = [(who, Launch(t.op(), opened(t, who, "12").run_id)) for who in crowd]
    assert Counter(at_once(t, taps)) == {"launched": 4, "shortcut_stale": 4}
    assert t.db.read_now(lambda conn: asked_of(conn, t.items[CUP])) == {
        t.warehouses["张江仓"]: 48 * ONE
    }
    t.proven()


def test_one_form_is_launched_once_however_often_it_is_tapped(t: Trader) -> None:
    t.put(CUP, "480", "ZJ-A-1")
    li = replace(t.people["李某"], face="desk")
    form = opened(t, li, "12")
    taps = [(li, Launch(t.op(), form.run_id)) for _ in range(6)]
    assert Counter(at_once(t, taps)) == {"launched": 1, "shortcut_launched": 5}
    assert len(t.db.read_now(transfers)) == 1
    again = opened(t, li, "12")
    same = Launch(t.op(), again.run_id)
    assert Counter(at_once(t, [(li, same)] * 6)) == {"launched": 6}, "one tap, sent six times"
    assert len(t.db.read_now(transfers)) == 2
