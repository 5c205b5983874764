"""Story S9: `kill -9` in the middle of work. Nothing promised is lost, nothing happens twice.

The server is a real process on a real SQLite file (synchronous=FULL), killed at seeded moments:
after an acknowledgement, while the vendor has a card the server never hears about, during a press
in chat, under a scan. JIELI_KILLS asks for more deaths, JIELI_SEED for others.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from bots.simulator.wecom import Fault
from bots.wecom import WeCom
from core.clock import SECOND
from core.db import Database, Together, Tx
from core.ids import new_id
from core.outbox.channel import Delivery, SendResult
from core.outbox.claiming import Claimed
from core.outbox.deliver import Deliverer
from core.outbox.recording import record
from core.tasks import escalation
from core.tasks.task import Task
from core.tasks.timers import Timer
from tests.stories import judge
from tests.stories.arena import CHATTERS, Arena, Log, mouldy, open_arena, order_of
from tests.stories.judge import Case
from tests.world import World

KILLS = int(os.environ.get("JIELI_KILLS", "6"))
SEED = int(os.environ.get("JIELI_SEED", "20260302"))
MOMENTS = {"ack": 60, "send": 3, "update": 2, "press": 1, "scan": 40}  # at most so many later
STANDSTILLS = (0, 0, 35 * SECOND, 70 * SECOND)


async def die_again_and_again(arena: Arena) -> None:
    """Kill at seeded moments of every kind, with a failed inspection under way each time."""
    kinds = [*MOMENTS, "send"]
    for number in range(KILLS):
        if number % len(kinds) == 0:
            arena.rng.shuffle(kinds)
        kind = kinds[number % len(kinds)]
        await arena.at_work()
        trouble = asyncio.create_task(arena.fail_inspection())
        await arena.die_at(kind, arena.rng.randint(1, MOMENTS[kind]))
        last = number == KILLS - 1
        await arena.start(70 * SECOND if last else arena.rng.choice(STANDSTILLS))
        await trouble


async def work_through_kills(arena: Arena) -> None:
    """Everybody works while the server dies; then they finish and things come to rest."""
    work = [
        asyncio.create_task(arena.post_on()),
        asyncio.create_task(arena.scan_on()),
        *(asyncio.create_task(arena.press_on(login)) for login in CHATTERS),
    ]
    deaths = asyncio.create_task(die_again_and_again(arena))
    await asyncio.wait([deaths, *work], return_when=asyncio.FIRST_COMPLETED)
    arena.stopping.set()
    await asyncio.gather(deaths, *work)
    await arena.rested()


def case_of(arena: Arena) -> Case:
    return Case(
        db=arena.db,
        simulator=arena.simulator,
        log=arena.log,
        http=arena.http,
        headers=arena.headers("liqiang"),
        now=arena.clock.now(),
    )


@pytest.mark.timeout(60 + 6 * KILLS)
async def test_nothing_promised_is_lost_by_kill_nine(tmp_path: Path) -> None:
    async with open_arena(tmp_path, SEED) as arena:
        await work_through_kills(arena)
        case = case_of(arena)
        found = [
            *await judge.promises_kept(case),
            *judge.orders_kept(case),
            *judge.stock_adds_up(case, arena.opening),
            *judge.timers_fired_once(case),
            *judge.cards_stand_once(case),
            *judge.nobody_waits_in_vain(case),
            *judge.presses_counted(case),
            *judge.books_proven(case),
        ]
        asked = {each["id"]: each for each in await inbox_of(arena)}
        tell(arena)
    assert found == [], "\n".join([f"JIELI_SEED={SEED} JIELI_KILLS={KILLS}", *found])
    assert arena.gun.inbox == asked
    assert arena.kills == KILLS
    assert arena.log.retried, "no kill hit anybody at work: the moments are chosen badly"


async def inbox_of(arena: Arena) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await arena.get("zhaogang", "/api/tasks/inbox"))["items"]
    return found


def tell(arena: Arena) -> None:
    """One JSON line of figures (trust.md §1)."""
    log, vendor = arena.log, arena.simulator
    facts = {
        "test": "R1",
        "seed": SEED,
        "kills": arena.kills,
        "postings": len(log.promised),
        "refused": len(log.refused),
        "scans": len(log.scanned),
        "retried": len(log.retried),
        "presses": len(log.presses),
        "sends": vendor.calls("message/send"),
        "updates": vendor.calls("message/update_template_card"),
    }
    print(orjson.dumps(facts).decode())


# -- a card that arrived although nobody heard of it ---------------------------------------------
async def unheard(self: Deliverer, claimed: Claimed) -> None:
    """The vendor takes the card; the server is killed before it can write that down."""
    await self.channel.send(claimed.delivery)


async def fail_inspection_unheard(w: World, monkeypatch: pytest.MonkeyPatch, how: str) -> str:
    """Cards go out for a failed inspection and no answer comes back; the buyer's task."""
    with monkeypatch.context() as killed:
        if how == "killed":
            killed.setattr(Deliverer, "_deliver", unheard)
        else:
            w.stage.simulator.order(Fault("message/send", after=True, times=2))
        await fail_inspection(w)
        await w.settle()
    return str((await w.task_of("wangmin", "qc_decide"))["id"])


