"""Two people did the same work, one of them without a connection: nothing is lost or guessed."""

from __future__ import annotations

from typing import Any

import pytest

from core.actions import Press, perform
from core.orders.sales.cancel import CancelSale, cancel_sale
from core.orders.sales.pick import Pick, pick
from core.quantity import ONE
from core.stock import prove
from core.tasks import board
from core.tasks.task import Task
from tests.pda.floor import Floor, Scanner
from tests.pda.test_facts import line_of, opened, stock, tell
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


async def test_a_pick_for_an_order_that_was_given_up_meanwhile_is_asked_about(
    shelved: Floor, gun: Scanner
) -> None:
    """Half was booked, then the customer cancelled, then the rest comes from an offline scanner."""
    stop = sold(shelved, ("A-001", 12)).lines[0]
    colleague, boss = shelved.person("li", "pda"), shelved.person("boss")
    shelved.db.write_now(lambda tx: pick(tx, colleague, Pick("p-half-1", stop.id, 6 * ONE)))
    give_up = CancelSale("p-cancel-1", stop.sale_id, "客户不要了")
    assert shelved.db.write_now(lambda tx: cancel_sale(tx, boss, give_up)).state == "cancelled"
    told = {"line_id": stop.id, "quantity": "6"}
    refused = await late(gun, "pick", "pick", "p-late-0009", **told)
    assert refused["message"]["code"] == "already_picked"
    assert "已经取消" in refused["message"]["text"]
    missing = {"line_id": stop.id, "quantity": "0", "reason": "missing"}
    short = await late(gun, "pick", "short", "p-late-0010", **missing)
    assert short["message"]["code"] == "already_picked"
    box = {"sale_id": stop.sale_id, "box": [{"item_id": stop.item_id, "quantity": "6"}]}
    boxed = await late(gun, "pack", "close", "p-late-0011", **box)
    assert boxed["message"]["code"] == "not_what_was_picked"
    gone = await late(gun, "pack", "ship", "p-late-0012", sale_id=stop.sale_id)
    assert gone["message"]["code"] == "nothing_open"
    assert len(asked(shelved)) == 4
    said = answer(shelved, asked(shelved)[0], "server")
    assert said.startswith("以系统为准")


async def test_what_waits_to_be_put_back_is_in_the_scanners_inbox_with_its_button(
    shelved: Floor, gun: Scanner
) -> None:
    stop = sold(shelved, ("A-001", 12)).lines[0]
    colleague, boss = shelved.person("li", "pda"), shelved.person("boss")
    shelved.db.write_now(lambda tx: pick(tx, colleague, Pick("p-whole-1", stop.id)))
    give_up = CancelSale("p-cancel-1", stop.sale_id, "客户不要了")
    shelved.db.write_now(lambda tx: cancel_sale(tx, boss, give_up))
    while not (found := [each for each in gun.inbox.values() if each["kind"] == "put_back"]):
        await gun.hear()
    [task] = found
    assert [button["label"] for button in task["buttons"]] == ["全部放回原库位"]
    carry = {"from": "ZJ-OUT", "to": "A-01", "item_code": "A-001", "quantity": "5", "lot": "L-7"}
    moved = await tell(gun, "transfer", "move", **carry)
    assert moved["ok"], moved["message"]
    refused = await tell(gun, "transfer", "move", **(carry | {"from": "A-01", "to": "ZJ-OUT"}))
    assert refused["message"]["code"] == "stage_by_hand"
    press = {"t": "act", "task_id": task["id"], "generation": task["generation"]}
    done = await gun.do(press | {"action": "put_back"})
    assert done["ok"], done
    assert stock(shelved, "A-001") == {("A-01", "ok"): 5, ("A-02", "ok"): 19}
    assert shelved.db.read_now(prove).problems == ()
