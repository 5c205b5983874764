"""Story S4: many hands at once. One stock, one answer per task, one effect per operation.

Everything goes through the real doors; two races are run by processes of their own on one file.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import func, select

from core import catalog
from core.catalog import NewItem
from core.clock import perf
from core.db import Database, Together, Tx
from core.events import events
from core.ids import new_id
from core.outbox.tables import callbacks
from core.people import ENGINE, actor_of
from core.quantity import ONE
from core.stock import Line, Posting, on_hand, post, prove
from core.stock.ledger import post_many_by_hand
from core.stock.tables import postings
from tests.stories import judge
from tests.stories.arena import mouldy, order_of
from tests.world import Wire, World

ROOT = Path(__file__).parents[2]
SHELF, OTHER_SHELF = "ZJ-D-04-1", "ZJ-D-04-2"


def new_goods(w: World, many: int, quantity: int = 0) -> list[int]:
    """Fresh items without lots; `quantity` units of each on the shelf."""
    places, already = w.seeded.locations, new_id(w.clock.now())[-6:]

    def make(tx: Tx) -> list[int]:
        items = [
            catalog.add_item(tx, ENGINE, NewItem(f"R-{already}-{n}", f"货 {n}"))
            for n in range(many)
        ]
        if quantity:
            lines = tuple(
                Line(item, quantity * ONE, places["SUPPLIER"], places[SHELF]) for item in items
            )
            post(tx, ENGINE, Posting(f"open-{already}", "opening", lines))
        return items

    return w.jieli.db.write_now(make)


def here(w: World, item: int, place: str = SHELF) -> int:
    """Whole units of an item at a place."""
    found = w.jieli.db.read_now(lambda conn: on_hand(conn, item, w.seeded.locations[place]))
    return sum(row.on_hand for row in found) // ONE


# -- the last ten units ----------------------------------------------------------------------
async def test_twenty_workers_reserve_the_last_ten_units(w: World) -> None:
    """Exactly ten get one; the others hear how much there is."""
    (scarce,) = new_goods(w, 1, 10)
    wish = {"item_id": scarce, "quantity": "1", "warehouse_id": w.seeded.warehouses["ZJ"]}
    answers = await asyncio.gather(*(w.send("sunli", "/api/reservations", wish) for _ in range(20)))
    assert Counter(each.status_code for each in answers) == {201: 10, 409: 10}
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"not_enough"}
    promise = await w.get("sunli", f"/api/items/{scarce}/promise")
    assert promise["available"] == "0"
    assert w.prove() == ()


async def test_two_processes_reserve_the_last_ten_units(w: World) -> None:
    """Two servers on one file by mistake: still ten, nothing lost, the chain unbroken."""
    scarce, mine, yours = (*new_goods(w, 1, 10), *new_goods(w, 2))
    places = w.seeded.locations
    orders = {
        "url": w.jieli.settings.database_url,
        "scarce": scarce,
        "callers": 10,
        "postings": 300,
        "start": places["SUPPLIER"],
        "to": places[SHELF],
    }
    rivals = [
        await start_rival(name, orders | {"own": own})
        for name, own in zip("ab", (mine, yours), strict=True)
    ]
    reports = await asyncio.gather(*(race(rival) for rival in rivals))
    ended = sum((Counter(each["ended"]) for each in reports), Counter[str]())
    assert ended == {"ok": 10, "not_enough": 10}
    assert [each["posted"] for each in reports] == [300, 300]
    assert (here(w, mine), here(w, yours)) == (300, 300)
    assert w.prove() == ()


async def start_rival(name: str, orders: Wire) -> asyncio.subprocess.Process:
    rival = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.stories.rival",
        name,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert rival.stdin is not None
    rival.stdin.write(orjson.dumps(orders) + b"\n")
    assert rival.stdout is not None
    assert (await rival.stdout.readline()).strip() == b"ready"
    return rival


async def race(rival: asyncio.subprocess.Process) -> dict[str, Any]:
    """The starting shot, and what this process reports."""
    said, _ = await rival.communicate(b"go\n")
    assert rival.returncode == 0
    report: dict[str, Any] = orjson.loads(said)
    return report


# -- two answers at the same moment ----------------------------------------------------------
@pytest.mark.parametrize("head_start", ["chat", "desk"])
async def test_chat_and_desk_answer_one_task_at_the_same_moment(w: World, head_start: str) -> None:
    """One decision stands; whoever came second hears who was first, and where."""
    task = await failed_inspection(w)
    await w.after(hours=48)

    async def at_the_desk() -> httpx.Response:
        while head_start == "chat" and not callbacks_stored(w):  # noqa: ASYNC110  # a row, no event
            await asyncio.sleep(0)
        return await w.send("wangmin", f"/api/tasks/{task}/act", {"action": "scrap", "inputs": {}})

    in_chat = w.stage.simulator.press(
        "zhoulan", "退回供应商", selected={"reason": ["依据质检结论"]}
    )
    chat, desk = await asyncio.gather(in_chat, at_the_desk())
    await w.settle()
    closed = await w.get("wangmin", f"/api/tasks/{task}")
    assert chat.statuses == (200,)
    assert closed["state"] == "done"
    if desk.status_code == 200:
        assert "王敏" in closed["result"]
        assert "王敏" in chat.spoken, "the loser in chat is told who won"
        assert decided(w, "scrap")
    else:
        assert desk.status_code == 409
        assert desk.json()["code"] == "already_done"
        assert "周岚" in desk.json()["detail"], "the loser at the desk is told who won"
        assert decided(w, "return")
    assert events_of(w, f"task:{task}")["task.done"] == 1
    case = judge.case_in(w)
    assert judge.nobody_waits_in_vain(case) == [], "the losers' cards have lost their buttons"
    assert judge.cards_stand_once(case) == []
    assert w.prove() == ()


async def failed_inspection(w: World) -> str:
    """Mouldy goods; the id of the buyer's task."""
    made = await w.do("wangmin", "/api/orders", order_of(w.seeded, 1))
    await w.do("sunli", "/api/receipts/combined", mouldy(made["lines"][0]["id"], 1))
    await w.settle()
    task = await w.task_of("wangmin", "qc_decide")
    return str(task["id"])


