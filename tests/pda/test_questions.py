"""A scanner that only asks waits for nobody who writes, and its person stays signed in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select

from core import people
from core.clock import MINUTE, ManualClock
from core.db import Tx
from core.events import meta
from core.once import answer_of
from pda import answers
from tests.pda.floor import MILK_BOX, Floor, Scanner


@contextmanager
def somebody_writing(floor: Floor) -> Iterator[None]:
    """A command that has the turn and takes its time."""
    begun, go_on = threading.Event(), threading.Event()

    def slowly(tx: Tx) -> None:
        tx.execute(select(meta.c.value)).all()
        begun.set()
        assert go_on.wait(30), "nobody let it go on"

    done = floor.db.submit(slowly)
    assert begun.wait(10), "it never had the turn"
    try:
        yield
        assert not done.done(), "nobody waited for it"
    finally:
        go_on.set()
        done.result(10)


async def resolve(gun: Scanner, code: str) -> str:
    frame = {"t": "look", "flow": "lookup", "action": "resolve", "inputs": {"code": code}}
    found = await gun.do(frame)
    assert found["ok"], found
    kind: str = found["data"]["kind"]
    return kind


async def test_a_question_is_answered_while_somebody_writes(floor: Floor, gun: Scanner) -> None:
    assert await resolve(gun, "PO-1") == "order"  # the first one of a person keeps him signed in
    with somebody_writing(floor):
        for code, kind in (("PO-1", "order"), (MILK_BOX, "goods"), ("A-01", "place")):
            assert await asyncio.wait_for(resolve(gun, code), 10) == kind
        if floor.db.is_shared:  # its answer is kept; on SQLite one commit does that for many
            assert (await asyncio.wait_for(gun.scan("A-01"), 10))["next_state"] == "place"


async def test_a_question_that_would_change_something_is_refused_and_the_scanner_stays(
    floor: Floor, gun: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An action that was listed among the questions by mistake."""
    monkeypatch.setattr(answers, "READS", answers.READS | {("receive", "confirm")})
    task = next(each for each in gun.inbox.values() if each["kind"] == "receive")
    asked = {"t": "look", "flow": "receive"}
    pack = await gun.do(asked | {"action": "open", "inputs": {"task_id": task["id"]}})
    line = next(each for each in pack["data"]["lines"] if each["item_code"] == "B-002")
    facts = {"order_id": line["order_id"], "line_id": line["id"], "quantity": "1", "bin": "A-01"}
    refused = await gun.do(asked | {"action": "confirm", "inputs": facts})
    assert refused["message"]["code"] == "not_a_question"
    assert await resolve(gun, "PO-1") == "order"


async def test_the_answer_to_a_scan_is_kept_and_its_screen_goes_on(
    floor: Floor, gun: Scanner
) -> None:
    opened = await gun.scan("PO-1")
    kept = floor.db.read_now(lambda conn: answer_of(conn, "device:1", opened["id"]))
    assert kept == opened
    floor.clock.advance(MINUTE)
    assert await gun.scan("PO-1", id=opened["id"]) == opened
    reused = await gun.scan("A-01", id=opened["id"])
    assert reused["message"]["code"] == "key_reused"
    frame = {"t": "scan", "code": MILK_BOX, "after": opened["id"]}
    counted = await gun.do(frame)
    assert counted["next_state"] == "line", counted


async def test_who_only_asks_stays_signed_in(
    floor: Floor, gun: Scanner, clock: ManualClock
) -> None:
    for _ in range(3):
        clock.advance(9 * MINUTE)
        assert await resolve(gun, "PO-1") == "order"
    clock.advance(10 * MINUTE)
    frame = {"t": "look", "flow": "lookup", "action": "resolve", "inputs": {"code": "PO-1"}}
    assert (await gun.do(frame))["message"]["code"] == "signed_out"


async def test_who_left_is_told_nothing(floor: Floor, gun: Scanner) -> None:
    admin = floor.person("admin")
    await floor.db.write(lambda tx: people.deactivate(tx, admin, gun.person_id))
    assert (await gun.scan("PO-1"))["message"]["code"] == "signed_out"
