"""The channel behind the real outbox: queue, deliver, press, change, close; nothing is mocked."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

from bots.simulator.wecom import Fault
from bots.wecom import CODE_LIVES, card_id_of
from core.clock import MINUTE
from core.db import Database, Tx
from core.outbox.queue import find_token
from core.outbox.surfaces import add_code, amend_handle, surface_of_card, surfaces_of
from tests.bots.conftest import CARD, ENDED, Corp
from tests.bots.office import TASK, Outboxed


class Office(Outboxed):
    """Two people on WeCom."""

    def __init__(self, db: Database, corp: Corp) -> None:
        accounts = {"王芳": {"wecom": "WangFang"}, "李四": {"wecom": "LiSi"}}
        super().__init__(db, corp.clock, {"wecom": corp.channel}, accounts)
        self.corp = corp


async def test_a_task_goes_out_is_pressed_and_closes_on_every_phone(
    db: Database, corp: Corp
) -> None:
    office = Office(db, corp)
    await office.send()
    await corp.sim.press("WangFang", "退回供应商", selected={"reason": ["expiry"]})
    (click,) = corp.clicks()
    token = db.read_now(lambda conn: find_token(conn, click.token))
    assert token is not None
    assert (token.task_id, token.action) == (TASK, "return")
    assert token.person_id == office.people[0]
    await office.change(ENDED)
    for user_id in ("WangFang", "LiSi"):
        (view,) = corp.sim.pane(user_id)
        assert view.grey == "已结束"
        assert view.content["main_title"]["desc"] == ENDED.result


async def test_a_click_gives_the_code_for_one_more_change(db: Database, corp: Corp) -> None:
    office = Office(db, corp)
    await office.send()
    await corp.sim.press("LiSi", "让步接收")
    (click,) = corp.clicks()
    ends = corp.clock.now() + CODE_LIVES

    def keep(tx: Tx) -> None:
        surface = surface_of_card(tx.conn, card_id_of(click.card))
        assert surface is not None
        amend_handle(tx, surface.id, lambda known: add_code(known, click.code, ends))

    await db.write(keep)
    await office.change(replace(CARD, lead="李四 正在处理"))
    await office.change(ENDED, generation=3)
    (own,) = corp.sim.pane("LiSi")
    assert own.kind == "template_card"
    assert own.grey == "已结束"
    (other,) = corp.sim.pane("WangFang")
    assert other.kind == "text", "no code was left there: the end is told in words"
    assert ENDED.result in other.content["content"]


async def test_trouble_at_the_vendor_delays_and_never_doubles(db: Database, corp: Corp) -> None:
    office = Office(db, corp)
    corp.sim.order(Fault("message/send", errcode=-1))
    corp.sim.order(Fault("message/send", after=True))
    await office.send()
    for _ in range(30):
        await office.wait(MINUTE)
    for user_id in ("WangFang", "LiSi"):
        assert [view.kind for view in corp.sim.pane(user_id)] == ["template_card"]


async def test_a_card_that_lost_its_answer_can_still_be_closed(db: Database, corp: Corp) -> None:
    office = Office(db, corp)
    corp.sim.order(Fault("message/send", after=True))
    await office.send()
    await office.wait(5 * MINUTE)
    await office.change(ENDED)
    await office.wait(5 * MINUTE)
    live = db.read_now(lambda conn: surfaces_of(conn, TASK, live_only=True))
    assert live == []
    for user_id in ("WangFang", "LiSi"):
        last = corp.sim.pane(user_id)[-1]
        assert last.grey == "已结束" or ENDED.result in last.content["content"]


def test_starting_costs_no_vendor_library() -> None:
    code = "import sys, bots.wecom; sys.exit('wechatpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