def callbacks_stored(w: World) -> int:
    """How many presses have reached the server."""
    query = select(func.count()).select_from(callbacks)
    return w.jieli.db.read_now(lambda conn: conn.execute(query).scalar_one())


def decided(w: World, decision: str) -> bool:
    """Exactly one decision was taken, and it was this one."""
    kinds = select(events.c.payload).where(events.c.kind.like("inspection.%"))
    found = w.jieli.db.read_now(lambda conn: conn.execute(kinds).scalars().all())
    taken = [each["decision"] for each in found if "decision" in each]
    return taken == [decision]


def events_of(w: World, subject: str) -> Counter[str]:
    """How often each kind of event happened to something."""
    query = select(events.c.kind).where(events.c.subject == subject)
    return Counter(w.jieli.db.read_now(lambda conn: conn.execute(query).scalars().all()))


# -- ten thousand postings -------------------------------------------------------------------
async def test_ten_thousand_postings_from_thirty_two_callers(w: World) -> None:
    """Each on its own item, one in ten through the HTTP door: 0 refused, 0 lost, books proven."""
    callers, each_posts, by_http = 32, 313, 32
    items = new_goods(w, callers)
    start, to = w.seeded.locations["SUPPLIER"], w.seeded.locations[SHELF]
    sunli = w.jieli.db.read_now(lambda conn: actor_of(conn, w.seeded.people["sunli"], "api"))

    async def call(number: int, item: int) -> set[int]:
        got: set[int] = set()
        line = {"item_id": item, "quantity": "1", "from_location": start, "to_location": to}
        for n in range(by_http):
            body = {"kind": "receive", "lines": [line]}
            answer = await w.do("sunli", "/api/postings", body, key=f"http-{number:02d}-{n:04d}")
            got.add(answer["posting_id"])
        for n in range(each_posts - by_http):
            moved = (Line(item, ONE, start, to),)
            posting = Posting(f"core-{number:02d}-{n:04d}", "receive", moved)
            done = await w.jieli.db.write(Together(post_many_by_hand, (sunli, posting)))
            got.add(done.posting_id)
        return got

    before = count_postings(w.jieli.db)
    began = perf()
    found = await asyncio.gather(*(call(number, item) for number, item in enumerate(items)))
    took = perf() - began
    assert [len(each) for each in found] == [each_posts] * callers
    assert len(set().union(*found)) == callers * each_posts, "no two share a posting"
    assert {here(w, item) for item in items} == {each_posts}
    assert count_postings(w.jieli.db) - before == callers * each_posts >= 10_000
    proof = w.jieli.db.read_now(prove)
    assert proof.problems == ()
    facts = {"test": "S4", "postings": callers * each_posts, "seconds": round(took, 2)}
    print(orjson.dumps(facts).decode())


