"""P3 in the suite: a few offline days, and proof that the auditor would see what must not happen.

`python -m tests.web.offline --seeds 500` plays the many.
"""

# tidy: skip — a laptop may have no Node; where CI is set its absence fails

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from core import catalog
from core.db import Tx
from core.people import ENGINE
from core.quantity import ONE
from core.stock import Line, Posting, post
from tests.web.offline.audit import audit
from tests.web.offline.drill import Drill, drill
from tests.web.offline.stage import Twin, twin

pytestmark = pytest.mark.sqlite  # about the device; what the server makes of it runs on both

DECIDES = os.environ.get("CI") or os.environ.get("JIELI_CI")


@pytest.fixture(scope="module")
def run() -> Iterator[Drill]:
    """One server and one program for all days of this file."""
    if shutil.which("node") is None and not DECIDES:
        pytest.skip("no Node on this machine: the client modules run in it")
    with drill() as found:
        yield found


def test_offline_days_leave_the_books_of_online_ones(run: Drill) -> None:
    """One test, for a worker that steals single tests must not count days it did not play."""
    for seed in range(1, 7):
        assert run.play(seed).wrong == []
    run.end()
    assert run.wrong == []
    assert run.counts["facts"] >= 7 * run.counts["seeds"] > 0
    for fault in ("kills", "reloads", "acks", "cuts", "uploads", "clock set", "conflicts"):
        assert run.counts[fault], f"no {fault} in these days"


@pytest.fixture(scope="module")
def day(run: Drill) -> tuple[Twin, Twin, dict[str, Any]]:
    """A day that was judged to be right."""
    offline, online = (twin(run.house.db, f"Q99{n}", run.pin_hash) for n in "AB")
    report = run.report(99, offline)
    assert audit(run.house.db, offline, online, report).wrong == []
    return offline, online, report


def judged(run: Drill, day: tuple[Twin, Twin, dict[str, Any]], report: dict[str, Any]) -> str:
    return "\n".join(audit(run.house.db, day[0], day[1], report).wrong)


def test_a_lost_fact_is_seen(run: Drill, day: tuple[Twin, Twin, dict[str, Any]]) -> None:
    report = copy.deepcopy(day[2])
    report["entries"].pop()
    assert "done by hand" in judged(run, day, report)


def test_a_lost_photo_is_seen(run: Drill, day: tuple[Twin, Twin, dict[str, Any]]) -> None:
    report = copy.deepcopy(day[2])
    report["photos"][0]["file"] = "no-such-file"
    assert "hangs nowhere" in judged(run, day, report)


def test_a_refusal_nobody_hears_of_is_seen(
    run: Drill, day: tuple[Twin, Twin, dict[str, Any]]
) -> None:
    report = copy.deepcopy(day[2])
    report["entries"][0] |= {"state": "refused", "conflict": ""}
    assert "neither booked, nor asked, nor given up" in judged(run, day, report)


def test_a_step_told_twice_under_two_ids_is_seen(run: Drill) -> None:
    broken = Drill(run.house, run.program, run.pin_hash)
    wrong = [each for seed in range(200, 206) for each in broken.play(seed, "new-ids").wrong]
    assert any("only on the device" in each for each in wrong)


def test_goods_that_were_booked_twice_are_seen(
    run: Drill, day: tuple[Twin, Twin, dict[str, Any]]
) -> None:
    def again(tx: Tx) -> None:
        item = catalog.item_by_code(tx.conn, "Q99A-box").id
        source = catalog.location_by_code(tx.conn, "SUPPLIER").id
        target = catalog.location_by_code(tx.conn, "Q99A-R2").id
        post(tx, ENGINE, Posting("p-doubled-99", "opening", (Line(item, ONE, source, target),)))

    run.house.db.write_now(again)
    wrong = judged(run, day, day[2])
    assert "books differ" in wrong
    assert "moves, online" in wrong