@pytest.mark.parametrize("how", ["killed", "silent vendor"])
async def test_an_unheard_card_is_not_joined_by_a_second_one(
    w: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The task goes to a colleague and back meanwhile: still one card that can be pressed."""
    task = await fail_inspection_unheard(w, monkeypatch, how)
    for giver, taker in (("wangmin", "liqiang"), ("liqiang", "wangmin")):
        baton = {"to_person": w.seeded.people[taker]}
        await w.do(giver, f"/api/tasks/{task}/hand-over", baton)
    await w.after(seconds=40)
    assert len(w.cards_of("wangmin")) == 1
    case = judge.case_in(w)
    assert [*judge.cards_stand_once(case), *judge.nobody_waits_in_vain(case)] == []


@pytest.mark.parametrize("how", ["killed", "silent vendor"])
async def test_an_unheard_card_loses_its_buttons_when_the_task_ends(
    w: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    task = await fail_inspection_unheard(w, monkeypatch, how)
    answer = {"action": "return", "inputs": {"reason": "依据质检结论"}}
    await w.do("wangmin", f"/api/tasks/{task}/act", answer)
    await w.after(seconds=40)
    assert judge.nobody_waits_in_vain(judge.case_in(w)) == []


# -- the judge has teeth -------------------------------------------------------------------------
async def fail_inspection(w: World) -> None:
    made = await w.do("wangmin", "/api/orders", order_of(w.seeded, 1))
    await w.do("sunli", "/api/receipts/combined", mouldy(made["lines"][0]["id"], 1))


async def post(w: World, log: Log) -> None:
    """Receive ten straws, and keep what was promised."""
    places = w.seeded.locations
    line = {
        "item_id": w.seeded.items["JL-203"],
        "quantity": "10",
        "from_location": places["SUPPLIER"],
        "to_location": places["ZJ-D-04-1"],
    }
    key = new_id(w.clock.now())
    log.asked[key] = {"kind": "receive", "lines": [line]}
    answer = await w.send("sunli", "/api/postings", log.asked[key], key=key)
    assert answer.status_code == 201
    log.promised[key] = answer.json()


class _KilledError(Exception):
    """Stands for the kill in a mutant."""


async def test_the_judge_acquits_who_did_nothing_wrong(w: World) -> None:
    log = Log()
    await post(w, log)
    await fail_inspection(w)
    await w.after(hours=48)
    case = judge.case_in(w, log)
    found = [
        *await judge.promises_kept(case),
        *judge.timers_fired_once(case),
        *judge.cards_stand_once(case),
        *judge.nobody_waits_in_vain(case),
        *judge.presses_counted(case),
        *judge.books_proven(case),
    ]
    assert found == []


async def test_the_judge_notices_an_answer_given_before_the_commit(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Database.write

    async def hasty(self: Database, command: Any) -> Any:
        """Answer, and be killed before the commit."""
        answers: list[Any] = []

        def doomed(tx: Tx) -> None:
            assert isinstance(command, Together)
            answers.extend(command.run_many(tx, [command.item]))
            raise _KilledError

        if not isinstance(command, Together):
            return await honest(self, command)
        with pytest.raises(_KilledError):
            await honest(self, doomed)
        return answers[0]

    log = Log()
    await post(w, log)
    monkeypatch.setattr(Database, "write", hasty)
    await post(w, log)
    found = await judge.promises_kept(judge.case_in(w, log))
    assert len(found) == 2, found
    assert "查不到" in found[0]


async def test_the_judge_notices_a_card_booked_as_sent_before_it_was(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hasty(self: Deliverer, claimed: Claimed) -> None:
        """Record first, and be killed before the send."""
        result = SendResult("sent", handle={"ref": "never-sent", "codes": []})
        await self.db.write(lambda tx: record(tx, claimed, result))

    monkeypatch.setattr(Deliverer, "_deliver", hasty)
    await fail_inspection(w)
    await w.settle()
    found = judge.cards_stand_once(judge.case_in(w))
    assert len([each for each in found if judge.GOES in each]) == 2, found


async def test_the_judge_notices_a_repeat_that_is_another_card(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendor took the card, the server died, the retry is not the same card."""

    async def another(self: WeCom, delivery: Delivery) -> SendResult:
        return await self._new_card(delivery, f"{delivery.card_id}@again")

    with monkeypatch.context() as killed:
        killed.setattr(Deliverer, "_deliver", unheard)
        await fail_inspection(w)
        await w.settle()
    monkeypatch.setattr(WeCom, "send", another)
    await w.after(seconds=31)
    found = judge.cards_stand_once(judge.case_in(w))
    assert [each for each in found if "2 张" in each], found


async def test_the_judge_notices_a_timer_ticked_off_without_its_effect(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ticked_off(tx: Tx, _task: Task, due: list[Timer], _how: escalation.Firing) -> None:
        escalation.mark(tx, due, "fired", "acted")

    await fail_inspection(w)
    await w.settle()
    monkeypatch.setattr(escalation, "act", ticked_off)
    await w.after(hours=48)
    found = judge.timers_fired_once(judge.case_in(w))
    assert [each for each in found if "触发 1 次，事件 0 条" in each], found