def count_postings(db: Database) -> int:
    return db.read_now(
        lambda conn: conn.execute(select(func.count()).select_from(postings)).scalar_one()
    )


# -- a hundred times the same ----------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Op:
    """One operation, the same with other content, and how to see its effect."""

    login: str
    path: str
    body: Wire
    other: Wire
    effect: Callable[[World, Wire], Awaitable[object]]
    wanted: object


async def repeat(w: World, op: Op, times: int = 100) -> Wire:
    """Send it `times` times at once, then once with other content."""
    key = new_id(w.clock.now())
    answers: list[httpx.Response] = await asyncio.gather(
        *(w.send(op.login, op.path, op.body, key=key) for _ in range(times))
    )
    assert {each.status_code for each in answers} <= {200, 201}, answers[0].text
    assert len({each.content for each in answers}) == 1, "the same answer every time"
    made: Wire = answers[0].json()
    assert await op.effect(w, made) == op.wanted
    changed = await w.send(op.login, op.path, op.other, key=key)
    assert (changed.status_code, changed.json()["code"]) == (422, "key_reused")
    assert await op.effect(w, made) == op.wanted
    assert w.prove() == ()
    return made


def at(place: str, item: str) -> Callable[[World, Wire], Awaitable[object]]:
    async def look(w: World, _: Wire) -> object:
        return here(w, w.seeded.items[item], place)

    return look


def happened(
    kind: str, subject: Callable[[Wire], str]
) -> Callable[[World, Wire], Awaitable[object]]:
    async def look(w: World, made: Wire) -> object:
        return events_of(w, subject(made))[kind]

    return look


def goods(w: World, quantity: str, start: str, to: str) -> Wire:
    """One line of straws."""
    places = w.seeded.locations
    line = {"item_id": w.seeded.items["JL-203"], "quantity": quantity}
    return line | {"from_location": places[start], "to_location": places[to]}


def posting_op(w: World) -> Op:
    bodies = [{"kind": "receive", "lines": [goods(w, n, "SUPPLIER", SHELF)]} for n in ("50", "51")]
    return Op("sunli", "/api/postings", bodies[0], bodies[1], at(SHELF, "JL-203"), 50)


def reserve_op(w: World) -> Op:
    wish = {"item_id": w.seeded.items["JL-203"], "warehouse_id": w.seeded.warehouses["ZJ"]}
    path = f"/api/items/{w.seeded.items['JL-203']}/promise"

    async def promised(w: World, _: Wire) -> object:
        return (await w.get("sunli", path))["available"]

    bodies = [wish | {"quantity": n} for n in ("5", "6")]
    return Op("sunli", "/api/reservations", bodies[0], bodies[1], promised, "39995")


def move_op(w: World) -> Op:
    post_goods(w)
    bodies = [goods(w, n, SHELF, OTHER_SHELF) for n in ("7", "8")]
    return Op("sunli", "/api/moves", bodies[0], bodies[1], at(OTHER_SHELF, "JL-203"), 7)


def post_goods(w: World) -> None:
    places = w.seeded.locations
    line = Line(w.seeded.items["JL-203"], 50 * ONE, places["SUPPLIER"], places[SHELF])
    w.jieli.db.write_now(lambda tx: post(tx, ENGINE, Posting("goods-for-it", "receive", (line,))))


