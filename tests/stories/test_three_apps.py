"""One task on three chat apps and a scanner: the first answer wins, the others say who and when.

`JIELI_RACES=1000` plays that many races instead of a dozen.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from random import Random  # noqa: TID251  # seeded: a failure is the same again
from typing import Any

import pytest

from api.demo.company import account_of, reached_everywhere
from api.demo.data import PIN
from api.demo.handheld import Handheld
from bots.simulator import dingtalk, telegram, wecom
from core.clock import SECOND
from core.people import ENGINE, hash_secret, update_person
from tests.world import Wire, World, pressable, text_of

BUYER, BADGE = "wangmin", "B2001"
RACES = int(os.environ.get("JIELI_RACES", "12"))
SEED = int(os.environ.get("JIELI_SEED", "20261126"))
LABELS = {"return": "退回供应商", "concession": "让步接收", "scrap": "报废"}


class Apps:
    """The buyer with three phones and a scanner."""

    def __init__(self, w: World, gun: Handheld) -> None:
        self.w, self.gun = w, gun
        self._arrived = 0

    async def rejects(self) -> Wire:
        """Goods arrive and are rejected: the buyer has to decide. The task."""
        self._arrived += 1
        arrive = {
            "order_line_id": self.line,
            "quantity": "1",
            "lot_code": f"L-{self._arrived:05d}",
            "expires_on": "2027-03-01",
            "accepted": "0",
            "rejected": "1",
            "reason": "发霉",
            "checks": {"package": "no"},
        }
        await self.w.do("admin", "/api/receipts/combined", arrive)
        self.w.clock.advance(10 * SECOND)  # nobody gets two cards in one second
        await self.w.settle()
        await self.gun.hear()
        return max(
            (t for t in self.gun.inbox.values() if t["kind"] == "qc_decide"), key=lambda t: t["id"]
        )

    async def order(self, quantity: int) -> None:
        """An order large enough for so many arrivals."""
        made = await self.w.do(
            "wangmin",
            "/api/orders",
            {
                "code": "PO-APPS",
                "supplier_id": self.w.seeded.partners["S-HENGSHUN"],
                "warehouse_id": self.w.seeded.warehouses["ZJ"],
                "lines": [
                    {"item_id": self.w.seeded.items["JL-001"], "quantity": str(quantity)},
                ],
                "due_on": "2026-03-05",
                "buyer_id": self.w.seeded.people[BUYER],
            },
        )
        self.line = str(made["lines"][0]["id"])

    # -- hands -----------------------------------------------------------------------------------
    def hands(self, task: Wire, action: str) -> dict[str, Callable[[], Awaitable[Any]]]:
        """The four ways to press the same button."""
        label, stage = LABELS[action], self.w.stage
        return {
            "wecom": lambda: stage.simulator.press(BUYER, label),
            "dingtalk": lambda: stage.dingtalk.press(account_of(BUYER, "dingtalk"), label),
            "telegram": lambda: stage.telegram.press(account_of(BUYER, "telegram"), label),
            "scanner": lambda: self.gun.act(task, action),
        }

    def shown(self) -> dict[str, str]:
        """All words of the newest card in each app."""
        stage = self.w.stage
        ding = stage.dingtalk.wire(stage.dingtalk.pane(account_of(BUYER, "dingtalk"))[-1])
        return {
            "wecom": text_of([v for v in self.w.pane(BUYER) if v.kind == "template_card"][-1]),
            "dingtalk": str(ding),
            "telegram": str(stage.telegram.pane(account_of(BUYER, "telegram"))[-1].content),
        }

    def buttons(self) -> dict[str, bool]:
        """Whether the newest card of each app can still be pressed."""
        stage = self.w.stage
        mine = [v for v in self.w.pane(BUYER) if v.kind == "template_card"][-1]
        ding = stage.dingtalk.wire(stage.dingtalk.pane(account_of(BUYER, "dingtalk"))[-1])
        chat = stage.telegram.pane(account_of(BUYER, "telegram"))[-1]
        return {
            "wecom": not mine.grey and pressable(mine),
            "dingtalk": any(block["type"] == "button" for block in ding["blocks"]),
            "telegram": bool(chat.content.get("reply_markup", {}).get("inline_keyboard")),
        }


@pytest.fixture
async def apps(w: World) -> Apps:
    """Wang Min with WeCom, DingTalk, Telegram and a scanner of her own."""
    pin = hash_secret(PIN)

    def more(tx: Any) -> None:
        reached_everywhere(tx, w.seeded.people)
        values = {"badge": BADGE, "pin_hash": pin}
        update_person(tx, ENGINE, w.seeded.people[BUYER], values)

    w.jieli.db.write_now(more)
    await w.stage.register()
    made = await w.do("admin", "/api/devices/codes", {"name": "9号枪"})
    gun = Handheld(w._dial, w.clock, BADGE, PIN)
    w._scanners.append(gun)
    await gun.enrol(made["code"])
    apps = Apps(w, gun)
    await apps.order(max(RACES, 20))
    return apps


@pytest.mark.parametrize("by", ["wecom", "dingtalk", "telegram", "scanner"])
async def test_whoever_answers_first_the_others_say_who_and_when(apps: Apps, by: str) -> None:
    task = await apps.rejects()
    assert apps.buttons() == dict.fromkeys(("wecom", "dingtalk", "telegram"), True)
    await apps.hands(task, "return")[by]()
    await apps.w.settle()
    face = {"wecom": "企业微信", "dingtalk": "钉钉", "telegram": "Telegram", "scanner": "扫码枪"}[
        by
    ]
    for app, words in apps.shown().items():
        assert f"已由 王敏 在{face}处理：退回供应商" in words, (app, words)
    assert not any(apps.buttons().values())
    await apps.gun.hear()
    assert task["id"] not in apps.gun.inbox
    assert apps.w.prove() == ()


async def test_a_card_pressed_too_late_is_told_who_won(apps: Apps) -> None:
    """The cards of the others have not changed yet: the press itself answers."""
    task = await apps.rejects()
    hands = apps.hands(task, "scrap")
    await apps.gun.act(task, "return")
    for app in ("wecom", "telegram", "dingtalk"):
        await hands[app]()
    toast = apps.w.stage.telegram.pane(account_of(BUYER, "telegram"))[-1]
    assert "已由 王敏 在扫码枪处理" in str(apps.w.stage.telegram.wire(toast))
    ding = apps.w.stage.dingtalk
    assert "已由 王敏" in str(ding.wire(ding.pane(account_of(BUYER, "dingtalk"))[-1]))
    await apps.w.settle()
    assert await decided(apps.w, task) == ["return"]


async def test_races_have_exactly_one_winner(apps: Apps) -> None:
    rng = Random(SEED)
    for number in range(RACES):
        task = await apps.rejects()
        wishes = {app: rng.choice(list(LABELS)) for app in ("wecom", "dingtalk", "telegram", "gun")}
        runs = [apps.hands(task, wish)[_hand(app)] for app, wish in wishes.items()]
        rng.shuffle(runs)
        ends = await asyncio.gather(*(run() for run in runs), return_exceptions=True)
        broken = [end for end in ends if isinstance(end, Exception) and not _late(end)]
        assert not broken, (SEED, number, broken)
        await apps.w.settle()
        found = await decided(apps.w, task)
        assert len(found) == 1, (SEED, number, wishes, found)
        assert found[0] in wishes.values()
        for app, words in apps.shown().items():
            assert f"处理：{LABELS[found[0]]}" in words, (SEED, number, app, words)
        assert not any(apps.buttons().values()), (SEED, number)
        await apps.gun.hear()
        assert task["id"] not in apps.gun.inbox, (SEED, number)
    assert apps.w.prove() == ()


def _hand(app: str) -> str:
    return "scanner" if app == "gun" else app


def _late(problem: Exception) -> bool:
    """The card had changed before the thumb came down: there was no button to press."""
    return isinstance(problem, wecom.CannotPress | dingtalk.CannotPress | telegram.CannotPress)


async def decided(w: World, task: Wire) -> list[str]:
    """What was decided, as often as the log says that it was."""
    found = await w.get("admin", f"/api/subjects/task:{task['id']}/events")
    ends = [each for each in found["items"] if each["kind"] == "task.done"]
    books = await w.get("admin", "/api/tasks", kind="qc_decide", state=["done"])
    (done,) = [each for each in books["items"] if each["id"] == task["id"]]
    (action,) = [key for key, label in LABELS.items() if f"处理：{label}" in done["result"]]
    return [action] * len(ends)
