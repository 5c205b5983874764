"""Two people did the same work, one of them without a connection: nothing is lost or guessed."""

from __future__ import annotations

from typing import Any

import pytest

from core.actions import Press, perform
from core.orders.sales.pick import Pick, pick
from core.stock import prove
from core.tasks import board
from core.tasks.task import Task
from tests.pda.floor import Floor, Scanner
from tests.pda.test_facts import line_of, opened, stock
from tests.pda.test_outgoing import shelve_goods, sold


@pytest.fixture
def shelved(floor: Floor) -> Floor:
    floor.db.write_now(shelve_goods)
    return floor


async def late(gun: Scanner, flow: str, action: str, op_id: str, **inputs: Any) -> dict[str, Any]:
    frame = {"t": "submit", "id": op_id, "flow": flow, "action": action, "inputs": inputs}
    return await gun.do(frame | {"late": True, "at": "2026-03-02T01:00:00Z"})


def asked(floor: Floor) -> list[Task]:
    boss = floor.person("boss").person_id
    views = floor.db.read_now(lambda conn: board.inbox(conn, boss))
    return [view.task for view in views if view.task.kind == "conflict"]


def answer(floor: Floor, task: Task, action: str) -> str:
    boss = floor.person("boss")
    press = Press(task.id, None, action, floor.new_id())
    return floor.db.write_now(lambda tx: perform(tx, boss, press)).sentence


async def test_a_stop_that_a_colleague_picked_meanwhile_is_asked_about_once(
    shelved: Floor, gun: Scanner
) -> None:
    stop = sold(shelved, ("A-001", 12)).lines[0]
    colleague = shelved.person("li", "pda")
    shelved.db.write_now(lambda tx: pick(tx, colleague, Pick("p-other-1", stop.id)))
    facts = {"line_id": stop.id, "quantity": "12"}
    first = await late(gun, "pick", "pick", "p-late-0001", **facts)
    assert first["message"]["code"] == "already_picked"
    assert first["message"]["text"].startswith("已转主管判断：")
    assert first["conflict"]["mine"] == "从 A-02 拣 低糖基料 12 件（SO-1）"
    again = await late(gun, "pick", "pick", "p-late-0001", **facts)
    assert again == first
    [task] = asked(shelved)
    assert task.id == first["conflict"]["task_id"]
    assert {fact.label for fact in task.card.facts} >= {"现场记的", "系统里", "谁做的", "什么时候"}
    assert answer(shelved, task, "server").startswith("以系统为准")
    heard = await gun.take("event")  # whoever did it hears who was right
    while heard["task"]["id"] != task.id or heard["task"]["state"] != "done":
        heard = await gun.take("event")
    assert "赵主管" in heard["task"]["result"]
    assert task.id not in gun.inbox
    assert stock(shelved, "A-001") == {("A-02", "ok"): 12, ("ZJ-OUT", "ok"): 12}


async def test_if_the_hands_are_right_the_bin_is_counted(shelved: Floor, gun: Scanner) -> None:
    stop = sold(shelved, ("A-001", 12)).lines[0]
    colleague = shelved.person("li", "pda")
    shelved.db.write_now(lambda tx: pick(tx, colleague, Pick("p-other-1", stop.id)))
    await late(gun, "pick", "pick", "p-late-0001", line_id=stop.id, quantity="12")
    said = answer(shelved, asked(shelved)[0], "mine")
    assert said.startswith("以现场为准：已开盘点 PD-离线-")
    zhang = shelved.person("zhang").person_id
    views = shelved.db.read_now(lambda conn: board.inbox(conn, zhang))
    assert "count" in {view.task.kind for view in views}


async def test_goods_that_came_twice_are_booked_as_more_than_ordered(
    floor: Floor, gun: Scanner
) -> None:
    """A colleague received the whole line; offline more of it was put on the shelf."""
    line = line_of(await opened(gun), "B-002")
    whole = {"order_id": line["order_id"], "line_id": line["id"], "quantity": "100", "bin": "B-01"}
    frame = {"t": "submit", "flow": "receive", "action": "confirm", "inputs": whole}
    assert (await gun.do(frame))["ok"]
    more = whole | {"quantity": "20"}
    refused = await late(gun, "receive", "confirm", "p-late-0002", **more)
    assert refused["message"]["code"] == "too_much_received"
    [task] = asked(floor)
    answer(floor, task, "mine")
    assert stock(floor, "B-002") == {("B-01", "ok"): 120}
    assert floor.db.read_now(prove).problems == ()


async def test_what_a_person_can_still_mend_is_no_conflict(floor: Floor, gun: Scanner) -> None:
    """Online the same refusal is a sentence; a malformed form is one offline too."""
    line = line_of(await opened(gun), "B-002")
    much = {"order_id": line["order_id"], "line_id": line["id"], "quantity": "500", "bin": "B-01"}
    frame = {"t": "submit", "flow": "receive", "action": "confirm", "inputs": much}
    assert "conflict" not in await gun.do(frame)
    nonsense = await late(gun, "receive", "confirm", "p-late-0003", **(much | {"quantity": "viel"}))
    assert "conflict" not in nonsense
    assert asked(floor) == []