def transfer_op(w: World) -> Op:
    post_goods(w)
    ends = {
        "code": "DB-0001",
        "from_warehouse": w.seeded.warehouses["ZJ"],
        "to_warehouse": w.seeded.warehouses["SJ"],
    }
    bodies = [
        ends | {"lines": [{"item_id": w.seeded.items["JL-203"], "quantity": n}]} for n in ("7", "8")
    ]

    async def tasks(w: World, made: Wire) -> object:
        found = (await w.get("liqiang", "/api/tasks"))["items"]
        return len([each for each in found if each["subject"] == f"transfer:{made['id']}"])

    return Op("sunli", "/api/transfers", bodies[0], bodies[1], tasks, 1)


def order_op(w: World) -> Op:
    async def orders(w: World, _: Wire) -> object:
        found = (await w.get("wangmin", "/api/orders"))["items"]
        return len([each for each in found if each["code"].startswith("CG-9")])

    bodies = [order_of(w.seeded, number) for number in (1, 2)]
    return Op("wangmin", "/api/orders", bodies[0], bodies[1], orders, 1)


@pytest.mark.parametrize("op", [posting_op, reserve_op, move_op, transfer_op, order_op])
async def test_a_hundred_repeats_have_one_effect(w: World, op: Callable[[World], Op]) -> None:
    """A client that hears nothing asks again, and again."""
    await repeat(w, op(w))


async def test_a_hundred_repeats_of_receiving_and_putting_away(w: World) -> None:
    order = await w.do("wangmin", "/api/orders", order_of(w.seeded, 1))
    arrived = mouldy(order["lines"][0]["id"], 1) | {"accepted": "24", "rejected": "0"}
    arrived |= {"reason": "", "checks": {"package": "yes", "label": "yes", "date": "yes"}}
    dock = at("ZJ-DOCK", "JL-101")
    path, other = "/api/receipts/combined", arrived | {"lot_code": "K0002"}
    made = await repeat(w, Op("sunli", path, arrived, other, dock, 24))
    away = {
        "item_id": w.seeded.items["JL-101"],
        "lot_id": made["receipt"]["lines"][0]["lot_id"],
        "quantity": "24",
        "from_location": w.seeded.locations["ZJ-DOCK"],
        "to_location": w.seeded.locations["ZJ-B-04-3"],
    }
    bin_ = at("ZJ-B-04-3", "JL-101")
    await repeat(w, Op("sunli", "/api/putaways", away, away | {"quantity": "12"}, bin_, 24))


async def test_a_hundred_repeats_of_a_counted_line(w: World) -> None:
    post_goods(w)
    place = w.seeded.locations[SHELF]
    sheet = {"code": "PD-1", "warehouse_id": w.seeded.warehouses["ZJ"], "location_ids": [place]}
    count = (await w.do("sunli", "/api/counts", sheet))["count_id"]
    line = {"location_id": place, "item_id": w.seeded.items["JL-203"]}
    seen = {"count_id": count, "lines": [line | {"quantity": "50"}]}
    other = {"count_id": count, "lines": [line | {"quantity": "49"}]}
    recorded = happened("count.recorded", lambda made: f"count:{made['count_id']}")
    await repeat(w, Op("sunli", "/api/counts/record", seen, other, recorded, 1))


async def test_a_hundred_repeats_of_a_comment_and_of_an_answer(w: World) -> None:
    task = await failed_inspection(w)
    said = happened("task.commented", lambda made: f"task:{made['id']}")
    path = f"/api/tasks/{task}/comments"
    await repeat(w, Op("wangmin", path, {"body": "已电话供应商"}, {"body": "没打通"}, said, 1))
    done = happened("task.done", lambda made: f"task:{made['task_id']}")
    answer = {"action": "return", "inputs": {"reason": "依据质检结论"}}
    await repeat(
        w, Op("wangmin", f"/api/tasks/{task}/act", answer, answer | {"action": "scrap"}, done, 1)
    )
    assert decided(w, "return")
